"""Which paths have to be looked at, and when: a burst of hints settles, and what can not be taken now is looked at again, ever later.

Used by the engine's thread only. Times are seconds of an injected monotonic clock.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace

from fwrkit.agent.backoff import Pauses
from fwrkit.agent.files.reasons import BEING_WRITTEN

WRITING = Pauses(0.05, 2.0)  # between two looks at a file that somebody is writing
FAILED = Pauses(1.0, 300.0)  # between two tries of what failed for a reason that seldom ends by itself
_UNDER_WAY_NOW = math.inf  # nothing has to be looked at again while it is on its way
_UNDER_WAY = 0.05  # seconds until the next look where a change of each path is under way


@dataclass(frozen=True)
class Later:
    """When a path is looked at again (seconds of the clock), how often it was tried in vain, and why."""

    at: float
    tries: int
    reason: str


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
        self._later: dict[bytes, Later] = {}
        self._soonest: float | None = math.inf  # when the first of these is due, None if that has to be looked for
        self._walk_at: float | None = None

    def __bool__(self) -> bool:
        """Whether anything has to be looked at, now or later."""
        return bool(self._paths or self._later)

    def __contains__(self, path: bytes) -> bool:
        """Say whether a path was hinted at since it was last looked at."""
        return path in self._paths

    @property
    def later(self) -> Mapping[bytes, Later]:
        """The paths that could not be taken when they were last looked at."""
        return self._later

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
        if now >= self._next_at():
            due = [path for path, later in self._later.items() if later.at <= now and path not in self._paths]
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

    def looked_at(self, paths: Iterable[bytes] | None, found: Container[bytes], busy: Mapping[bytes, str]) -> None:
        """Paths (None: all there are) were looked at. ``found`` are taken now; ``busy`` (path to reason) can not be, and are looked at again."""
        for path in list(self._later) if paths is None else paths:
            later = self._later.get(path)
            if later is None or path in busy:
                continue
            if path in found and later.reason != BEING_WRITTEN:
                self._soonest = None
                self._later[path] = replace(later, at=_UNDER_WAY_NOW)  # how often it failed counts until there is agreement
            else:
                self._soonest = None
                del self._later[path]
        for path, reason in busy.items():
            self.look_later([path], reason, WRITING)

    def look_later(self, paths: Iterable[bytes], reason: str = BEING_WRITTEN, pauses: Pauses = WRITING) -> None:
        """These could not be taken, or sent, for a reason: they are looked at again, ever later."""
        now = self._clock()
        self._soonest = None
        for path in paths:
            before = self._later.get(path)
            tries = before.tries + 1 if before is not None and before.reason == reason else 1
            self._later[path] = Later(now + pauses.after(tries, path), tries, reason)

    def settled(self, paths: Iterable[bytes]) -> None:
        """Forget that these were tried in vain: node and server agree on them now."""
        if self._later:
            self._soonest = None
            for path in paths:
                self._later.pop(path, None)

    def walked(self) -> None:
        """Everything is being looked at: what was hinted at is included."""
        self._paths.clear()
        self._walk_at = self._clock() + self._walk_every

    def clear(self) -> None:
        """Begin anew: everything is about to be looked at."""
        self.walked()

    def time_left(self, most: float) -> float:
        """Return the seconds until there may be something to do, ``most`` at most."""
        now = self._clock()
        times = [now + most]
        if self._paths:
            times.append(self._settled_at())
        elif self._later:
            times.append(self._next_at())
        return max(0.0, min(times) - now)

    def _next_at(self) -> float:
        """Return when the first of what could not be taken is due; it is looked for again when something about them has changed."""
        if self._soonest is None:
            self._soonest = min((later.at for later in self._later.values()), default=math.inf)
        return self._soonest

    def _settled_at(self) -> float:
        return min(self._last + self._quiet, self._first + self._limit)
