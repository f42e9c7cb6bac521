"""Applying deliveries to the world, and what becomes of those that can not be applied now. Used by the engine's thread only."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from fwrkit.agent import paths
from fwrkit.agent.backoff import Pauses
from fwrkit.agent.citizen.downloads import NO_ROOM
from fwrkit.agent.citizen.moves import Moves
from fwrkit.agent.citizen.placing import Placer, Prepared, PutBack
from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.staged import Staged
from fwrkit.agent.citizen.unseen import Unseen
from fwrkit.agent.files import reasons
from fwrkit.agent.files.ignore import IgnoreList
from fwrkit.agent.files.tree import NO_STAMP
from fwrkit.agent.states import ABSENT, State, is_directory, is_file
from fwrkit.agent.wire.messages import Acknowledgement, Delivery
from fwrkit.agent.wire.messages import PutBack as PutBackMessage

log = logging.getLogger("fwrkit.receiving")

OBSTRUCTED = "something that does not travel is in the way"


_PAUSES = Pauses(5.0, 300.0)  # between two tries of a delivery that can not be applied
_CHANGED = Pauses(5.0, 20.0)  # where somebody works on the path
_LEAST = 2.0  # seconds between two tries, also where something happens at the path meanwhile


@dataclass(frozen=True)
class Waiting:
    """A delivery that could not be applied: ``changed`` (the path is looked at first), ``obstructed`` or ``space`` (tried again).

    ``sentence`` says why for people. It was tried at ``since``, and is again at ``at``, in seconds of the engine's clock.
    """

    delivery: Delivery
    reason: str
    sentence: str = ""
    since: float = 0.0
    at: float = 0.0


class Receiver:
    """Applies deliveries. What waits, waits here, and the server is told once: it voids it when a change of the path arrives."""

    def __init__(
        self,
        record: Record,
        placer: Placer,
        staged: Staged,
        say: Callable[[Any], None],
        clock: Callable[[], float] = time.monotonic,
        unseen: Unseen | None = None,
    ) -> None:
        self._unseen = unseen
        self._clock = clock
        self._record = record
        self._placer = placer
        self._staged = staged
        self._say = say
        self.ignored = IgnoreList(())
        self.waiting: dict[bytes, Waiting] = {}
        self.absent: dict[bytes, str] = {}  # what a run has not brought yet, and why
        self._moves = Moves()
        self._told: set[int] = set()  # deliveries of which the server knows that they wait
        self._redelivered: set[int] = set()  # deliveries that were applied again at once, as a look found nothing in their way
        self._done = 0
        self._tries: dict[int, int] = {}  # how often a delivery that waits was tried in vain

    def reset(self) -> None:
        """The connection ended: everything is delivered anew."""
        self.waiting.clear()
        self.absent.clear()
        self._told.clear()
        self._tries.clear()
        self._redelivered.clear()
        self._moves = Moves()
        self._placer.forget_prepared()
        self._staged.clear()

    def void(self, path: bytes) -> None:
        """A change of the path was folded: what was delivered before it is void."""
        self.waiting.pop(path, None)
        self.absent.pop(path, None)

    def apply(self, deliveries: list[Delivery], is_busy: Callable[[bytes], bool]) -> list[bytes]:
        """Apply what can be applied, durably, and acknowledge it; return the paths that have to be looked at.

        ``is_busy`` says which paths have a change under way: their deliveries wait for its outcome.
        """
        ready: list[tuple[Delivery, Prepared | None]] = []
        newest = {delivery.path: delivery for delivery in deliveries}  # one that waited here may have a successor among them
        for delivery in newest.values():
            self.void(delivery.path)
            if is_busy(delivery.path):
                self._wait(delivery, "changed")
            elif self._is_applicable(delivery):
                self._prepare(delivery, ready)
        self._placer.sync([prepared for _, prepared in ready if prepared is not None])
        done: list[Delivery] = []
        to_look_at: list[bytes] = []
        for delivery, prepared in ready:
            try:
                self._place(delivery, prepared)
            except PutBack as reason:
                if self._is_overtaken(delivery):
                    self._put_back(delivery, "base", self._record.state(delivery.path))
                    continue
                self._wait(delivery, reason.reason, reason.sentence)
                to_look_at.append(delivery.path)
            else:
                done.append(delivery)
        self._acknowledge(done)
        return to_look_at

    def due(self) -> list[Waiting]:
        """Return what is to be tried again now."""
        now = self._clock()
        return [waiting for waiting in self.waiting.values() if waiting.at <= now]

    def look_sooner(self, path: bytes) -> None:
        """Something has happened at the path of a delivery that waits: it may be possible now."""
        waiting = self.waiting[path]
        self.waiting[path] = replace(waiting, at=min(waiting.at, waiting.since + _LEAST))

    def tried(self, waiting: Waiting) -> None:
        """Put off a delivery that is due and is being tried: it is due again later."""
        self._redelivered.discard(waiting.delivery.number)
        self._remember(waiting.delivery, waiting.reason, waiting.sentence)

    def may_redeliver(self, delivery: Delivery) -> bool:
        """Say whether a delivery may be applied at once that waited for a look: once, and again when it is due. Else the two would go in a circle."""
        if delivery.number in self._redelivered:
            return False
        self._redelivered.add(delivery.number)
        return True

    def take_done(self) -> int:
        """Return how many deliveries were applied since this was asked last."""
        done, self._done = self._done, 0
        return done

    def _remember(self, delivery: Delivery, reason: str, sentence: str) -> None:
        now = self._clock()
        pause = (_CHANGED if reason == "changed" else _PAUSES).after(self._tries.get(delivery.number, 1), delivery.path)
        self.waiting[delivery.path] = Waiting(delivery, reason, sentence, now, now + pause)

    def _wait(self, delivery: Delivery, reason: str, sentence: str = "") -> None:
        self._tries[delivery.number] = self._tries.get(delivery.number, 0) + 1
        self._remember(delivery, reason, sentence)
        if delivery.number not in self._told:
            self._told.add(delivery.number)
            self._say(PutBackMessage(delivery.number, "waits", self._record.state(delivery.path)))

    def _is_applicable(self, delivery: Delivery) -> bool:
        """Say whether a delivery fits the record; answer it here if not."""
        agreed = self._record.state(delivery.path)
        if (
            paths.why_not(delivery.path)
            or self.ignored.matches(delivery.path)
            or delivery.path in (paths.SENTINEL, paths.UPSTREAM_SENTINEL)
        ):
            log.warning("the server delivered %r, which does not travel", delivery.path)
            return False
        if agreed != delivery.base and agreed != delivery.state:
            self._put_back(delivery, "base", agreed)
            return False
        return True

    def _is_overtaken(self, delivery: Delivery) -> bool:
        """Say whether a directory is to go in which something stays by agreement: a change in it has brought it back at the server meanwhile.

        What still has to go from it has a delivery of its own, which is here or on its way: then the directory's comes again behind it.
        """
        if delivery.state is not ABSENT or not is_directory(self._record.state(delivery.path)):
            return False
        beneath = self._record.beneath(delivery.path)
        return any(entry.state is not ABSENT and not entry.has_sent and entry.path not in self.waiting for entry in beneath)

    def _prepare(self, delivery: Delivery, ready: list[tuple[Delivery, Prepared | None]]) -> None:
        state = delivery.state
        if not isinstance(state, bytes) or not is_file(state) or self._record.state(delivery.path) == state:
            ready.append((delivery, None))
            return
        try:
            if delivery.content is not None:
                prepared = self._placer.prepare(delivery.path, delivery.content, state, delivery.time)
            elif (staged := self._staged.find(delivery.path, state)) is not None:
                prepared = self._placer.adopt(delivery.path, staged, state, delivery.time)
            else:
                self.absent[delivery.path] = self._staged.lack
                self._put_back(delivery, "content", self._record.state(delivery.path))
                return
        except OSError as error:
            log.warning("a delivery can not be written: %s", error)
            self._wait(delivery, "space", reasons.words(error))
            return
        ready.append((delivery, prepared))

    def _put_back(self, delivery: Delivery, reason: str, agreed: State) -> None:
        self._staged.drop(delivery.path)
        self._say(PutBackMessage(delivery.number, reason, agreed))

    def _place(self, delivery: Delivery, prepared: Prepared | None) -> None:
        agreed: State = self._record.state(delivery.path)
        if self._is_live_database(delivery):
            self._record.agree(delivery.path, delivery.state, NO_STAMP, delivery.author)
            if prepared is not None:
                self._placer.discard(prepared)
            return
        if prepared is not None:
            if self._unseen is not None:
                self._unseen.placing(delivery.path)
            self._record.agree(delivery.path, delivery.state, self._placer.place(delivery.path, agreed, prepared), delivery.author)
            if self._unseen is not None:
                self._unseen.placed(delivery.path, agreed, delivery.state)
            self._moves.put(delivery.path, delivery.state)
        elif agreed == delivery.state:
            return
        elif is_directory(delivery.state):
            if is_file(agreed):
                self._placer.delete(delivery.path, agreed)
                self._record.agree(delivery.path, ABSENT)  # who puts a file here in this very moment did not make it from that one
            self._placer.make_directory(delivery.path)
            self._record.agree(delivery.path, delivery.state, NO_STAMP, delivery.author)
        elif delivery.state is ABSENT:
            self._moves.deleted(delivery.path, agreed)
            self._placer.delete(delivery.path, agreed, self._moves.moved_to(delivery.path) if is_directory(agreed) else None)
            self._record.agree(delivery.path, ABSENT)

    def _is_live_database(self, delivery: Delivery) -> bool:
        """Say whether a database lives where others have a file, or have deleted one: it is this node's own, and is left alone."""
        if is_directory(delivery.state):
            return False
        entry = self._record.get(delivery.path)
        if entry is not None and self._placer.has_stamp(delivery.path, entry.stamp):
            return False  # it is as it was placed, and is not opened: that would count as having been read
        return self._placer.is_database(delivery.path)

    def _acknowledge(self, done: list[Delivery]) -> None:
        if not done:
            return
        self._placer.sync_places([delivery.path for delivery in done])
        self._record.sync()
        for delivery in done:
            self._staged.drop(delivery.path)
            self._tries.pop(delivery.number, None)
            self._redelivered.discard(delivery.number)
        self._done += len(done)
        self._say(Acknowledgement([delivery.number for delivery in done]))

    def obstacles(self) -> dict[bytes, str]:
        """Return the paths whose deliveries wait for something that a person may have to remove, and why."""
        waiting = {path: said(item) for path, item in self.waiting.items() if item.reason != "changed"}
        return waiting | {path: lack for path, lack in self.absent.items() if lack == NO_ROOM}


def said(waiting: Waiting) -> str:
    """Return why a delivery waits, for people."""
    if waiting.reason == "space":
        return NO_ROOM
    return f"what others have there can not be placed: {waiting.sentence or OBSTRUCTED}"
