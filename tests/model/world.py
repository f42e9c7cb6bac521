"""The programs of one citizen's machine: they edit files as programs do, and write into the ledger what they did.

Every write gives the file a time of its own, as if each happened in another tick of the kernel's clock; that the agent waits for the
tick is tested in tests/unit/agent/files.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fwrkit.agent.paths import SENTINEL, ancestors, is_beneath
from tests.model.ledger import Ledger, marks
from tests.model.syscalls import REAL, struck_by

LARGE = 150  # bytes of a content that is too large for the stream
_TICK = 1_000_000_000  # nanoseconds between two writes
_EPOCH = 1_790_000_000 * 10**9


class Waits(Exception):
    """The program has to wait: the agent holds a lease on the file that it wants to write to."""


@dataclass
class Opened:
    """A file that a program is writing to: what it held, what it will hold, and what of that is still to be written.

    ``is_void``: another program of the machine has deleted or replaced it meanwhile; nobody can see what becomes of it.
    """

    fd: int
    path: bytes
    before: bytes | None
    after: bytes
    rest: bytes
    is_void: bool = False


class World:
    """A citizen's world and who edits it. ``serial`` numbers all contents of a sequence, ``on_change`` gives hints."""

    def __init__(self, citizen: str, root: Path, ledger: Ledger, serial: itertools.count[int]) -> None:
        self.citizen = citizen
        self.root = root
        self.ledger = ledger
        self._serial = serial
        self._opened: dict[bytes, Opened] = {}
        self._past: dict[bytes, list[bytes]] = {}
        self.on_change: Callable[[list[bytes]], None] = lambda _: None

    # what lies there

    def place(self, path: bytes) -> bytes:
        return os.path.join(os.fsencode(self.root), path)

    def read(self, path: bytes) -> bytes | None:
        """Return the content of a file, None if there is none."""
        try:
            fd = REAL["open"](self.place(path), os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            return bytes(REAL["pread"](fd, 1 << 20, 0)) if stat.S_ISREG(REAL["fstat"](fd).st_mode) else None
        finally:
            os.close(fd)

    def tree(self) -> dict[bytes, bytes | None]:
        """Return path to content, None for a directory."""
        return tree_of(self.root)

    # edits

    def put(self, path: bytes, size: int = 0) -> None:
        """A new file, renamed over what was there."""
        self._put(path, self._fresh(path, size))

    def revert(self, path: bytes, back: int = 0) -> None:
        """Put a content back that was written at this path before."""
        past = self._past.get(path, [])
        if past:
            self._put(path, past[-1 - back % len(past)])

    def _put(self, path: bytes, content: bytes) -> None:
        with struck_by(None):
            hints = self._make_room(path)
            before = self.read(path)
            temporary = os.path.join(os.fsencode(self.root.parent), b"editing")
            fd = REAL["open"](temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            self._write(fd, content)
            os.close(fd)
            self._void_opened(path)
            REAL["rename"](temporary, self.place(path))
            self.ledger.wrote(self.citizen, path, before, content)
        self.on_change([*hints, path])

    def rewrite(self, path: bytes, size: int = 0) -> None:
        """Truncate and write, in place."""
        self._in_place(path, os.O_TRUNC, lambda before: (b"", self._fresh(path, size)))

    def change_in_place(self, path: bytes) -> None:
        """Write over a file's content in place; its size stays the same."""
        before = self.read(path)
        if before is not None:
            self._in_place(path, 0, lambda before: (b"", self._fresh(path, 0)[: len(before)].ljust(len(before), b"=")))

    def append(self, path: bytes) -> None:
        """Add a line to a log."""
        self._in_place(path, os.O_APPEND, lambda before: (before, f"{next(self._serial)} {self.citizen}\n".encode()))

    def _in_place(self, path: bytes, flags: int, content: Callable[[bytes], tuple[bytes, bytes]]) -> None:
        with struck_by(None):
            if self._opened_at(path):
                return  # programs that write into each other's open files lose work by themselves
            hints = self._make_room(path)
            before = self.read(path)
            kept, added = content(before or b"")
            fd = self._open(path, flags)
            self._write(fd, added)
            os.close(fd)
            self.ledger.wrote(self.citizen, path, before, kept + added)
            self._remember(path, kept + added)
        self.on_change([*hints, path])

    def begin(self, path: bytes, appends: bool = False, part: int = 2) -> None:
        """Begin to write a file in place; a ``part`` of it (half, or nothing: 0) is there until :meth:`end`."""
        with struck_by(None):
            if path in self._opened or self._opened_at(path):
                return
            hints = self._make_room(path)
            before = self.read(path)
            fd = self._open(path, os.O_APPEND if appends else os.O_TRUNC)
            kept = (before or b"") if appends else b""
            added = f"{next(self._serial)} {self.citizen}\n".encode() if appends else self._fresh(path, 0)
            half = len(added) // part if part else 0
            self.ledger.torn[(self.citizen, path)] = {kept + added[:half], kept}
            self.ledger.wrote(self.citizen, path, before, kept if appends else None, is_new=False)
            self._opened[path] = Opened(fd, path, kept if appends else None, kept + added, added[half:])
            if half:
                self._write(fd, added[:half])
        self.on_change([*hints, path])

    def end(self, path: bytes) -> None:
        """Finish what was begun, wherever the file is by now."""
        opened = self._opened.pop(path, None)
        if opened is None:
            return
        with struck_by(None):
            self._write(opened.fd, opened.rest)
            os.close(opened.fd)
            if not opened.is_void:
                self.ledger.wrote(self.citizen, path, opened.before, opened.after)
        self.on_change([path])

    def end_all(self) -> None:
        """Finish everything that was begun."""
        for path in list(self._opened):
            self.end(path)

    def delete(self, path: bytes) -> None:
        """Remove what is at a path, a directory with everything in it."""
        with struck_by(None):
            removed = self._remove(path)
        if removed:
            self.on_change([path])

    def make_directory(self, path: bytes) -> None:
        """Make a directory, with those above it."""
        with struck_by(None):
            if self._is_directory(path):
                return
            hints = self._make_room(path)
            self._remove(path)
            REAL["mkdir"](self.place(path))
            self.ledger.directories.add(path)
        self.on_change([*hints, path])

    def move(self, source: bytes, target: bytes) -> None:
        """Rename a file, or a directory with everything in it."""
        if source == target or is_beneath(target, source) or is_beneath(source, target):
            return
        with struck_by(None):
            if not os.path.lexists(self.place(source)):
                return
            hints = self._make_room(target)
            moved = self.read(source)
            if moved is not None and not self._is_directory(target):
                displaced = self.read(target)
                self._void_opened(target)
                REAL["rename"](self.place(source), self.place(target))
                self.ledger.moved(self.citizen, source, target, moved, displaced)
            else:
                self._remove(target)
                inner = {target + path[len(source) :]: content for path, content in self.tree().items() if is_beneath(path, source)}
                REAL["rename"](self.place(source), self.place(target))
                for path, content in {target: moved, **inner}.items():
                    if content is None:
                        self.ledger.directories.add(path)
                    else:
                        self.ledger.moved(self.citizen, source, path, content, None)
        self.on_change([*hints, source, target])

    def forget_all(self, safe: set[bytes], besides: Iterable[bytes] = ()) -> None:
        """The disk is about to be replaced: what was not ``safe`` elsewhere goes with it (``besides``: marks of what lies beside the world)."""
        for mark in besides:
            self.ledger.replaced.setdefault(mark, set()).add((self.citizen, b""))
        for path, content in self.tree().items():
            if content is not None:
                for mark in marks(content) - safe:
                    self.ledger.replaced.setdefault(mark, set()).add((self.citizen, path))

    # how

    def _fresh(self, path: bytes, size: int) -> bytes:
        content = f"{self.citizen}:{next(self._serial):04}:".encode().ljust(size, b"x")
        self._remember(path, content)
        return content

    def _remember(self, path: bytes, content: bytes) -> None:
        self._past.setdefault(path, []).append(content)

    def _write(self, fd: int, content: bytes) -> None:
        REAL["write"](fd, content)
        now = _EPOCH + next(self._serial) * _TICK
        REAL["utime"](fd, ns=(now, now))

    def _open(self, path: bytes, flags: int) -> int:
        """Open a file for writing. Raise Waits if a program would have to wait until the agent gives it free."""
        try:
            return int(REAL["open"](self.place(path), os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | flags, 0o644))
        except OSError as error:
            if error.errno != errno.EWOULDBLOCK:
                raise
            raise Waits from error

    def _is_directory(self, path: bytes) -> bool:
        try:
            return stat.S_ISDIR(REAL["stat"](self.place(path), follow_symlinks=False).st_mode)
        except OSError:
            return False

    def _make_room(self, path: bytes) -> list[bytes]:
        """Make the directories above a path, where files stand, too; remove a directory at the path. Return what changed."""
        changed = []
        for above in ancestors(path):
            if not self._is_directory(above):
                self._remove(above)
                REAL["mkdir"](self.place(above))
                self.ledger.directories.add(above)
                changed.append(above)
        if self._is_directory(path):
            self._remove(path)
            changed.append(path)
        return changed

    def _remove(self, path: bytes) -> bool:
        if self._is_directory(path):
            inner = [(name, content) for name, content in self.tree().items() if is_beneath(name, path)]
            for name, _ in inner:
                self._void_opened(name)
            shutil.rmtree(self.place(path))
        else:
            content = self.read(path)
            if content is None:
                return False
            inner = [(path, content)]
            self._void_opened(path)
            REAL["unlink"](self.place(path))
        for name, content in inner:
            if content is not None:
                self.ledger.wrote(self.citizen, name, content, None)
        self.ledger.deleted.append((self.citizen, path))
        return True

    def _void_opened(self, path: bytes) -> None:
        """What lies at a path is about to be removed by a program."""
        for opened in self._opened_at(path):
            opened.is_void = True
            self.ledger.wrote(self.citizen, path, opened.before, None)

    def _opened_at(self, path: bytes) -> list[Opened]:
        """Return who is writing to the file at a path, whatever name it had when it was opened."""
        if not self._opened:
            return []
        try:
            status = REAL["stat"](self.place(path), follow_symlinks=False)
        except OSError:
            return []
        return [opened for opened in self._opened.values() if REAL["fstat"](opened.fd).st_ino == status.st_ino]


def tree_of(root: Path) -> dict[bytes, bytes | None]:
    """Return what is below a root and travels: path to content, None for a directory."""
    found: dict[bytes, bytes | None] = {}
    top = os.fsencode(root)
    pending = [b""]
    while pending:
        directory = pending.pop()
        for name in os.listdir(os.path.join(top, directory)):
            path = directory + b"/" + name if directory else name
            full = os.path.join(top, path)
            if path in (SENTINEL, SENTINEL + b".new"):
                continue
            if stat.S_ISDIR(REAL["stat"](full, follow_symlinks=False).st_mode):
                found[path] = None
                pending.append(path)
            else:
                fd = REAL["open"](full, os.O_RDONLY)
                found[path] = bytes(REAL["pread"](fd, 1 << 20, 0))
                os.close(fd)
    return found
