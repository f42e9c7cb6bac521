"""Signing the history's newest version, a little after it was written: by the thread that writes, never more than once in a moment."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable

from fwrkit.agent.heads import NAMESPACE, REFERENCE, head_text, let_go
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.history import History
from fwrkit.core.errors import FwrError

log = logging.getLogger("fwrkit.signing")

_EVERY = 1.0  # seconds between two signatures: clients fetch four seconds after the last change, and are to find it
_RETRY = 60.0  # seconds after a failure
_KEPT = 600.0  # seconds for which the tag before stays: somebody may be fetching it


class HeadSigner:
    """Signs the newest version of a history. ``clock``: seconds, monotonic."""

    def __init__(self, history: History, authority: Authority, clock: Callable[[], float] = time.monotonic) -> None:
        self._history = history
        self._authority = authority
        self._clock = clock
        self._signed: tuple[str, str] = ("", "")  # the version, and by which key
        self._next_at = 0.0
        self._before: deque[tuple[float, str]] = deque()

    def sign(self, *, is_last: bool = False) -> float:
        """Sign the newest version if that is not done and it is time to; ``is_last``: now in any case. Return in how many seconds to come again,
        0 if nothing is left to do. A failure is logged, and tried again later.
        """
        now = self._clock()
        self._let_go(now)
        try:
            wanted = (self._history.head(), self._authority.public)
            number = self._history.number() if wanted[0] and wanted != self._signed else 0
            if not number:  # nothing new, or a commit that does not say what it holds: the next one will
                return 0.0
            if now < self._next_at and not is_last:
                return self._next_at - now
            text = head_text(wanted[0], self._history.domain, number, int(time.time()))
            before = self._history.move_tag(REFERENCE, text + self._authority.sign_text(text, NAMESPACE))
        except (FwrError, OSError, KeyError, ValueError) as error:
            log.warning("the newest version can not be signed: %s", error)
            self._next_at = now + _RETRY
            return _RETRY
        self._signed, self._next_at = wanted, now + _EVERY
        if before:
            self._before.append((now, before))
        return 0.0

    def _let_go(self, now: float) -> None:
        while self._before and now - self._before[0][0] >= _KEPT:
            let_go(self._history.path, self._before.popleft()[1])
