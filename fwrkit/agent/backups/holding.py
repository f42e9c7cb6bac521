"""What of a node belongs together, kept still for a backup: tables, files that they name, and where the history stands at that moment.

On a server that runs, the thread that writes the history does it: tables and history then say the same. All else may go on: contents that tables
name are linked, and objects of a history are never removed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fwrkit.agent.files import database
from fwrkit.agent.repository import Repository
from fwrkit.core.errors import ExitCode, FwrError

DATABASES = ("hub.sqlite", "record.sqlite")
_NAMED = {"incoming": ("pending", "incoming"), "reviews": ("reviews", "file")}  # directory: by which table and column of the server's
REFERENCES = "packed-refs"
_LIMIT = 256 * 1024 * 1024  # bytes of references
_PREFIX = "backup-"


@contextmanager
def scratch(state: Path) -> Iterator[Path]:
    """Give a directory of the state's filesystem for the time of a block; what a killed backup left is removed."""
    sweep(state)
    place = state / f"{_PREFIX}{secrets.token_hex(4)}"
    place.mkdir(mode=0o700)
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(fd)


def sweep(state: Path) -> None:
    """Remove what backups left that work no more."""
    for place in state.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody works there, or it is gone
            fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(place)
            finally:
                os.close(fd)


@contextmanager
def told() -> Iterator[None]:
    """Turn what goes wrong on the disk within the block into FwrError: NO_SPACE or FAILED."""
    try:
        yield
    except sqlite3.Error as error:
        hint = "Start the node, so that it heals itself, then try again."
        raise FwrError(ExitCode.FAILED, f"The node's tables can not be read ({error}).", hint) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FwrError(ExitCode.NO_SPACE, "The disk that holds the node's state is full.", "Make room, then try again.") from error
        raise FwrError(ExitCode.FAILED, f"The backup could not be made: {error}.", "Try again; see: fwrkit doctor") from error


def hold(state: Path, target: Path) -> None:
    """Copy a state's tables to ``target``, link the files that they name, and write down the history's references.

    Raise sqlite3.Error, OSError or FwrError where something can not be read (:func:`told`).
    """
    _link(state, target)  # what the tables name now and may let go while they are copied
    for name in DATABASES:
        if (state / name).exists():
            database.copy(state / name, target / name)
    _link(state, target)
    _drop_unnamed(target)
    repository = Repository(state / "history.git")
    if repository.exists:
        listed, _ = repository.read("for-each-ref", "--format=%(objectname) %(refname)", limit=_LIMIT)
        (target / REFERENCES).write_bytes(listed)


def _link(state: Path, target: Path) -> None:
    for directory in _NAMED:
        if not (state / directory).is_dir():
            continue
        (target / directory).mkdir(mode=0o700, exist_ok=True)
        for name in os.listdir(state / directory):
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                os.link(state / directory / name, target / directory / name, follow_symlinks=False)


def _drop_unnamed(target: Path) -> None:
    """Remove the links of files that the copied tables do not name: what they held is in the history."""
    if not (target / DATABASES[0]).exists():
        return
    with contextlib.closing(sqlite3.connect(target / DATABASES[0])) as tables:
        for directory, (table, column) in _NAMED.items():
            if not (target / directory).is_dir():
                continue
            known = {str(row[0]) for row in tables.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")}  # noqa: S608
            for link in (target / directory).iterdir():
                if link.name not in known:
                    link.unlink()
