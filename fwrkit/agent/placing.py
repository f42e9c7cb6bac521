"""Putting deliveries into the world without ever overwriting what a program wrote meanwhile.

A new file is moved in only where nothing is (RENAME_NOREPLACE); a known one is exchanged (RENAME_EXCHANGE), and what was displaced is
looked at in the private directory: if it is not what the record says, it goes back. Nothing is let go while a program has it open for
writing.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from fwrkit.agent import linux
from fwrkit.agent.paths import name_of, parent
from fwrkit.agent.states import ABSENT, State, file_state, is_directory, is_file
from fwrkit.agent.tree import Busy, NotRegular, Stamp, Tree, take, write_all

log = logging.getLogger("fwrkit.placing")

SYNC_ONE_BY_ONE = 8  # up to that many files are synced each by itself, more by one syncfs


class PutBack(Exception):
    """A delivery can not be applied. ``reason`` is one of those of :class:`fwrkit.agent.messages.PutBack`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Prepared:
    """A content that lies in the private directory, ready to be moved in."""

    name: bytes
    state: bytes


@dataclass(frozen=True)
class Displaced:
    """What a program may still be writing to, after it was displaced: its name in the private directory, path and agreed state."""

    name: bytes
    path: bytes
    state: State


class Placer:
    """Writes the world. ``private`` is a directory of the same filesystem that no other program uses."""

    def __init__(self, world: Tree, private: Path, owner: tuple[int, int]) -> None:
        self._world = world
        self._exchange = Tree(private / "exchange", owner)
        self._serial = 0
        self.displaced: list[Displaced] = []

    def prepare(self, content: bytes, state: bytes, time: int) -> Prepared:
        """Write a content into the private directory; ``time`` in Unix nanoseconds. Not synced yet. Raise OSError (ENOSPC, …)."""
        name = self._fresh_name()
        self._exchange.create(name, lambda fd: write_all(fd, content), time)
        return Prepared(name, state)

    def adopt(self, staged: Path, state: bytes, time: int) -> Prepared:
        """Take a file from staging, on the same filesystem, whose content was verified to be ``state``."""
        name = self._fresh_name()
        target = os.path.join(self._exchange.root, name)
        os.rename(os.fsencode(staged), target)
        if self._exchange.owner is not None:
            os.chown(target, *self._exchange.owner, follow_symlinks=False)
        os.chmod(target, 0o644)
        os.utime(target, ns=(time, time), follow_symlinks=False)
        return Prepared(name, state)

    def sync(self, prepared: list[Prepared]) -> None:
        """Bring prepared contents to the disk."""
        if len(prepared) > SYNC_ONE_BY_ONE:
            self._exchange.sync_all()
            return
        for item in prepared:
            fd = self._exchange.open_file(item.name)
            try:
                os.fdatasync(fd)
            finally:
                os.close(fd)

    def sync_places(self, changed: list[bytes]) -> None:
        """Bring the names of placed paths to the disk."""
        directories = {parent(path) for path in changed}
        if len(directories) > SYNC_ONE_BY_ONE:
            self._world.sync_all()
            return
        for directory in directories:
            try:
                self._world.sync_directory(directory)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                    raise

    def discard(self, prepared: Prepared) -> None:
        """A prepared content is not needed."""
        self._exchange.unlink(prepared.name)

    def place(self, path: bytes, agreed: State, prepared: Prepared) -> Stamp:
        """Given a path, what the record says of it, and a prepared content: move it in and return its stamp. Raise PutBack."""
        try:
            return self._place(path, agreed, prepared)
        except OSError as error:
            self.discard(prepared)
            raise _put_back(error) from error
        except _Kept:
            raise
        except PutBack:
            self.discard(prepared)
            raise

    def _place(self, path: bytes, agreed: State, prepared: Prepared) -> Stamp:
        if is_directory(agreed):
            self._world.remove_directory(path)
            agreed = ABSENT
        self._world.make_directories(parent(path))
        with self._world.directory(parent(path)) as directory:
            name = name_of(path)
            if agreed is ABSENT:
                self._move_in(path, directory, name, prepared)
            else:
                linux.rename(self._exchange.fd, prepared.name, directory, name, linux.RENAME_EXCHANGE)
                self._look_at_displaced(path, agreed, prepared, directory, name)
            return Stamp.of(os.stat(name, dir_fd=directory, follow_symlinks=False))

    def _move_in(self, path: bytes, directory: int, name: bytes, prepared: Prepared) -> None:
        try:
            linux.rename(self._exchange.fd, prepared.name, directory, name, linux.RENAME_NOREPLACE)
        except FileExistsError:
            if not self._is_same(path, prepared.state):
                raise PutBack("changed") from None
            self.discard(prepared)

    def _is_same(self, path: bytes, state: bytes) -> bool:
        try:
            return self._world.take(path, 0).state == state
        except (Busy, NotRegular, OSError):
            return False

    def _look_at_displaced(self, path: bytes, agreed: State, prepared: Prepared, directory: int, name: bytes) -> None:
        """The displaced file lies under the prepared one's name: let it go if it is what was agreed on, else put it back."""
        verdict = self._judge(prepared.name, agreed)
        if verdict == "agreed":
            self._exchange.unlink(prepared.name)
        elif verdict == "open":
            self.displaced.append(Displaced(prepared.name, path, agreed))
        else:
            linux.rename(self._exchange.fd, prepared.name, directory, name, linux.RENAME_EXCHANGE)
            if self._judge(prepared.name, prepared.state) != "agreed":
                self.displaced.append(Displaced(prepared.name, path, prepared.state))
                raise _Kept("changed")
            raise PutBack("changed")

    def _judge(self, name: bytes, agreed: State) -> str:
        """Say what a displaced file is: ``agreed`` (content known, nobody writes), ``open`` (somebody has it open) or ``other``."""
        try:
            fd = self._exchange.open_file(name)
        except (NotRegular, OSError):
            return "other"
        try:
            return "agreed" if take(fd, 0).state == agreed else "other"
        except Busy:
            return "open" if _is_as_agreed(fd, agreed) else "other"
        finally:
            os.close(fd)

    def delete(self, path: bytes, agreed: State) -> None:
        """Given a path and what the record says of it, remove it. Raise PutBack if it is not that any more."""
        try:
            if is_directory(agreed):
                self._remove_directory(path)
            elif is_file(agreed):
                self._remove_file(path, agreed)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise _put_back(error) from error

    def _remove_directory(self, path: bytes) -> None:
        status = self._world.status(path)
        if status is None:
            return
        if not stat.S_ISDIR(status.st_mode):
            raise PutBack("changed")
        try:
            self._world.remove_directory(path)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise PutBack("changed") from error
            raise

    def _remove_file(self, path: bytes, agreed: State) -> None:
        name = self._fresh_name()
        with self._world.directory(parent(path)) as directory:
            linux.rename(directory, name_of(path), self._exchange.fd, name, linux.RENAME_NOREPLACE)
            verdict = self._judge(name, agreed)
            if verdict == "agreed":
                self._exchange.unlink(name)
                return
            if verdict == "open":
                self.displaced.append(Displaced(name, path, agreed))
                return
            try:
                linux.rename(self._exchange.fd, name, directory, name_of(path), linux.RENAME_NOREPLACE)
            except FileExistsError:
                self.displaced.append(Displaced(name, path, agreed))
        raise PutBack("changed")

    def make_directory(self, path: bytes, agreed: State) -> None:
        """Make a directory where the record says ``agreed`` is. Raise PutBack if something else is there."""
        if is_file(agreed):
            self.delete(path, agreed)
        try:
            self._world.make_directories(path)
        except OSError as error:
            raise _put_back(error) from error

    def settle_displaced(self) -> list[tuple[Displaced, bytes, int]]:
        """Look again at displaced files that were open: let go what nobody changed; return what was written on, with content and time.

        What is returned stays in the private directory until :meth:`let_go`.
        """
        changed, still = [], []
        for item in self.displaced:
            try:
                taken = self._exchange.take(item.name, 1 << 62)
            except Busy:
                still.append(item)
                continue
            except (NotRegular, OSError):
                continue
            if taken.state == item.state:
                self._exchange.unlink(item.name)
            else:
                changed.append((item, taken.content or b"", taken.stamp.time))
        self.displaced = still
        return changed

    def let_go(self, item: Displaced) -> None:
        """A displaced content is safe elsewhere."""
        self._exchange.unlink(item.name)

    def leftovers(self) -> list[tuple[bytes, bytes]]:
        """Return (name, content) of what an earlier run of the agent left in the private directory."""
        result = []
        for name, status in self._exchange.walk():
            if stat.S_ISREG(status.st_mode):
                try:
                    result.append((name, self._exchange.take(name, 1 << 62).content or b""))
                except (Busy, NotRegular, OSError):
                    continue
        return result

    def remove_leftover(self, name: bytes) -> None:
        """Remove a leftover."""
        self._exchange.unlink(name)

    def _fresh_name(self) -> bytes:
        self._serial += 1
        return f"{os.getpid()}-{os.urandom(4).hex()}-{self._serial}".encode()


class _Kept(PutBack):
    """Put back, and the prepared name is in use by what was written meanwhile."""


def _is_as_agreed(fd: int, agreed: State) -> bool:
    content = os.pread(fd, 1 << 30, 0)
    return file_state(content) == agreed


def _put_back(error: OSError) -> PutBack:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return PutBack("space")
    if error.errno == errno.ENOENT:
        return PutBack("changed")
    return PutBack("obstructed")
