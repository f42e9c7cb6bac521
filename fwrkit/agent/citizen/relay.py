"""A peer's world has two engines: one for the server that it follows, one for its own hub. What one of them places, the other one finds and passes on.

It says whose it is. Only what the other end has accepted, and has at this path now, is passed on: a program that puts an older version back
makes an edit of this node's own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from fwrkit.agent.citizen.record import Record
from fwrkit.agent.states import ABSENT, State
from fwrkit.agent.wire.messages import Between, Delivery

SOMEBODY = "fwrkit"  # whose it is where nobody remembers
Lookup = Callable[[bytes, State], str]
Intermediate = Callable[[bytes, State, State], list[Between]]


def nothing(_: bytes, __: State, ___: State) -> list[Between]:
    """Return that there was nothing in between."""
    return []


def nobody(_: bytes, __: State) -> str:
    """Say of whatever is found that it is this node's own."""
    return ""


class Relay:
    """What an engine notes of what it places, and asks about what it finds.

    ``author_of`` returns whose a state is, empty for this node's own; ``between`` the versions that the other end had of a path from one state
    to another, without both, and ``ancestors`` what other servers had of it before; ``heard`` is told what the server had of a path in between.
    """

    def __init__(
        self,
        author_of: Lookup,
        between: Intermediate = nothing,
        ancestors: Callable[[bytes], list[State]] = lambda _: [],
        heard: Callable[[bytes, list[State]], None] = lambda *_: None,
    ) -> None:
        self.author_of = author_of
        self.between = between
        self.ancestors = ancestors
        self._heard = heard
        self._placing: dict[tuple[bytes, State], str] = {}
        self._lock = threading.Lock()

    def placing(self, deliveries: Sequence[Delivery]) -> None:
        """These are about to be placed: the other engine may find them before they are in the record."""
        with self._lock:
            self._placing.update({(each.path, each.state): each.author or SOMEBODY for each in deliveries})
        for each in deliveries:
            if each.trail:
                self._heard(each.path, each.trail)

    def placed(self) -> None:
        """The record says by now what was placed."""
        with self._lock:
            self._placing.clear()

    def author_by(self, record: Record) -> Lookup:
        """Return how to ask, for the other engine: whose is what is being placed, or what this engine's record has (on a connection of its own)."""

        def author_of(path: bytes, state: State) -> str:
            with self._lock:
                known = self._placing.get((path, state))
            return known or recorded(record, path, state)

        return author_of


def recorded(record: Record, path: bytes, state: State) -> str:
    """Return whose a state is that was agreed on for a path last, empty if it is another one."""
    entry = record.get(path)
    if entry is not None and entry.state is not ABSENT:
        return (entry.author or SOMEBODY) if entry.state == state else ""
    return SOMEBODY if state is ABSENT and record.was_deleted(path) else ""


ALONE = Relay(nobody)  # of a node that passes nothing on
