"""A stop event on which nobody waits."""

from __future__ import annotations

import threading


class Clock(threading.Event):
    """Takes the place of a thread's own stop event: what is waited for is written down, and after ``count`` times it is set."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.delays: list[float] = []
        self._count = count

    def wait(self, timeout: float | None = None) -> bool:
        """Write the delay down; return whether that was enough."""
        self.delays.append(timeout or 0.0)
        if len(self.delays) >= self._count:
            self.set()
        return self.is_set()
