"""How long a scenario goes on: short for `make test`, in full when the environment has FWRKIT_NIGHTLY=1."""

from __future__ import annotations

import os

IS_NIGHTLY = os.environ.get("FWRKIT_NIGHTLY") == "1"


def scale(short: int, full: int) -> int:
    """Return one of two numbers: the short one unless it is night."""
    return full if IS_NIGHTLY else short
