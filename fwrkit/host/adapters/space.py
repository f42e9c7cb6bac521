"""Disk space of this machine: a full disk is told from other failures by looking, never by what a program said."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from fwrkit.core.errors import ExitCode, FwrError

DOCKER_ROOT = "/var/lib/docker"
_TOO_LITTLE = 32 << 20  # bytes: what Docker needs for a layer's bookkeeping, and far below what anybody would call free


def is_full(path: str, too_little: int = _TOO_LITTLE) -> bool:
    """Given a path, say whether its filesystem has next to no bytes or inodes left; False where that cannot be told."""
    try:
        seen = os.statvfs(path)
    except OSError:
        return False
    return seen.f_bavail * seen.f_frsize < too_little or (seen.f_files > 0 and seen.f_favail < 64)


@contextmanager
def told(*places: str) -> Iterator[None]:
    """Turn a failure (FAILED) within the block into NO_SPACE if Docker's directory or one of ``places`` is on a full disk."""
    try:
        yield
    except FwrError as error:
        full = first_full((DOCKER_ROOT, *places))
        if error.code != ExitCode.FAILED or full is None:
            raise
        raise FwrError(ExitCode.NO_SPACE, f"The disk that holds {full} is full.", "Make room, then repeat the command.") from error


def first_full(places: Iterable[str]) -> str | None:
    """Given some paths, return the first that is on a full disk, or None."""
    return next((place for place in places if is_full(place)), None)
