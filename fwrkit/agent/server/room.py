"""Room on the server's disk: what stays free whatever citizens bring, since tables and history have to go on."""

from __future__ import annotations

import shutil
from pathlib import Path

RESERVE = 256 * 1024**2  # bytes; of a small disk the share below
_SHARE = 20


def room(place: Path) -> int:
    """Return how many bytes may be brought to the disk of a place, negative if its reserve is used already."""
    usage = shutil.disk_usage(place)
    return usage.free - min(RESERVE, usage.total // _SHARE)
