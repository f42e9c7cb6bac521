"""Runs are admitted a few at a time. Used by the hub's thread only.

A run of somebody whose line is slow, or who does nothing with their place on purpose, takes little of the machine, but it would keep all others
waiting: after a while it does not count any more, and goes on beside those that do.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from fwrkit.agent.server.session import Session


class Slots:
    """Hands out ``count`` places. A session holds one at most per direction (``key``) and loses it with its connection.

    ``patience``: seconds for which a place that is held keeps others waiting. ``clock``: seconds, monotonic.
    """

    def __init__(self, count: int, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._patience = patience
        self._clock = clock
        self._held: dict[tuple[Session, str], float] = {}  # since when
        self._waiting: deque[tuple[Session, str, Callable[[], None]]] = deque()

    def take(self, session: Session, key: str, start: Callable[[], None]) -> None:
        """Call ``start`` as soon as there is a place, at once if there is one now."""
        self._waiting.append((session, key, start))
        self.sweep()

    def release(self, session: Session, key: str) -> None:
        """Give a place back; harmless if it is not held."""
        self._held.pop((session, key), None)
        self.sweep()

    def sweep(self) -> None:
        """Take the places of ended connections back, and hand out what is free: to be called now and then, too."""
        now = self._clock()
        for session, key in [place for place in self._held if place[0].channel.is_closed]:
            del self._held[(session, key)]
        while self._waiting and sum(now - since < self._patience for since in self._held.values()) < self._count:
            session, key, start = self._waiting.popleft()
            if not session.channel.is_closed:
                self._held[(session, key)] = now
                start()
