"""Copying a tree that others go on changing: whole files, and the whole as it was at one moment if it ever comes to rest."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass

from fwrkit.agent.files.tree import NO_STAMP, NotRegular, Stamp, Tree, copy_all
from fwrkit.agent.paths import parent
from fwrkit.agent.states import DIRECTORY

_PASSES = 20
_PAUSE = 0.2  # seconds between two passes, so that what belongs together is there together
_SHOWN_EVERY = 2.0  # seconds


@dataclass(frozen=True)
class Copied:
    """What was copied to a path: a directory, or a file's hash, its size in bytes and its time in Unix nanoseconds."""

    state: bytes
    size: int = 0
    time: int = 0


class Copier:
    """Copies a source into an empty target. Links and their like are left out, and what ``leave_out`` says.

    The source is read only, without a lock that its users could notice. A pass that finds nothing changed since the one before proves that the
    copy is what the source was at the moment between them. ``report`` hears every few seconds how far it is.
    """

    def __init__(self, source: Tree, target: Tree, leave_out: Callable[[bytes], bool], report: Callable[[str], None]) -> None:
        self._source = source
        self._target = target
        self._leave_out = leave_out
        self._report = report
        self._stamps: dict[bytes, Stamp] = {}
        self._bytes = 0
        self._shown = time.monotonic()
        self.copied: dict[bytes, Copied] = {}

    def run(self, passes: int = _PASSES, pause: float = _PAUSE) -> bool:
        """Copy until nothing changes any more, so many passes at most. Return whether it came to rest; if not, each file is whole still."""
        for _ in range(passes):
            if not self._pass():
                return True
            time.sleep(pause)
        return not self._pass()

    def _pass(self) -> bool:
        """Look at everything once; return whether anything was not as copied before."""
        is_changed, seen = False, set()
        for path, status in self._source.walk(b"", self._leave_out):
            if stat.S_ISDIR(status.st_mode):
                seen.add(path)
                is_changed |= self._directory(path)
            elif stat.S_ISREG(status.st_mode):
                seen.add(path)
                if self._stamps.get(path) != Stamp.of(status):
                    is_changed |= self._file(path)
        for path in sorted(self.copied.keys() - seen, reverse=True):
            self._remove(path)
            is_changed = True
        return is_changed

    def _directory(self, path: bytes) -> bool:
        if path in self.copied and self.copied[path].state == DIRECTORY:
            return False
        self._remove(path)
        self._target.make_directories(path)
        self.copied[path] = Copied(DIRECTORY)
        return True

    def _file(self, path: bytes) -> bool:
        """Copy a file; return whether the copy is another than before. One that changes meanwhile is copied again in the next pass."""
        try:
            fd = self._source.open_file(path)
        except NotRegular:
            return True
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise
            return True
        try:
            before, written = os.fstat(fd), []
            self._remove(path)
            self._target.make_directories(parent(path))
            self._target.create(path, lambda target: written.append((copy_all(fd, target), os.fstat(target).st_size)), before.st_mtime_ns)
            stamp = Stamp.of(before)
            # an edit in this very tick would not show in the stamp: then it is read once more
            is_sure = Stamp.of(os.fstat(fd)) == stamp and not stamp.is_fresh
        finally:
            os.close(fd)
        self._stamps[path] = stamp if is_sure else NO_STAMP
        [(state, size)] = written
        self.copied[path] = Copied(state, size, before.st_mtime_ns)
        self._bytes += size
        self._tell()
        return True

    def _remove(self, path: bytes) -> None:
        copied = self.copied.pop(path, None)
        self._stamps.pop(path, None)
        if copied is None:
            return
        if copied.state != DIRECTORY:
            self._target.unlink(path)
            return
        for inner in sorted((name for name in self.copied if name.startswith(path + b"/")), reverse=True):
            self._remove(inner)
        self._target.remove_directory(path)

    def _tell(self) -> None:
        if time.monotonic() - self._shown >= _SHOWN_EVERY:
            self._shown = time.monotonic()
            self._report(f"{len(self.copied):,} files and directories, {self._bytes / 1e6:,.0f} MB copied")
