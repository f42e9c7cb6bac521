"""Files that a program keeps open for writing: an office keeps a document so for a day. After some seconds of rest they travel all the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from fwrkit.agent.files.tree import Busy, Stamp, Taken, Tree, take_unleased

SECONDS = 20.0  # without a change after which a file that is open for writing is read nevertheless: a copy that stalls is torn after that
_MOST = 10_000  # files that are remembered


class Rest:
    """Remembers since when files that are open for writing have not changed. ``clock``: seconds, monotonic."""

    def __init__(self, tree: Tree, clock: Callable[[], float] = time.monotonic) -> None:
        self._tree = tree
        self._clock = clock
        self._since: dict[bytes, tuple[Stamp, float]] = {}
        self._lock = threading.Lock()  # large files are read by workers

    def take(self, path: bytes, memory_limit: int) -> Taken:
        """Take a file as :meth:`Tree.take` does; one that is open for writing as it was read twice, after it has rested.

        Raise Busy while it has not, NotRegular, or OSError.
        """
        try:
            taken = self._tree.take(path, memory_limit)
        except Busy:
            return self._take_rested(path, memory_limit)
        with self._lock:
            self._since.pop(path, None)
        return taken

    def _take_rested(self, path: bytes, memory_limit: int) -> Taken:
        status = self._tree.status(path)
        if status is None:
            raise Busy
        stamp, now = Stamp.of(status), self._clock()
        with self._lock:
            before, since = self._since.get(path, (None, now))
            if before != stamp:
                since = now
                if len(self._since) >= _MOST:
                    self._since.pop(next(iter(self._since)))
                self._since[path] = (stamp, since)
        if now - since < SECONDS:
            raise Busy
        taken = [self._read(path, limit) for limit in (0, memory_limit)]
        if taken[0].state != taken[1].state or not taken[0].stamp == taken[1].stamp == stamp:
            raise Busy
        return taken[1]

    def _read(self, path: bytes, memory_limit: int) -> Taken:
        with self._tree.opened(path) as fd:
            return take_unleased(fd, memory_limit)
