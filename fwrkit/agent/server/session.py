"""One citizen's connection as the server sees it: what is due to them, what was sent, which runs go on. Used by the hub's thread only."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from fwrkit.agent.filters import Filters
from fwrkit.agent.policy import Decision
from fwrkit.agent.server.backlog import Backlog
from fwrkit.agent.server.store import Citizen
from fwrkit.agent.states import ABSENT, State
from fwrkit.agent.wire.channel import Channel
from fwrkit.agent.wire.messages import Change, Delivery, ManifestEntry, Position, Welcome

APPROVE, REJECT = "approve", "reject"  # rulings on what the deletion guard held
_RULED = 120.0  # seconds within which a citizen brings what was ruled on: there may be much to hash
WINDOW_COUNT = 512  # deliveries without an answer
WINDOW_BYTES = 8 * 1024 * 1024
WAITING_COUNT = 4096  # deliveries that a client keeps beyond the window, since it can not apply them now
WAITING_BYTES = 64 * 1024 * 1024


@dataclass
class UpwardRun:
    """A run from the client's outgoing tree to the replica. The hub folds it slice by slice, in the order ``order`` (indexes into ``entries``).

    ``position`` and ``end`` bound the slice that is under way: those of its contents that the server lacks (``needed``) arrive first.
    """

    number: int
    is_first: bool
    is_complete: bool = False  # the whole manifest is here
    ruling: str = ""  # what was decided on what it brings
    entries: list[ManifestEntry] = field(default_factory=list)
    cost: int = 0  # bytes of memory, roughly, that the entries take
    forbidden: dict[bytes, Decision] = field(default_factory=dict)  # halves of renames of which the other half is refused
    order: list[int] = field(default_factory=list)
    wanted: set[State] = field(default_factory=set)  # contents that the server lacks, and has not asked for so far
    position: int = 0
    end: int = 0
    needed: list[int] = field(default_factory=list)
    has_landed: bool = False
    arrived: dict[State, str] = field(default_factory=dict)  # contents that were taken from the replica: name in incoming/
    lost: set[State] = field(default_factory=set)  # contents that should have arrived and did not
    reason: str = ""  # why they did not, a sentence
    missing: list[int] = field(default_factory=list)
    notable: list[list[Any]] = field(default_factory=list)
    void: list[int] = field(default_factory=list)  # deliveries that its changes made void
    settled: list[int] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether every slice is folded."""
        return self.position >= len(self.order)

    def begin_slice(self, end: int, needed: list[int]) -> None:
        """Begin the slice that ends before ``end``."""
        self.end, self.needed, self.has_landed, self.reason = end, needed, False, ""
        self.arrived = {}
        self.missing, self.notable, self.void, self.settled = [], [], [], []


@dataclass
class DownwardRun:
    """A run from the outbox to the client's staging: the files that were linked, path to state."""

    number: int
    files: dict[bytes, State]
    is_offered: bool = False


class Session:
    """The state of one connection."""

    def __init__(self, channel: Channel, citizen: Citizen) -> None:
        self.channel = channel
        self.citizen: Citizen = citizen
        self.generation = ""
        self.is_ready = False
        self.is_first = False
        self.batch: list[Change] = []
        self.batch_bytes = 0
        self.backlog = Backlog()
        self.due: dict[bytes, None] = {}
        self.outstanding: dict[int, Delivery] = {}
        self.outstanding_paths: dict[bytes, int] = {}
        self.outstanding_bytes = 0
        self.waiting: set[int] = set()  # of the outstanding ones, those that do not count
        self.waiting_bytes = 0
        self.upward: UpwardRun | None = None
        self.downward: DownwardRun | None = None
        self.staged: dict[bytes, tuple[State, int]] = {}
        self.heard: dict[bytes, State] = {}  # what was refused, and they were told of on this connection
        self.withheld: set[bytes] = set()  # paths that are not delivered since what lies beneath or above them stays as it is for now
        self.lacking: set[bytes] = set()  # paths that the client waits for since a run did not bring their content
        self.barriers: list[int] = []
        self.number = 0
        self.started = time.time()
        self.filters = Filters()
        self.is_peer = False
        self.knows_server_is_back = False  # at a peer
        self.is_held = False  # by the deletion guard: what still arrives is not taken
        self.is_on_trial = False  # they are held still: what they bring first shows whether that is over
        self.is_heard = False  # as to whether they have seen more than the tables know
        self.has_brought = False
        self._ruling = ""
        self._frames: list[Any] = []
        self._told: Position | None = None
        self.doubtful: list[bytes] = []  # paths that moved since what the client's record knows, although it should hold them

    def say(self, message: Any) -> None:
        """Queue a message until the transaction has committed."""
        self._frames.append(message)

    def flush(self, position: Position) -> None:
        """Send what was queued, behind the position that it follows from."""
        queued, self._frames = self._frames, []
        if not queued:
            return
        if position != self._told:
            self._told = position
            queued.insert(1 if isinstance(queued[0], Welcome) else 0, position)
        for message in queued:
            self.channel.send(message)

    def forget(self) -> None:
        """Drop what was queued: the transaction failed."""
        self._frames.clear()

    @property
    def ruling(self) -> str:
        """What was decided on what the citizen brings first on this connection, empty if nothing was, or they have brought it."""
        return self._ruling if time.time() - self.started < _RULED else ""

    @ruling.setter
    def ruling(self, ruling: str) -> None:
        self._ruling = ruling

    def is_restored(self, state: State) -> bool:
        """Whether something with a new state is brought that was rejected: deletions are, and what was deleted is delivered."""
        return self.ruling == REJECT and state is ABSENT

    @property
    def has_room(self) -> bool:
        """Whether another delivery may be sent."""
        return len(self.outstanding) - len(self.waiting) < WINDOW_COUNT and self.outstanding_bytes < WINDOW_BYTES

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is due, under way or waiting."""
        return not (self.due or self.outstanding or self.upward or self.downward or self.batch)

    def next_number(self) -> int:
        """Return the next number of a delivery or run."""
        self.number += 1
        return self.number

    def sent(self, delivery: Delivery) -> None:
        """Remember a delivery until it is answered."""
        self.outstanding[delivery.number] = delivery
        self.outstanding_paths[delivery.path] = delivery.number
        self.outstanding_bytes += len(delivery.content or b"")
        self.lacking.discard(delivery.path)
        self.say(delivery)

    def answered(self, number: int) -> Delivery | None:
        """Return the delivery that is answered, None if it was void by then."""
        delivery = self.outstanding.pop(number, None)
        if delivery is None:
            return None
        self.outstanding_paths.pop(delivery.path, None)
        if number in self.waiting:
            self.waiting.remove(number)
            self.waiting_bytes -= len(delivery.content or b"")
        else:
            self.outstanding_bytes -= len(delivery.content or b"")
        return delivery

    def waits(self, number: int) -> None:
        """The client keeps a delivery that it can not apply now. Others go on, among them perhaps what this one waits for, within bounds."""
        delivery = self.outstanding.get(number)
        if delivery is None or number in self.waiting or len(self.waiting) >= WAITING_COUNT:
            return
        size = len(delivery.content or b"")
        if self.waiting_bytes + size <= WAITING_BYTES:
            self.waiting.add(number)
            self.waiting_bytes += size
            self.outstanding_bytes -= size

    def void(self, path: bytes) -> int | None:
        """A change of this path has arrived: what was sent for it is void. What was staged for it is to be taken up or dropped.

        Return the number of the delivery that is void, None if there was none.
        """
        number = self.outstanding_paths.get(path)
        if number is not None:
            self.answered(number)
        if path in self.staged:
            self.due[path] = None
        return number
