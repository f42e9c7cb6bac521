"""The canon on disk: a checkout of the server's tables in ``state/canon``, and the contents that are not in the history yet.

Files of the canon are never written in place: whoever holds a hard link (replica, outbox) keeps what was linked.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections import OrderedDict
from pathlib import Path

from fwrkit.agent.files.tree import Tree, write_all
from fwrkit.agent.paths import is_well_formed, parent
from fwrkit.agent.server.history import History
from fwrkit.agent.server.store import Store

log = logging.getLogger("fwrkit.canon")

_CACHE_BYTES = 32 * 1024 * 1024


class Canon:
    """The canon's files below ``root`` and the contents behind its states. Used by the fold's thread, read by run workers."""

    def __init__(self, root: Path, store: Store, history: History) -> None:
        self._store = store
        self._history = history
        self.incoming = root / "incoming"
        for directory in (root / "canon", self.incoming):
            directory.mkdir(mode=0o700, exist_ok=True)
            directory.chmod(0o700)  # citizens' accounts reach links to its files only, and the history
        self.tree = Tree(root / "canon")
        self._cache: OrderedDict[bytes, bytes] = OrderedDict()
        self._cached = 0
        self._serial = 0

    def remember(self, state: bytes, content: bytes) -> None:
        """Keep a small content in memory: it is about to be delivered to everybody."""
        if state in self._cache or len(content) > _CACHE_BYTES // 8:
            return
        self._cache[state] = content
        self._cached += len(content)
        while self._cached > _CACHE_BYTES:
            self._cached -= len(self._cache.popitem(last=False)[1])

    def read(self, state: bytes) -> bytes:
        """Return a content by its hash. Raise KeyError if the server does not have it."""
        if state in self._cache:
            return self._cache[state]
        place = self._store.place_of(state)
        if place is None:
            raise KeyError(state.hex())
        if place[0] == "history":
            content = self._history.read(place[1], state)
        else:
            stored, incoming = self._store.pending(state) or (None, None)
            content = stored if stored is not None else (self.incoming / str(incoming)).read_bytes()
        self.remember(state, content)
        return content

    def has(self, state: bytes) -> bool:
        """Say whether the server has a content."""
        return self._store.place_of(state) is not None

    def size(self, state: bytes) -> int:
        """Return the size of a content that the server has, in bytes; 0 if it does not."""
        stored, incoming = self._store.pending(state) or (None, None)
        if stored is not None:
            return len(stored)
        if incoming is not None:
            return (self.incoming / incoming).stat().st_size
        return self._store.size_of(state)

    def reopen_history(self) -> None:
        """Forget how the history's objects lay: they were packed."""
        self._history.reopen()

    def settle(self, path: bytes) -> None:
        """Make what lies at a path of the canon what the tables say. Doing it twice is harmless; a crash before it is healed by it."""
        if not is_well_formed(path):
            raise ValueError(f"no path in a world: {path!r}")
        entry = self._store.entry(path)
        status = self.tree.status(path)
        if entry is None or not entry.state:
            self._clear(path, keep_directory=entry is not None)
            if entry is not None:
                self.tree.make_directories(path)
            return
        if status is not None and os.path.isdir(os.path.join(self.tree.root, path)):
            self._clear(path, keep_directory=False)
        self.tree.make_directories(parent(path))
        self._serial += 1
        temporary = self.incoming / f"place-{os.getpid()}-{self._serial}"
        self._place(entry.state, temporary, entry.time)
        os.rename(os.fsencode(temporary), os.path.join(self.tree.root, path))
        temporary.unlink(missing_ok=True)  # rename(2) leaves it where both are links to one file

    def rebuild(self) -> int:
        """Make the whole canon anew from the tables and the contents behind them; return how many paths. What has no content is left out, and said."""
        count = 0
        for entry in self._store.entries():
            try:
                self.settle(entry.path)
            except KeyError:
                log.warning("%r has no content any more", entry.path)
            count += 1
        self.tree.sync_all()
        return count

    def _place(self, state: bytes, target: Path, time: int) -> None:
        """Put a content at a new name, by a link where it lies in a file already."""
        stored, incoming = self._store.pending(state) or (None, None)
        if incoming is not None and (self.incoming / incoming).exists():
            os.link(self.incoming / incoming, target)
        elif stored is not None or state in self._cache:
            _write(target, self._cache[state] if stored is None else stored)
        else:
            place = self._store.place_of(state)
            large = self._history.large_object(state)
            if large is not None:
                shutil.copyfile(large, target)
            elif place is not None:
                _write(target, self.read(state))
            else:
                raise KeyError(state.hex())
        os.utime(target, ns=(time, time))

    def _clear(self, path: bytes, keep_directory: bool) -> None:
        full = os.path.join(self.tree.root, path)
        if not os.path.isdir(full) or os.path.islink(full):
            try:
                os.unlink(full)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                    raise
        elif not keep_directory:
            shutil.rmtree(full)

    def path_of(self, path: bytes) -> bytes:
        """Return where a path of the canon lies on disk."""
        return os.path.join(self.tree.root, path)

    def recover(self) -> int:
        """After a start: settle every path whose version is younger than what was last synced, drop leftovers; return how many."""
        names = self._store.incoming_names()
        for item in self.incoming.iterdir():
            if item.name not in names:
                item.unlink()
        paths = {row[1] for row in self._store.uncommitted(1 << 40)}
        for path in sorted(paths):
            self.settle(path)
        return len(paths)


def _write(target: Path, content: bytes) -> None:
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        write_all(fd, content)
    finally:
        os.close(fd)
