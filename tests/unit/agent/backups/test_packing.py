"""The stream of a backup: compressed and back, and what it begins with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fwrkit.agent.backups import packing
from fwrkit.core.backups import read_header
from fwrkit.core.commands import Command, check
from fwrkit.core.errors import FwrError
from tests.unit.agent.backups.node import HEADER

CONTENT = b"fwrkit.json" + b"text " * 100_000


def pack(file: Path, *, is_compressed: bool) -> Path:
    fd = os.open(file, os.O_WRONLY | os.O_CREAT)
    with packing.packed(fd, HEADER, is_compressed=is_compressed) as write:
        write(CONTENT)
    os.close(fd)
    return file


@pytest.mark.parametrize("is_compressed", [True, False])
def test_it_comes_back(tmp_path: Path, is_compressed: bool) -> None:
    file = pack(tmp_path / "x", is_compressed=is_compressed)
    assert (file.stat().st_size < 10_000) == is_compressed
    fd = os.open(file, os.O_RDONLY)
    with packing.unpacked(fd) as (header, read):
        assert read(5) + read(len(CONTENT) + 5) == CONTENT
    os.close(fd)
    assert header == (HEADER if is_compressed else None)


def test_zstd_itself_takes_it(tmp_path: Path) -> None:
    file = pack(tmp_path / "x", is_compressed=True)
    assert check(Command(["zstd", "--quiet", "--stdout", "--decompress", str(file)])).stdout == CONTENT
    with file.open("rb") as opened:
        assert read_header(opened) == HEADER


def test_what_is_left_unfinished_ends_zstd(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "x", os.O_WRONLY | os.O_CREAT)
    with pytest.raises(KeyError), packing.packed(fd, HEADER, is_compressed=True):
        raise KeyError
    os.close(fd)


def test_a_line_is_read_and_nothing_behind_it() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"line\nrest")
    os.close(writing)
    assert (packing.read_line(reading), os.read(reading, 10), packing.read_line(reading)) == (b"line\n", b"rest", b"")
    os.close(reading)


@pytest.mark.parametrize("content", [b"", b"fwrkit", b"something else altogether"])
def test_what_is_no_backup_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    fd = os.open(tmp_path / "x", os.O_RDONLY)
    with pytest.raises(FwrError), packing.unpacked(fd):
        raise AssertionError
    os.close(fd)
