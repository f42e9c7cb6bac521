"""Between any two system calls: a crash, a full disk, or a program that edits what the agent is looking at.

While a part of the agent takes a step, the calls below are counted. At the n-th one a :class:`Fault` strikes. After a crash the process
is dead: every further call fails as well, so that no clean-up code does what a dead process can not do.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fwrkit.agent.files import linux

_CHANGING = ("rename", "replace", "unlink", "mkdir", "rmdir", "link", "write", "utime", "chmod", "chown", "fchown")
_LOOKING = ("stat", "fstat", "scandir", "pread")
_SYNCING = ("fsync", "fdatasync")
_FILLING = frozenset({"write", "mkdir", "link", "rename", "replace", "open", "renameat2", "commit"})
REAL = {name: getattr(os, name) for name in (*_CHANGING, *_LOOKING, *_SYNCING, "open")}
"""The calls themselves, for programs of the worlds: they are not counted."""


class Crash(BaseException):
    """The process is gone. Nothing of the agent may catch it."""


@dataclass
class Fault:
    """What strikes at the ``at``-th call: ``crash``, ``full`` (this call and all that follow find no room) or ``edit`` (``act`` is called)."""

    kind: str
    at: int
    act: Callable[[], None] | None = None
    count: int = 0
    has_struck: bool = False

    def call(self, name: str) -> None:
        """One of the calls is about to be made."""
        if self.kind == "crash":
            self._crash(name)
        elif self.kind == "full":
            self._full(name)
        elif not self.has_struck:
            self.count += 1
            if self.count == self.at and self.act is not None:
                self.has_struck = True
                self.act()

    def _crash(self, name: str) -> None:
        if not self.has_struck and name not in _LOOKING:
            self.count += 1
            self.has_struck = self.count == self.at
        if self.has_struck:
            raise Crash(name)

    def _full(self, name: str) -> None:
        if name not in _FILLING:
            return
        self.count += 1
        if self.count >= self.at:
            self.has_struck = True
            if name == "commit":
                raise sqlite3.OperationalError("database or disk is full")
            raise OSError(errno.ENOSPC, "no space left (by the model)")


class _Gate:
    """Where calls pass. Without a fault it is open."""

    fault: Fault | None = None

    def call(self, name: str) -> None:
        fault, self.fault = self.fault, None  # what a fault does itself is not counted
        try:
            if fault is not None:
                fault.call(name)
        finally:
            self.fault = fault


_gate = _Gate()


@contextmanager
def struck_by(fault: Fault | None) -> Iterator[None]:
    """Have a fault strike inside the block."""
    before, _gate.fault = _gate.fault, fault
    try:
        yield
    finally:
        _gate.fault = before


def _counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*values: Any, **named: Any) -> Any:
        if _gate.fault is not None:
            _gate.call(name)
        return real(*values, **named)

    return call


def _counted_open(*values: Any, **named: Any) -> int:
    flags = values[1] if len(values) > 1 else named["flags"]
    if _gate.fault is not None and flags & os.O_CREAT:
        _gate.call("open")
    return int(REAL["open"](*values, **named))


def _counted_write(fd: int, data: bytes) -> int:
    """Write a part: the kernel may do that, and between the parts something may happen."""
    if _gate.fault is None:
        return int(REAL["write"](fd, data))
    _gate.call("write")
    return int(REAL["write"](fd, data[: max(1, len(data) // 2)]))


class Connection(sqlite3.Connection):
    """A connection whose commits are counted; power cuts are tested elsewhere, so nothing is synced."""

    def execute(self, query: str, values: Any = (), /) -> sqlite3.Cursor:
        if query.startswith("PRAGMA synchronous"):
            query = "PRAGMA synchronous = OFF"
        if _gate.fault is not None and (query == "COMMIT" or not (self.in_transaction or query.startswith(("SELECT", "PRAGMA")))):
            _gate.call("commit")
        return super().execute(query, values)


@contextmanager
def intercepted() -> Iterator[None]:
    """Have the calls counted inside the block, wherever in the process they are made."""
    connect, names = sqlite3.connect, ("rename", "syncfs", "open_beneath", "take_read_lease", "is_lease_kept")
    ours = {name: getattr(linux, name) for name in names}
    for name in (*_CHANGING, *_LOOKING, *_SYNCING):
        setattr(os, name, _counted(name, REAL[name]))
    os.open = _counted_open
    os.write = _counted_write  # type: ignore[assignment]
    for name in names:
        counted_as = {"rename": "renameat2", "syncfs": "fsync"}.get(name, "pread")
        setattr(linux, name, _counted(counted_as, ours[name]))
    sqlite3.connect = lambda *values, **named: connect(*values, factory=Connection, **named)  # type: ignore[assignment]
    try:
        yield
    finally:
        for name, real in REAL.items():
            setattr(os, name, real)
        for name, real in ours.items():
            setattr(linux, name, real)
        sqlite3.connect = connect
