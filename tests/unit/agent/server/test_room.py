"""What stays free on a disk, large or small."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from fwrkit.agent.server.room import RESERVE, room

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("total", "free", "expected"),
    [(10**12, 10**11, 10**11 - RESERVE), (10**12, 0, -RESERVE), (64 * 1024**2, 50 * 1024**2, 50 * 1024**2 - 64 * 1024**2 // 20)],
)
def test_a_reserve_that_fits_the_disk(monkeypatch: pytest.MonkeyPatch, total: int, free: int, expected: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(total, total - free, free))
    assert room(Path("/")) == expected
