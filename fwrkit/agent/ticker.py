"""Something done again and again, by a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger("fwrkit.ticker")

_EVERY = 5.0  # seconds


class Ticker:
    """Calls a function every few seconds until it is stopped; what fails is logged and tried again the next time."""

    def __init__(self, function: Callable[[], object], every: float = _EVERY, name: str = "ticker") -> None:
        self._function = function
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is being done is finished first."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def _loop(self) -> None:
        while not self._stop.wait(self._every):
            try:
                self._function()
            except Exception:
                log.exception("%s failed", self._thread.name)
