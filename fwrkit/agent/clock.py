"""Noticing a clock that was set, or is wrong: nothing depends on it, but times in names and histories do."""

from __future__ import annotations

import time
from collections.abc import Callable

_TOLERANCE = 120.0  # seconds


class ClockWatch:
    """Compares the wall clock with the monotonic one, which nobody sets, and with what the server says. Times in seconds."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._ahead = wall() - monotonic()

    def alerts(self, behind_server: float) -> list[str]:
        """Given by how much the server's clock is ahead, return sentences about what is wrong, none if nothing is."""
        found = []
        jump = self._wall() - self._monotonic() - self._ahead
        if abs(jump) > _TOLERANCE:
            found.append(f"This machine's clock was set {_span(jump)} while the node ran.")
        if abs(behind_server) > _TOLERANCE:
            found.append(
                f"This machine's clock is {_span(-behind_server)} compared with the server's: times in names and histories are wrong by that."
            )
        return found


def _span(seconds: float) -> str:
    value, unit = abs(seconds), "seconds"
    for size, name in ((86400 * 365, "years"), (86400, "days"), (3600, "hours"), (60, "minutes")):
        if value >= 2 * size:
            value, unit = value / size, name
            break
    return f"{value:.0f} {unit} {'ahead' if seconds > 0 else 'back'}"
