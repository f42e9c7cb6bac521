"""Flat directories in which contents travel: each under the hash of its path, so that no chosen name ever meets a filesystem there."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path


def place_name(path: bytes) -> str:
    """Given a path of the world, return the name under which its content lies in a flat directory."""
    return hashlib.sha256(path).hexdigest()


def empty(directory: Path) -> None:
    """Remove everything in a directory, following no link."""
    for item in os.scandir(directory):
        if item.is_dir(follow_symlinks=False):
            shutil.rmtree(item.path)
        else:
            os.unlink(item.path)
