"""A directory tree that others may write to, touched only through descriptors that stay beneath its root and follow no link."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from fwrkit.agent.files import linux
from fwrkit.agent.files.ignore import SQLITE_HEAD, is_sqlite
from fwrkit.agent.paths import join, name_of, parent

CHUNK = 1024 * 1024
_CLOCK_REALTIME_COARSE = 5  # the clock of the files' times: it advances by ticks
_TICK = 20_000_000  # nanoseconds that a tick takes at most (10 ms at 100 Hz)


@dataclass(frozen=True)
class Stamp:
    """What tells one state of a file from the next without reading it. Times in Unix nanoseconds."""

    size: int
    time: int
    change_time: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Return the stamp of a status."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    @property
    def is_telling(self) -> bool:
        """Whether a later change gives the file another stamp: not within the tick of its last one, nor while its time is still to come."""
        return self.change_time < time.clock_gettime_ns(_CLOCK_REALTIME_COARSE)

    @property
    def is_fresh(self) -> bool:
        """Whether the file was changed in the clock's present tick: one more change in it would not show."""
        return 0 <= self.change_time - time.clock_gettime_ns(_CLOCK_REALTIME_COARSE) < _TICK

    def unsure(self) -> Stamp:
        """Return it as one that fits no file: what is recorded with it is read again at the next look."""
        return replace(self, change_time=-1)


NO_STAMP = Stamp(-1, -1, -1, -1)
"""Fits no file."""


class Busy(Exception):
    """Somebody is writing the file, or wrote it while it was read: try again later."""


class NotRegular(Exception):
    """What is there is neither a regular file nor a directory, or a link stands on the way."""


@dataclass(frozen=True)
class Taken:
    """A file as it was read, undisturbed: its hash, its content if it was wanted in memory, its stamp."""

    state: bytes
    content: bytes | None
    stamp: Stamp


class Tree:
    """A root directory, held open. Paths are world-relative bytes; the empty path is the root itself.

    ``owner`` (uid, gid) is given to what is created, if the process may; modes are 0644 and 0755 less the umask.
    """

    def __init__(self, root: bytes | str | os.PathLike[str], owner: tuple[int, int] | None = None) -> None:
        self.root = os.fsencode(root)
        self.fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.owner = owner if owner is not None and os.geteuid() == 0 else None

    def close(self) -> None:
        """Close the root."""
        os.close(self.fd)

    @contextmanager
    def directory(self, path: bytes) -> Iterator[int]:
        """Open a directory of the tree for the time of a block. Raise OSError: ENOENT, ENOTDIR, ELOOP (a link), EXDEV (a way out)."""
        if not path:
            yield self.fd
            return
        fd = linux.open_beneath(self.fd, path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            yield fd
        finally:
            os.close(fd)

    def status(self, path: bytes) -> os.stat_result | None:
        """Return the status of what is at a path (of a link itself), None if nothing is or the way there is none."""
        try:
            with self.directory(parent(path)) as fd:
                return os.stat(name_of(path), dir_fd=fd, follow_symlinks=False)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV, errno.ENAMETOOLONG):
                return None
            raise

    def status_of_root(self) -> os.stat_result:
        """Return the status of the root itself."""
        return os.fstat(self.fd)

    def open_file(self, path: bytes) -> int:
        """Open a regular file for reading, without waiting, and return its descriptor. Raise NotRegular or OSError."""
        try:
            fd = linux.open_beneath(self.fd, path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EXDEV, errno.ENXIO):
                raise NotRegular from error
            raise
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise NotRegular
        return fd

    def take(self, path: bytes, memory_limit: int) -> Taken:
        """Given a file's path, return it as it is while nobody writes it; its content too if it is not larger than ``memory_limit``.

        Raise Busy if somebody writes it, NotRegular, or OSError.
        """
        with self.opened(path) as fd:
            return take(fd, memory_limit)

    @contextmanager
    def opened(self, path: bytes) -> Iterator[int]:
        """Open a regular file for reading, for the time of a block. Raise as :meth:`open_file`."""
        fd = self.open_file(path)
        try:
            yield fd
        finally:
            os.close(fd)

    def is_sqlite(self, path: bytes) -> bool:
        """Say whether a file belongs to a live SQLite database. One that can not be read does not."""
        try:
            fd = self.open_file(path)
        except (OSError, NotRegular):
            return False
        try:
            return is_sqlite(os.pread(fd, SQLITE_HEAD, 0))
        except OSError:
            return False
        finally:
            os.close(fd)

    def make_directories(self, path: bytes) -> None:
        """Make a directory and those above it, where they are missing. Raise OSError (ENOTDIR, EEXIST) if something else is in the way."""
        missing = []
        while path:
            status = self.status(path)
            if status is not None:
                if not stat.S_ISDIR(status.st_mode):
                    raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
                break
            missing.append(path)
            path = parent(path)
        for directory in reversed(missing):
            with self.directory(parent(directory)) as fd:
                name = name_of(directory)
                try:
                    os.mkdir(name, 0o755, dir_fd=fd)
                except FileExistsError:
                    continue
                if self.owner is not None:
                    os.chown(name, *self.owner, dir_fd=fd, follow_symlinks=False)

    def create(self, path: bytes, write: Callable[[int], None], time: int) -> Stamp:
        """Create a file that does not exist, have it written, give it its time (Unix nanoseconds), and return its stamp. Not synced."""
        with self.directory(parent(path)) as directory:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(name_of(path), flags, 0o644, dir_fd=directory)
            try:
                write(fd)
                if self.owner is not None:
                    os.fchown(fd, *self.owner)
                os.utime(fd, ns=(time, time))
                return Stamp.of(os.fstat(fd))
            except BaseException:
                os.unlink(name_of(path), dir_fd=directory)
                raise
            finally:
                os.close(fd)

    def unlink(self, path: bytes) -> None:
        """Remove a file (or link); nothing happens if there is none."""
        try:
            with self.directory(parent(path)) as fd:
                os.unlink(name_of(path), dir_fd=fd)
        except FileNotFoundError:
            return

    def remove_directory(self, path: bytes) -> None:
        """Remove an empty directory. Raise OSError (ENOTEMPTY, ENOENT, …)."""
        with self.directory(parent(path)) as fd:
            os.rmdir(name_of(path), dir_fd=fd)

    def sync_directory(self, path: bytes) -> None:
        """Bring a directory to the disk."""
        with self.directory(path) as fd:
            os.fsync(fd)

    def sync_all(self) -> None:
        """Bring the whole filesystem to the disk."""
        linux.syncfs(self.fd)

    def walk(
        self, path: bytes = b"", skip: Callable[[bytes], bool] | None = None, closed: Callable[[bytes], None] | None = None
    ) -> Iterator[tuple[bytes, os.stat_result]]:
        """Yield (path, status) of everything beneath a directory, parents first; what ``skip`` says is neither yielded nor entered.

        Links are yielded and never followed. What vanishes meanwhile is passed over; directories that may not be read are told to ``closed``.
        """
        waiting = [iter(self._entries(path, closed))]
        directories = [path]
        while waiting:
            entry = next(waiting[-1], None)
            if entry is None:
                waiting.pop()
                directories.pop()
                continue
            inner = join(directories[-1], entry[0])
            if skip is not None and skip(inner):
                continue
            yield inner, entry[1]
            if stat.S_ISDIR(entry[1].st_mode):
                waiting.append(iter(self._entries(inner, closed)))
                directories.append(inner)

    def _entries(self, path: bytes, closed: Callable[[bytes], None] | None) -> list[tuple[bytes, os.stat_result]]:
        """Return (name, status) of what a directory holds, in the order of the names."""
        found: list[tuple[bytes, os.stat_result]] = []
        try:
            with self.directory(path) as fd, os.scandir(fd) as scan:
                for item in scan:
                    with suppress(FileNotFoundError):  # one that vanishes meanwhile must not take the others with it
                        found.append((os.fsencode(item.name), item.stat(follow_symlinks=False)))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return []
            if error.errno == errno.EACCES and closed is not None:
                closed(path)
                return []
            raise
        return sorted(found, key=lambda pair: pair[0])


def take(fd: int, memory_limit: int) -> Taken:
    """Given an open regular file, return it as it is while nobody writes it. Raise Busy if somebody does.

    Where the filesystem has no leases, or the file is another's, an unchanged status before and after has to do: a writer who keeps
    the file open without writing at this moment is then not seen. What was changed in this very tick is read in the next one, since a
    change behind this one would not show in the stamp; where the clock was set back, the stamp is one that fits nothing.
    """
    return _take(fd, memory_limit, wants_lease=True)


def take_unleased(fd: int, memory_limit: int) -> Taken:
    """As :func:`take`, also while a program has the file open for writing: raise Busy only if the file changes while it is read."""
    return _take(fd, memory_limit, wants_lease=False)


def _take(fd: int, memory_limit: int, wants_lease: bool) -> Taken:
    before = os.fstat(fd)
    is_telling = _let_tick_pass(Stamp.of(before))
    try:
        if wants_lease and not linux.take_read_lease(fd):
            raise Busy
        is_leased = wants_lease
    except OSError:
        is_leased = False
    digest, parts, position = hashlib.sha256(), [], 0
    keep = before.st_size <= memory_limit
    while True:
        chunk = os.pread(fd, CHUNK, position)
        if not chunk:
            break
        if is_leased and not linux.is_lease_kept(fd):
            raise Busy
        position += len(chunk)
        digest.update(chunk)
        if keep:
            parts.append(chunk)
    after = os.fstat(fd)
    stamp = Stamp.of(after)
    if Stamp.of(before) != stamp or position != after.st_size:
        raise Busy
    if is_leased:
        linux.release_lease(fd)
    return Taken(digest.digest(), b"".join(parts) if keep else None, stamp if is_telling else stamp.unsure())


def _let_tick_pass(stamp: Stamp) -> bool:
    """Wait until a change would give the file another stamp than this one, a tick at most. Say whether it would."""
    ahead = stamp.change_time - time.clock_gettime_ns(_CLOCK_REALTIME_COARSE)
    if 0 <= ahead < _TICK:
        deadline = time.monotonic_ns() + 2 * _TICK
        while not stamp.is_telling and time.monotonic_ns() < deadline:
            time.sleep(0.0005)
    return stamp.is_telling


def write_all(fd: int, content: bytes) -> None:
    """Write every byte of a content to a descriptor."""
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def copy_all(source: int, target: int, limit: int | None = None) -> bytes:
    """Copy an open file to another descriptor and return the SHA-256 of exactly what was written: little more than ``limit`` bytes at most."""
    digest, position = hashlib.sha256(), 0
    while (limit is None or position <= limit) and (chunk := os.pread(source, CHUNK, position)):
        position += len(chunk)
        digest.update(chunk)
        write_all(target, chunk)
    return digest.digest()
