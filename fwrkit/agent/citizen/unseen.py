"""Deliveries that nobody here has read so far. A program that writes over one of them had not seen it.

Many programs read a file, think and write it: an editor for an hour, PHP for a tenth of a second. What is delivered in between is written over unseen. The
kernel tells whether anybody has read a file: each that was placed or sent lately is watched once, until the first access (inotify(7), IN_ONESHOT). What is
written over an unread delivery was made of the last state that somebody here did read, and is sent so: the server merges both, or keeps one beside the other.

What can not be known: which program has read it. If another one has (a browser's request, a backup), the writer counts as having seen it. And a program that
writes where nobody has read anything, as ``cp`` does, means to replace whatever is there.
"""

from __future__ import annotations

import itertools
import os
import struct
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from watchdog.observers.inotify_c import InotifyConstants, inotify_add_watch, inotify_init, inotify_rm_watch

from fwrkit.agent.files import linux
from fwrkit.agent.files.tree import Tree
from fwrkit.agent.states import State, is_file

_READ = InotifyConstants.IN_ACCESS | InotifyConstants.IN_CLOSE_NOWRITE
_MASK = (
    _READ | InotifyConstants.IN_MODIFY | InotifyConstants.IN_ONESHOT
)  # a write ends the watch as well: what is read afterwards is something else
_HEADER = struct.Struct("iIII")  # struct inotify_event: watch, mask, cookie, length of the name
_BUFFER = 64 * 1024  # bytes
WATCHED = 2000  # files that are watched
OPEN_FOR = 2 * 3600.0  # seconds for which a program may have had the state before open


@dataclass
class _Known:
    watch: int
    state: State
    made_of: list[State]  # the last state that somebody here has read before: one, or none
    at: float  # when something was placed over that one
    is_seen: bool = False


class Unseen:
    """Watches delivered files. ``clock``: seconds, monotonic. Used by the engine's thread only."""

    def __init__(self, tree: Tree, clock: Callable[[], float] = time.monotonic) -> None:
        self._tree = tree
        self._clock = clock
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._paths: dict[int, bytes] = {}
        self._fd = inotify_init()
        if self._fd >= 0:
            os.set_blocking(self._fd, False)
            os.set_inheritable(self._fd, False)
            self._end = weakref.finalize(self, os.close, self._fd)  # the kernel gives an account 128 of them

    def close(self) -> None:
        """Watch nothing any more."""
        if self._fd >= 0:
            self._end()
        self._fd = -1

    def placing(self, path: bytes) -> None:
        """A delivery is about to be placed at a path: what the agent itself reads of what it displaces has been read by nobody."""
        known = self._known.get(path)
        if known is not None and self._fd >= 0:
            self._read_events()
            self._end_watch(known)

    def placed(self, path: bytes, before: State, state: State) -> None:
        """A file's delivery was placed at a path that held ``before`` until then."""
        if self._fd < 0:
            return
        self._read_events()
        known = self._known.get(path)
        made_of: list[State] = []
        at = self._clock()
        if known is not None and known.state == before:
            made_of, at = ([before], at) if known.is_seen else (known.made_of, known.at)
        self._remember(path, state, made_of, at)

    def written(self, path: bytes, state: State) -> None:
        """An edit of a path was agreed on: until somebody reads it, nothing is made of it.

        But a program that wrote over what it had not read goes on from what it wrote.
        """
        if self._fd >= 0 and is_file(state):
            goes_on = bool(self.made_of(path))
            self._read_events()
            self._remember(path, state, [], self._clock())
            if goes_on and path in self._known:
                self._known[path].is_seen = True
        else:
            self.forget(path)

    def look_after(self, files: Iterable[tuple[bytes, State]]) -> None:
        """These files (path, state) are there, the newest first: as many are watched as can be."""
        if self._fd < 0:
            return
        for path, state in itertools.islice(files, WATCHED - len(self._known)):
            if path not in self._known and is_file(state):
                self._remember(path, state, [], self._clock())

    def _remember(self, path: bytes, state: State, made_of: list[State], at: float) -> None:
        self.forget(path)
        watch = self._watch(path)
        if watch < 0:
            return
        self._known[path] = _Known(watch, state, made_of, at)
        self._paths[watch] = path
        while len(self._known) > WATCHED:
            self.forget(next(iter(self._known)))

    def made_of(self, path: bytes) -> list[State]:
        """Return the state that an edit of a path was made of, if it is not what was delivered there last: one, or none."""
        if self._fd < 0 or path not in self._known:
            return []
        self._read_events()
        known = self._known[path]
        return [] if known.is_seen or self._clock() - known.at > OPEN_FOR else known.made_of

    def forget(self, path: bytes) -> None:
        """Nothing is known of a path any more."""
        known = self._known.pop(path, None)
        if known is not None:
            self._end_watch(known)

    def _end_watch(self, known: _Known) -> None:
        if self._paths.pop(known.watch, None) is not None:
            inotify_rm_watch(self._fd, known.watch)

    def _watch(self, path: bytes) -> int:
        """Watch the file at a path; return the watch's number, -1 if there can be none (the kernel has no more, the file is gone)."""
        try:
            # a descriptor that only names the file: it is no access, and what stands on the way is not followed
            fd = linux.open_beneath(self._tree.fd, path, os.O_PATH | os.O_NOFOLLOW)
        except OSError:
            return -1
        try:
            return int(inotify_add_watch(self._fd, b"/proc/self/fd/%d" % fd, _MASK))
        finally:
            os.close(fd)

    def _read_events(self) -> None:
        while True:
            try:
                data = os.read(self._fd, _BUFFER)
            except BlockingIOError:
                return
            position = 0
            while position < len(data):
                watch, mask, _, length = _HEADER.unpack_from(data, position)
                position += _HEADER.size + length
                path = self._paths.get(watch)
                if path is None:
                    continue
                if mask & _READ:
                    self._known[path].is_seen = True
                if mask & InotifyConstants.IN_IGNORED:
                    del self._paths[watch]
