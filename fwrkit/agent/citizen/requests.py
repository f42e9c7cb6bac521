"""Those who wait until node and upstream agree: a walk, then quiet, then a barrier that passes while it is still quiet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fwrkit.agent.wire.messages import Barrier


@dataclass
class Request:
    """Somebody waits; ``done`` is set when both hold the same."""

    done: threading.Event = field(default_factory=threading.Event)
    is_walked: bool = False
    barrier: int = 0


class Requests:
    """The requests that wait. Used by the engine's thread only, but for the events in them."""

    def __init__(self, say: Callable[[Any], None]) -> None:
        self._say = say
        self._waiting: list[Request] = []
        self._passed: list[Request] = []
        self._barrier = 0

    def add(self, request: Request) -> None:
        """Take up a request."""
        self._waiting.append(request)

    def drop(self, request: Request) -> None:
        """Nobody waits for this one any more."""
        if request in self._waiting:
            self._waiting.remove(request)

    def reset(self) -> None:
        """The connection ended: begin again on the next."""
        self._waiting, self._passed = [*self._passed, *self._waiting], []
        for request in self._waiting:
            request.is_walked, request.barrier = False, 0

    def go_on(self, is_ready: bool, walk: Callable[[], None], is_quiet: Callable[[], bool]) -> None:
        """Take each request a step further, if there is a connection."""
        for request in self._waiting:
            if is_ready and not request.is_walked:
                request.is_walked = True
                walk()
            if request.is_walked and not request.barrier and is_quiet():
                self._barrier += 1
                request.barrier = self._barrier
                self._say(Barrier(request.barrier))

    def passed(self, barrier: int, is_quiet: bool) -> None:
        """A barrier came back: if it is still quiet here, its request can be answered."""
        for request in list(self._waiting):
            if request.barrier == barrier and is_quiet:
                self._waiting.remove(request)
                self._passed.append(request)
            elif request.barrier == barrier:
                request.barrier = 0

    def answer(self) -> None:
        """Answer what has passed: the record and what is shown are as the answer says by now."""
        for request in self._passed:
            request.done.set()
        self._passed.clear()
