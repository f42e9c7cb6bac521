"""The stream of a backup, compressed or not: how it begins, and zstd at its side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fwrkit.agent.files.tree import write_all
from fwrkit.core import backups
from fwrkit.core.backups import Header
from fwrkit.core.commands import Command, start
from fwrkit.core.errors import ExitCode, FwrError

_CLEAN = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
_TAR_BEGINNING = backups.HEADER.encode()


@contextmanager
def packed(out: int, header: Header, *, is_compressed: bool) -> Iterator[Callable[[bytes], object]]:
    """Give what writes an archive to a descriptor. When the block ends, everything is written. Raise FwrError (FAILED) if zstd fails."""
    if not is_compressed:
        with open(out, "wb", buffering=1 << 20, closefd=False) as file:
            yield file.write
        return
    write_all(out, backups.frame(header.encode()))
    reading, writing = os.pipe()
    try:
        # a node goes on working beside it: one thread, level 3 (some 200 MB a second), with zstd's own checksum
        process = start(Command(["nice", "zstd", "--quiet", "--stdout", "-3", "-T1"], env=_CLEAN, clean=True), stdin=reading, stdout=out)
    finally:
        os.close(reading)
    try:
        with open(writing, "wb", buffering=1 << 20) as file:
            yield file.write
    except BrokenPipeError as error:
        raise FwrError(ExitCode.FAILED, "Compressing ended too early: nobody takes the backup any more.", "Try again.") from error
    except BaseException:
        process.kill()
        raise
    finally:
        status = process.wait()
    if status != 0:
        raise FwrError(ExitCode.FAILED, f"Compressing failed (zstd, status {status}).", "Try again.")


@contextmanager
def unpacked(source: int) -> Iterator[tuple[Header | None, Callable[[int], bytes]]]:
    """Give a backup's header (None if it is not compressed: then its first member has it) and what reads the archive in it.

    Raise FwrError (FAILED) if it is no backup. What follows what is read is not looked at, but zstd has to be content with what it read.
    """
    beginning = _exactly(source, backups.FRAME_START)
    length = backups.frame_length(beginning)
    if length is None:
        if beginning != _TAR_BEGINNING[: backups.FRAME_START]:
            raise backups.no_backup()
        with open(source, "rb", buffering=1 << 20, closefd=False) as file:
            yield None, _after(beginning, file.read)
        return
    header = Header.decode(_exactly(source, length))
    reading, writing = os.pipe()
    try:
        process = start(Command(["zstd", "--quiet", "--stdout", "--decompress"], env=_CLEAN, clean=True), stdin=source, stdout=writing)
    finally:
        os.close(writing)
    try:
        with open(reading, "rb", buffering=1 << 20) as file:
            yield header, file.read
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.wait() != 0:
        raise FwrError(
            ExitCode.FAILED, "This backup is damaged: what follows its end is not a backup's.", "Nothing was touched. Take another one."
        )


def _after(beginning: bytes, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    left = beginning

    def taken(count: int) -> bytes:
        nonlocal left
        first, left = left[:count], left[count:]
        return first + (read(count - len(first)) if len(first) < count else b"")

    return taken


def _exactly(fd: int, count: int) -> bytes:
    found = b""
    while len(found) < count and (piece := os.read(fd, count - len(found))):
        found += piece
    return found


def read_line(fd: int, limit: int = 1 << 20) -> bytes:
    """Return the first line of a descriptor and take nothing of what follows it."""
    found = bytearray()
    while len(found) < limit and (piece := os.read(fd, 1)):
        found += piece
        if piece == b"\n":
            break
    return bytes(found)
