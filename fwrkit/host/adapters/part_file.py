"""A file that is there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fwrkit.core.errors import ExitCode, FwrError

SUFFIX = ".part"


@contextmanager
def written(target: Path) -> Iterator[BinaryIO]:
    """Give a file to write; when the block ends it is on disk under its name, which nobody has. If the block fails, nothing is left.

    Raise FwrError: TAKEN (there is such a file, or somebody writes it), NOT_FOUND (no such directory), NO_SPACE.
    """
    part = target.with_name(target.name + SUFFIX)
    if target.exists() or target.is_symlink():
        raise _taken(target)
    try:
        fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileNotFoundError as error:
        raise FwrError(ExitCode.NOT_FOUND, f"There is no directory {target.parent}.", f"Make it first: mkdir -p {target.parent}") from error
    with open(fd, "wb") as file:
        if not _is_ours(fd):
            raise FwrError(ExitCode.TAKEN, f"Another process writes {part}.", "Wait until it has ended, or give another name.")
        try:
            with told(target.parent):
                file.truncate(0)
                yield file
                file.flush()
                os.fsync(fd)
            _name(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    _sync(target.parent)


@contextmanager
def told(place: Path) -> Iterator[None]:
    """Turn a full disk within the block into FwrError (NO_SPACE)."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise FwrError(
            ExitCode.NO_SPACE, f"The disk that holds {place} is full.", "Make room, or give another place, then try again."
        ) from error


def drop_leftover(part: Path) -> None:
    """Remove what a killed process left unfinished, unless somebody writes it."""
    with contextlib.suppress(OSError):
        fd = os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if _is_ours(fd):
                part.unlink()
        finally:
            os.close(fd)


def _is_ours(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _name(part: Path, target: Path) -> None:
    try:
        os.link(part, target)  # a rename would replace what somebody has put there meanwhile
        part.unlink()
    except FileExistsError as error:
        raise _taken(target) from error
    except OSError:  # a filesystem without links
        if target.exists():
            raise _taken(target) from None
        part.rename(target)


def _taken(target: Path) -> FwrError:
    return FwrError(ExitCode.TAKEN, f"There is a file {target} already.", "Give another name, or move it away.")


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
