"""What a connection has sent and the hub has not taken up: whoever sends faster than the hub works waits, and costs a bounded amount of memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from fwrkit.agent.wire.messages import Acknowledgement, Change, Manifest, Piece

LIMIT = 16 * 1024 * 1024  # bytes, roughly
_PATIENCE = 1.0  # seconds after which a waiting thread looks whether its connection is there still
_LEAST = 1024
_MANIFEST = 2 * 1024 * 1024


class Backlog:
    """The reading thread adds, and waits while there is too much; the hub's thread takes."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._weight = 0

    def add(self, message: Any, is_closed: Callable[[], bool]) -> None:
        """Count a message. Wait first while there is too much, but not longer than the connection lives."""
        with self._condition:
            while self._weight > LIMIT and not is_closed():
                self._condition.wait(_PATIENCE)
            self._weight += weight(message)

    def take(self, message: Any) -> None:
        """A message is taken up."""
        with self._condition:
            self._weight = max(0, self._weight - weight(message))
            self._condition.notify_all()


def weight(message: Any) -> int:
    """Return roughly how many bytes of memory a message takes."""
    if isinstance(message, Change):
        return _LEAST + len(message.content or b"")
    if isinstance(message, Piece):
        return _LEAST + len(message.data)
    if isinstance(message, Manifest):
        return _MANIFEST
    return _LEAST + (64 * len(message.numbers) if isinstance(message, Acknowledgement) else 0)
