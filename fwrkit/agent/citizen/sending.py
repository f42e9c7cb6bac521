"""Changes on their way to the server: one in flight per path, remembered in the record before it is sent, settled by its outcome.

Used by the engine's thread only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fwrkit.agent.citizen.placing import Displaced
from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.relay import ALONE, Relay
from fwrkit.agent.citizen.scan import Found
from fwrkit.agent.files.tree import NO_STAMP, Stamp, Taken
from fwrkit.agent.order import in_safe_order
from fwrkit.agent.states import ABSENT, State, is_file
from fwrkit.agent.wire.messages import Change, ManifestEntry, Outcome

MadeOf = Callable[[bytes], list[State]]
_BETWEEN_BYTES = 8 * 1024 * 1024  # of versions in between, of all changes of a batch: the server takes a bounded amount at once


@dataclass(frozen=True)
class Flight:
    """A change without an outcome so far. ``orphan`` is the displaced file that it tells of; ``content`` is kept in case it is refused.

    ``is_lack``: it says that the path was lost here.
    """

    path: bytes
    state: State
    stamp: Stamp
    orphan: Displaced | None = None
    content: bytes | None = None
    is_lack: bool = False


class Sender:
    """Sends found changes as one batch and takes their outcomes.

    ``relay`` says whose what is found is, where it is passed on, and what was there between two states of it. ``made_of`` as in :meth:`Unseen.made_of`.
    """

    def __init__(
        self, record: Record, citizen: str, say: Callable[[Any], None], relay: Relay = ALONE, made_of: MadeOf = lambda _: []
    ) -> None:
        self._made_of = made_of
        self._record = record
        self._citizen = citizen
        self._say = say
        self._relay = relay
        self._number = 0
        self._flights: dict[int, Flight] = {}
        self.paths: dict[bytes, int] = {}
        self._missing: set[bytes] = set()  # paths whose content the server turned out not to have
        self._room = 0  # bytes of versions in between that the batch may still take

    def __len__(self) -> int:
        return len(self._flights)

    def reset(self) -> list[Displaced]:
        """The connection ended: outcomes will not come. Return the displaced files that were told of in vain."""
        orphans = [flight.orphan for flight in self._flights.values() if flight.orphan is not None]
        self._flights.clear()
        self.paths.clear()
        self._missing.clear()
        return orphans

    def send(self, found: Iterable[Found]) -> None:
        """Send changes as one batch, which the server folds when it is whole: puts before deletions, so that a rename never loses."""
        by_path = {item.path: item for item in found}
        ordered = [by_path[path] for path in in_safe_order((item.path, item.state) for item in by_path.values())]
        # what is deleted in the same batch is known to the server: a renamed file travels without its content
        known = {self._record.state(item.path) for item in ordered if item.state is ABSENT}
        self._room = _BETWEEN_BYTES
        for position, item in enumerate(ordered):
            content = None if item.state in known and item.path not in self._missing else item.content
            self._missing.discard(item.path)
            self._send_one(item, content, more=position < len(ordered) - 1)

    def _send_one(self, item: Found, content: bytes | None, more: bool) -> None:
        entry = self._record.get(item.path)
        base = entry.state if entry is not None else ABSENT
        prior, has_prior = (entry.sent, entry.has_sent) if entry is not None else (ABSENT, False)
        older = list(entry.older) if entry is not None else []
        self._record.will_send(item.path, item.state)
        number = self._next(Flight(item.path, item.state, item.stamp, content=item.content))
        self.paths[item.path] = number
        time, size = (item.stamp.time, item.stamp.size) if is_file(item.state) else (0, 0)
        author = self._relay.author_of(item.path, item.state)
        between = self._between(item, base) if author and not has_prior else []
        trail = self._relay.ancestors(item.path) if author else []
        self._say(
            Change(
                number, item.path, item.state, base=base, prior=prior, has_prior=has_prior, is_unknown=False, is_orphan=False, time=time,
                size=size, content=content, more=more, older=older, trail=trail, author=author, between=between,
                seen=self._made_of(item.path),
            )
        )  # fmt: skip

    def _between(self, item: Found, base: State) -> list[list[Any]]:
        """Return the versions that the other end had in between, as long as there is room for them in this batch: they are for the history."""
        found = self._relay.between(item.path, base, item.state) if self._room > 0 else []
        self._room -= sum(len(each.content) for each in found)
        return [each.to_value() for each in found]

    def send_lack(self, path: bytes) -> None:
        """Tell the server that this machine has lost what it had at a path: that is no deletion, the server delivers it."""
        self._record.agree(path, ABSENT)
        number = self._next(Flight(path, ABSENT, NO_STAMP, is_lack=True))
        self.paths[path] = number
        self._say(
            Change(
                number, path, ABSENT, base=ABSENT, prior=ABSENT, has_prior=False, is_unknown=True, is_orphan=False, time=0, size=0,
                content=None, more=False,
            )
        )  # fmt: skip

    def send_orphan(self, item: Displaced, taken: Taken) -> None:
        """Tell the server of a displaced file that was written on; the path itself holds something else by now.

        A large one is told of without its content: mostly it is an older version, left behind when the agent was killed.
        """
        stamp = taken.stamp
        number = self._next(Flight(item.path, taken.state, stamp, item))
        author = self._relay.author_of(item.path, taken.state)  # at a peer, it may be what the other engine has placed in the same moment
        self._say(
            Change(
                number, item.path, taken.state, base=item.state, prior=ABSENT, has_prior=False, is_unknown=True, is_orphan=True,
                time=stamp.time, size=stamp.size, content=taken.content, more=False, author=author,
            )
        )  # fmt: skip

    def take(self, outcome: Outcome) -> Flight | None:
        """Given an outcome, return the change that it settles, recorded as agreed on; None if it is none of ours.

        A missing content settles nothing: the path has to be looked at, and sent, again.
        """
        flight = self._flights.pop(outcome.number, None)
        if flight is None:
            return None
        if flight.orphan is None:
            self.paths.pop(flight.path, None)
            if outcome.result == "MISSING":
                self._missing.add(flight.path)
            else:
                self._record.agree(flight.path, flight.state, flight.stamp, self._citizen if outcome.result != "SAME" else "")
        return flight

    def _next(self, flight: Flight) -> int:
        self._number += 1
        self._flights[self._number] = flight
        return self._number


def manifest_entry(
    record: Record,
    item: Found,
    is_unknown: bool,
    claims: Sequence[State] = (),
    author: str = "",
    ancestors: Sequence[State] = (),
    seen: Sequence[State] = (),
) -> ManifestEntry:
    """Given a found change whose state is known, return it as an entry of a run's manifest, and remember that it is being sent.

    ``claims``: what was agreed on with other servers, where the record begins anew (:meth:`Record.claims`). ``author`` as in :class:`Change`;
    ``ancestors`` is the trail where it is somebody else's; ``seen`` as in :class:`Change`.
    """
    entry = record.get(item.path)
    base = entry.state if entry is not None else claims[0] if claims else ABSENT
    prior, has_prior = (entry.sent, entry.has_sent) if entry is not None else (ABSENT, False)
    older = list(entry.older) if entry is not None else []
    record.will_send(item.path, item.state)
    time, size = (item.stamp.time, item.stamp.size) if is_file(item.state) else (0, 0)
    trail = list(claims[1:] if entry is None and claims else ancestors)
    return ManifestEntry(item.path, item.state, base, prior, has_prior, is_unknown, time, size, older, trail, author, list(seen))
