"""Seeing files arrive on this machine, at the moment at which they do: inotify on the directories of a world."""

from __future__ import annotations

import ctypes
import os
import select
import struct
import threading
import time
from collections.abc import Iterable
from pathlib import Path

_EVENT = struct.Struct("iIII")
_MOVED_TO, _CREATED, _CLOSED = 0x80, 0x100, 0x8


class Arrivals:
    """A thread that notes when a name in one of some directories was last given to a file. Times as :func:`time.perf_counter`, seconds."""

    def __init__(self, directories: Iterable[Path]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self._directories = {
            self._libc.inotify_add_watch(self._fd, os.fsencode(directory), _MOVED_TO | _CLOSED | _CREATED): directory
            for directory in set(directories)
        }
        if self._fd < 0 or min(self._directories) < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        self.times: dict[Path, float] = {}
        self._changed = threading.Condition()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._is_stopping:
            if not select.select([self._fd], [], [], 0.2)[0]:
                continue
            data, now, position = os.read(self._fd, 1 << 16), time.perf_counter(), 0
            with self._changed:
                while position < len(data):
                    watch, _, _, length = _EVENT.unpack_from(data, position)
                    name = data[position + _EVENT.size : position + _EVENT.size + length].rstrip(b"\0")
                    position += _EVENT.size + length
                    self.times[self._directories[watch] / os.fsdecode(name)] = now
                self._changed.notify_all()

    def wait(self, path: Path, since: float, seconds: float) -> float:
        """Wait until a path was given a file after ``since``; return when. Raise TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.times.get(path, 0.0) > since, seconds):
                raise TimeoutError(f"{path} did not arrive within {seconds} s")
            return self.times[path]

    def stop(self) -> None:
        """End the thread."""
        self._is_stopping = True
        self._thread.join()
        os.close(self._fd)
