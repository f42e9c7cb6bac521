"""Pauses between tries of the same thing: each is longer than the one before, up to a limit, and none is exactly as long as another's."""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass

_JITTER = 0.25  # of a pause, at most, is taken off


@dataclass(frozen=True)
class Pauses:
    """How long the pauses are: ``first`` seconds, twice as long each time, ``longest`` at most."""

    first: float
    longest: float

    def after(self, tries: int, key: bytes = b"") -> float:
        """Given how often something was tried in vain (1 or more), return the seconds until the next try.

        ``key`` takes the place of chance: the same key and number give the same pause, so that a schedule can be played again.
        """
        pause = min(self.first * 2.0 ** min(max(tries, 1) - 1, 32), self.longest)
        share = zlib.crc32(key + b"%d" % tries) / 2**32 if key else random.random()  # noqa: S311 - spreads load, hides nothing
        return pause * (1 - _JITTER * share)


class Backoff:
    """Counts the failures of one thing that is tried again and again. Not for several threads."""

    def __init__(self, pauses: Pauses) -> None:
        self._pauses = pauses
        self.tries = 0

    def failed(self) -> float:
        """It failed once more: return the seconds until the next try."""
        self.tries += 1
        return self._pauses.after(self.tries)

    def succeeded(self) -> None:
        """It worked: the next failure is a first one."""
        self.tries = 0
