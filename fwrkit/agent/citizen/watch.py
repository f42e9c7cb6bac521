"""One watchdog observer on the world. Events are hints: which paths to look at; nothing is believed because an event said so."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyFullEmitter
from watchdog.observers.inotify_buffer import InotifyBuffer
from watchdog.observers.inotify_c import Inotify
from watchdog.utils import BaseThread
from watchdog.utils.delayed_queue import DelayedQueue

from fwrkit.agent.paths import DEPTH_LIMIT

log = logging.getLogger("fwrkit.watch")

# of a directory only its coming and going: what changes inside has events of its own
_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent, FileModifiedEvent, FileClosedEvent, FileDeletedEvent, FileMovedEvent, DirCreatedEvent, DirDeletedEvent, DirMovedEvent,
]  # fmt: skip
_UNWATCHED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ENAMETOOLONG, errno.ELOOP})  # of one directory: others are watched
_BURST = 8000  # events within a second: half of the kernel's usual queue, whose overflow watchdog drops without a word


class _Inotify(Inotify):  # type: ignore[misc]  # watchdog is not read by mypy
    """watchdog's inotify, which walks everything beneath each directory that is made, and recursively: directories nested without end would occupy it for
    minutes, or end it. Which directories are watched is decided by :meth:`_Emitter.add_watches` alone."""

    def __init__(self, path: bytes, event_mask: int) -> None:
        self._is_asked = True
        super().__init__(path, recursive=False, event_mask=event_mask)
        self._is_recursive = True  # so that it follows a directory that is renamed
        self._is_asked = False

    def add_watch(self, path: bytes) -> None:
        """Watch a directory. Raise OSError."""
        with self._lock:
            self._is_asked = True
            try:
                self._add_watch(path, self._event_mask)
            finally:
                self._is_asked = False

    def _add_watch(self, path: bytes, mask: int) -> int:
        if not self._is_asked:
            raise OSError(errno.EAGAIN, "it is watched when it is asked for")  # watchdog passes over that, and over the walk behind it
        return int(super()._add_watch(path, mask))


class _Buffer(InotifyBuffer):  # type: ignore[misc]
    """watchdog's buffer of events, with the inotify above."""

    def __init__(self, path: bytes, event_mask: int) -> None:
        BaseThread.__init__(self)
        self._queue = DelayedQueue(self.delay)
        self._inotify = _Inotify(path, event_mask)
        self.start()


class _Emitter(InotifyFullEmitter):  # type: ignore[misc]
    """watchdog's emitter, which leaves directories unwatched that were moved into the world, or for which it had no watch left.

    And it gives up altogether where one directory can not be watched: one that is closed to us, or whose path is longer than a path may be.
    """

    _inotify: _Buffer | None

    def on_thread_start(self) -> None:
        """Watch the root, then each directory beneath it that can be watched. Raise OSError (ENOSPC) where the kernel gives no more watches."""
        root = os.fsencode(self.watch.path)
        self._inotify = _Buffer(root, self.get_event_mask_from_filter())
        self.add_watches(root)

    def add_watches(self, path: bytes) -> None:
        """See to it that a directory is watched, and everything beneath it. Raise OSError (ENOSPC)."""
        if self._inotify is None:
            return
        inotify = self._inotify._inotify
        inotify.clear_move_records()  # it keeps one for each name that ever left, for ever
        for directory in _directories_at(os.fsencode(self.watch.path), path):
            try:
                inotify.add_watch(directory)
            except OSError as error:
                if error.errno not in _UNWATCHED:
                    raise


class Watch:
    """Calls ``on_hint`` (from its own threads) with the paths to look at, or with None when the whole world has to be looked at."""

    def __init__(self, root: bytes, on_hint: Callable[[list[bytes] | None], None]) -> None:
        self._root = root
        self._on_hint = on_hint
        self._observer: BaseObserver | None = None
        self._is_blind = False
        self._burst_count = 0
        self._burst_began = 0.0

    def start(self) -> bool:
        """Begin to watch. Return False if the kernel gives no watches: then only walking finds changes."""
        # Unpaired halves of renames (our own deletions move files out) would otherwise hold back all later events for half a second.
        InotifyBuffer.delay = 0.0
        handler = FileSystemEventHandler()
        handler.dispatch = self._dispatch
        observer = BaseObserver(_Emitter)
        self._is_blind = False
        try:
            observer.schedule(handler, self._root, recursive=True, event_filter=_EVENTS)
            observer.start()
        except OSError as error:
            log.warning("the world can not be watched (%s): changes are found by walking, which takes longer", error)
            return False
        self._observer = observer
        return True

    def stop(self) -> None:
        """End watching."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join(5)

    @property
    def is_well(self) -> bool:
        """Whether all of the observer's threads live (an exception in one of them ends it), and every directory is watched."""
        observer = self._observer
        return (
            observer is not None and not self._is_blind and observer.is_alive() and all(emitter.is_alive() for emitter in observer.emitters)
        )

    def _dispatch(self, event: FileSystemEvent) -> None:
        try:
            self._count()
            self._see_to_watches(event)
            hints = [path for path in (self._relative(event.src_path), self._relative(event.dest_path)) if path]
            if hints:
                self._on_hint(hints)
        except Exception:  # watchdog's dispatching thread must outlive whatever happens here
            log.exception("an event was lost")
            self._on_hint(None)

    def _see_to_watches(self, event: FileSystemEvent) -> None:
        """A directory that came is watched before it is looked at: what changes in it from then on has events of its own."""
        is_made, is_moved = isinstance(event, DirCreatedEvent), isinstance(event, DirMovedEvent) and bool(event.dest_path)
        observer = self._observer
        if observer is None or not (is_made or is_moved):
            return
        try:
            for emitter in observer.emitters:
                emitter.add_watches(os.fsencode(event.src_path if is_made else event.dest_path))
        except OSError as error:
            log.warning("a directory can not be watched (%s)", error)
            self._is_blind = True

    def _count(self) -> None:
        now = time.monotonic()
        if now - self._burst_began > 1:
            self._burst_began, self._burst_count = now, 0
        self._burst_count += 1
        if self._burst_count == _BURST:
            threading.Timer(2.0, self._on_hint, [None]).start()

    def _relative(self, path: bytes | str) -> bytes:
        full = os.fsencode(path)
        return full[len(self._root) + 1 :] if full.startswith(self._root + b"/") else b""


def _directories_at(root: bytes, path: bytes) -> Iterator[bytes]:
    """Yield a directory and those beneath it, each before it is looked into, as deep as something in them may travel."""
    deepest = root.count(b"/") + DEPTH_LIMIT
    waiting = [path]
    while waiting:
        directory = waiting.pop()
        yield directory
        if directory.count(b"/") >= deepest:
            continue
        try:
            with os.scandir(directory) as entries:
                waiting.extend(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
        except OSError:
            continue  # it is gone, or closed to us
