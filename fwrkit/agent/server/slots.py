"""Runs are admitted a few at a time. Used by the hub's thread only."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from fwrkit.agent.server.session import Session


class Slots:
    """Hands out ``count`` places. A session holds one at most per direction (``key``) and loses it with its connection."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._held: dict[tuple[Session, str], None] = {}
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
        """Take the places of ended connections back, and hand out what is free."""
        for session, key in [place for place in self._held if place[0].channel.is_closed]:
            del self._held[(session, key)]
        while self._waiting and len(self._held) < self._count:
            session, key, start = self._waiting.popleft()
            if not session.channel.is_closed:
                self._held[(session, key)] = None
                start()
