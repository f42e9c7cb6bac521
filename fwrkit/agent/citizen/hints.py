"""Which paths have to be looked at, and when: a burst of hints settles, and what somebody is writing is looked at again later.

Used by the engine's thread only. Times are seconds of an injected monotonic clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable

_BUSY_FIRST, _BUSY_LAST = 0.05, 2.0  # seconds between two looks at a file that somebody is writing
_UNDER_WAY = 0.05  # seconds until the next look where a change of each path is under way


class Hints:
    """Collects hints. They settle when none came for ``quiet`` seconds, ``limit`` seconds after the first at the latest.

    A walk of the whole world is due every ``walk_every`` seconds, from :meth:`clear` on.
    """

    def __init__(self, quiet: float, limit: float, walk_every: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet = quiet
        self._limit = limit
        self._walk_every = walk_every
        self._clock = clock
        self._paths: dict[bytes, None] = {}
        self._first = self._last = 0.0
        self._busy: dict[bytes, tuple[float, float]] = {}
        self._walk_at: float | None = None

    def __bool__(self) -> bool:
        """Whether anything has to be looked at, now or later."""
        return bool(self._paths or self._busy)

    def __contains__(self, path: bytes) -> bool:
        """Say whether a path was hinted at since it was last looked at."""
        return path in self._paths

    @property
    def busy(self) -> Collection[bytes]:
        """The paths that somebody was writing when they were last looked at."""
        return self._busy.keys()

    def add(self, paths: Iterable[bytes]) -> None:
        """These paths may have changed."""
        now = self._clock()
        if not self._paths:
            self._first = now
        self._last = now
        self._paths.update(dict.fromkeys(paths))

    def add_everything(self) -> None:
        """Anything may have changed: a walk is due."""
        self._walk_at = self._clock()

    def quiet_for(self) -> float:
        """Return the seconds since a path was hinted at."""
        return self._clock() - self._last

    def put_off(self, paths: Iterable[bytes]) -> None:
        """These paths can not be taken up now; they are looked at again with the next that are hinted at, or soon."""
        self._paths.update(dict.fromkeys(paths))

    def is_walk_due(self) -> bool:
        """Say whether everything has to be looked at now."""
        return self._walk_at is not None and self._clock() >= self._walk_at

    def is_settled(self) -> bool:
        """Say whether there are paths to look at now."""
        now = self._clock()
        due = [path for path, (at, _) in self._busy.items() if at <= now and path not in self._paths]
        if due:
            self.add(due)
        return bool(self._paths) and now >= self._settled_at()

    def take(self, is_under_way: Callable[[bytes], bool]) -> list[bytes]:
        """Return what has to be looked at now; those of which a change is under way stay."""
        taken = [path for path in self._paths if not is_under_way(path)]
        for path in taken:
            del self._paths[path]
        if not taken:
            self._first = self._last = self._clock() + _UNDER_WAY
        return taken

    def looked_at(self, paths: Iterable[bytes], busy: Collection[bytes]) -> None:
        """Paths were looked at, and some of them somebody was writing: those are looked at again, ever later."""
        for path in paths:
            if path not in busy:
                self._busy.pop(path, None)
        self.look_later(busy)

    def look_later(self, paths: Iterable[bytes]) -> None:
        """Somebody is writing these."""
        now = self._clock()
        for path in paths:
            _, pause = self._busy.get(path, (0.0, _BUSY_FIRST / 2))
            pause = min(2 * pause, _BUSY_LAST)
            self._busy[path] = (now + pause, pause)

    def walked(self) -> None:
        """Everything is being looked at: what was hinted at is included."""
        self._paths.clear()
        self._walk_at = self._clock() + self._walk_every

    def clear(self) -> None:
        """Begin anew: everything was looked at."""
        self.walked()
        self._busy.clear()

    def time_left(self, most: float) -> float:
        """Return the seconds until there may be something to do, ``most`` at most."""
        now = self._clock()
        times = [now + most, *(at for path, (at, _) in self._busy.items() if path not in self._paths)]
        if self._paths:
            times.append(self._settled_at())
        return max(0.0, min(times) - now)

    def _settled_at(self) -> float:
        return min(self._last + self._quiet, self._first + self._limit)
