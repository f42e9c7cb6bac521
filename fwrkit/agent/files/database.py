"""Looking after SQLite files: whether one is whole, putting a damaged one aside, and a copy to go on from."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path

_SUFFIXES = ("", "-wal", "-shm")


def fault(path: Path) -> str:
    """Return what is wrong with a database file, empty if it is whole or does not exist. Only reading."""
    if not path.exists():
        return ""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
            words = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if words == "ok" else words.splitlines()[-1].strip()


def set_aside(path: Path) -> Path:
    """Rename a damaged database, with its log, so that another takes its place; return where it is now."""
    place = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    for suffix in _SUFFIXES:
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{path}{suffix}", f"{place}{suffix}")
    return place


def copy(path: Path, target: Path) -> None:
    """Make a consistent copy of a database that is in use; ``target`` is replaced in one step, and on disk when this returns."""
    temporary = target.with_name(target.name + ".part")
    temporary.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as source, contextlib.closing(sqlite3.connect(temporary)) as copied:
        temporary.chmod(0o600)
        source.backup(copied)
    fd = os.open(temporary, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(temporary, target)
