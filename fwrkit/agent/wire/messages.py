"""What is said over the stream: one frozen dataclass a message, packed as a list that begins with its tag.

``State`` fields are None (absent), empty (directory) or 32 bytes (file). Times are integer Unix nanoseconds.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from fwrkit.agent import paths
from fwrkit.agent.states import State, file_state, is_state
from fwrkit.agent.wire.frames import FrameError

PROTOCOL = 4


@dataclass(frozen=True)
class Hello:
    """Client, first: who and what it is, and the generations of its world and its record (``id:counter``, empty if none).

    ``start`` and ``position`` are the last :class:`Position` that its record knows, empty and 0 if none. ``has_changed``: something has happened in the
    world since the server refused this client last: what was held may be there again.
    """

    tag = "hello"
    protocol: int
    version: str
    node_id: str
    world_id: str
    world_generation: str
    record_generation: str
    start: str
    position: int
    has_changed: bool = False


@dataclass(frozen=True)
class Welcome:
    """Server: go on. ``is_known``: bases are good, send what changed; else everything has to be compared first. ``time``: the server's, in Unix ns.

    ``file_limit``: bytes; the server takes no larger file.
    """

    tag = "welcome"
    is_known: bool
    generation: str
    world_id: str
    world_name: str
    ignore: list[str]
    inline_limit: int
    batch_count: int
    batch_bytes: int
    time: int
    file_limit: int


@dataclass(frozen=True)
class Notice:
    """Server: a sentence about this citizen for people to read. The connection stands."""

    tag = "notice"
    sentence: str


@dataclass(frozen=True)
class Position:
    """Server, ahead of everything that follows from its versions: the newest of them, and in which of its starts that was.

    By it both notice later that the other has been put back to an earlier state, by a restored backup or a power cut.
    """

    tag = "position"
    start: str
    version: int


@dataclass(frozen=True)
class Refusal:
    """Server: no, and why (a name of ExitCode, a sentence, a hint). The connection ends."""

    tag = "refusal"
    code: str
    message: str
    hint: str


@dataclass(frozen=True)
class Behind:
    """Server, instead of a welcome: it may have been put back to an older copy. What is the newest version that the authority has signed for you?"""

    tag = "behind"


@dataclass(frozen=True)
class Newest:
    """Client: the signed head (:mod:`fwrkit.agent.heads`) of its history, a tag's text, empty if it has none."""

    tag = "newest"
    head: bytes


@dataclass(frozen=True)
class Bring:
    """Server: give me of your history what follows ``since`` (hex; empty: all), up to ``version``, as a pack of git's, from ``offset`` on."""

    tag = "bring"
    version: str
    since: str
    offset: int


@dataclass(frozen=True)
class Piece:
    """Client: a piece of that pack, which has ``size`` bytes in all. Without any: it can not be had, or ``since`` is not in this history."""

    tag = "piece"
    offset: int
    size: int
    data: bytes


@dataclass(frozen=True)
class Filters:
    """Client, right after being welcome: what it does not want to have: files that these citizens wrote last, and what these patterns name."""

    tag = "filters"
    muted: list[str]
    ignored: list[str]


@dataclass(frozen=True)
class Confirm:
    """Client: the new generation is durable in its world and its record. ``has_more``: of what it found here, some comes by a run that follows."""

    tag = "confirm"
    generation: str
    has_more: bool = False


@dataclass(frozen=True)
class Change:
    """Client: one path is now ``state``; it was last known to be ``base`` when it was edited.

    ``prior`` (if ``has_prior``) is a state that was sent before and whose outcome never arrived. ``content`` is None for directories
    and deletions, for content that the server has, and for content that comes by a run. ``is_unknown``: no base is claimed.
    ``is_orphan``: a displaced file that was written on; the path itself holds something else. ``more``: fold when the last is here.
    ``older``: what was sent before ``prior``, without an outcome as well. ``trail``: where no base is claimed, what was agreed on with other servers
    of this world before ``base``, the newest first. ``author``: whose edit a peer passes on, empty for the client's own; ``between``: the versions that
    the peer had of it since ``base``, as :class:`Between`, the oldest first. ``seen``: one state or none; the program that made the edit can not have read
    what the client held, but only this older state (:mod:`fwrkit.agent.citizen.unseen`).
    """

    tag = "change"
    number: int
    path: bytes
    state: State
    base: State
    prior: State
    has_prior: bool
    is_unknown: bool
    is_orphan: bool
    time: int
    size: int
    content: bytes | None
    more: bool
    older: list[State] = field(default_factory=list)
    trail: list[State] = field(default_factory=list)
    author: str = ""
    between: list[list[Any]] = field(default_factory=list)
    seen: list[State] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """Server: a change is durable. ``result`` is a name of :class:`fwrkit.agent.server.decide.Result`; ``copy`` the conflict copy, if any."""

    tag = "outcome"
    number: int
    result: str
    detail: str
    copy: bytes | None


@dataclass(frozen=True)
class Delivery:
    """Server: make ``path``, which you hold as ``base``, ``state``. ``run``: content is in staging of that run (0: it is here).

    ``trail``: to a peer, what the server had there in between: who turns to the peer with that brings nothing new.
    """

    tag = "delivery"
    number: int
    path: bytes
    base: State
    state: State
    time: int
    author: str
    content: bytes | None
    run: int
    trail: list[State] = field(default_factory=list)


@dataclass(frozen=True)
class Acknowledgement:
    """Client: deliveries that are durable here."""

    tag = "acknowledgement"
    numbers: list[int]


@dataclass(frozen=True)
class PutBack:
    """Client: a delivery can not be applied as it is. ``reason``: ``base``, another ``state`` is recorded here; ``content``, it did not arrive;
    ``waits``, it is kept here until it can be applied, or a change of its path makes it void.
    """

    tag = "put-back"
    number: int
    reason: str
    state: State


@dataclass(frozen=True)
class Manifest:
    """Client: a run upwards begins; the changes that it covers, without content. ``last``: the list is complete.

    ``is_first``: this is the whole world at first contact.
    """

    tag = "manifest"
    run: int
    is_first: bool
    changes: list[list[Any]]
    last: bool


@dataclass(frozen=True)
class Need:
    """Server: of a run's manifest, the contents of these paths (indexes into it) are wanted in the replica, which is ready.

    The server asks for a run's contents slice by slice: each is folded before the next one is asked for.
    """

    tag = "need"
    run: int
    indexes: list[int]
    last: bool


@dataclass(frozen=True)
class Landed:
    """Client: what was needed lies in the replica. ``failed`` are indexes that could not be sent now."""

    tag = "landed"
    run: int
    failed: list[int]


@dataclass(frozen=True)
class Folded:
    """Server: these changes of a run (indexes into its manifest) are durable; which contents were missing, and what was refused or conflicted.

    ``void``: numbers of deliveries of its paths that were sent before their changes were folded. ``last``: the run has ended. ``reason``: a sentence
    about what is missing, empty if the content that arrived was another.
    """

    tag = "folded"
    run: int
    settled: list[int]
    missing: list[int]
    notable: list[list[Any]]
    void: list[int]
    last: bool
    reason: str = ""


@dataclass(frozen=True)
class Forbidden:
    """Server, while a run is folded: the policy refuses these (indexes into its manifest), and why; what undoes them follows."""

    tag = "forbidden"
    run: int
    indexes: list[int]
    reasons: list[str]


@dataclass(frozen=True)
class Reviews:
    """Server: how many of the client's changes wait for an official. They stay as they are until then."""

    tag = "reviews"
    count: int


@dataclass(frozen=True)
class Rejected:
    """Server: a change that waited is turned down, and why; what undoes it follows."""

    tag = "rejected"
    path: bytes
    state: State
    reason: str


@dataclass(frozen=True)
class Renew:
    """Server: the world's authority is being changed; renew your certificate soon, and learn the new one."""

    tag = "renew"


@dataclass(frozen=True)
class Back:
    """Peer: the server can be reached again, and has everything that is here."""

    tag = "back"


@dataclass(frozen=True)
class Offer:
    """Server: a run downwards: the outbox is ready, ``count`` files and ``size`` bytes."""

    tag = "offer"
    run: int
    count: int
    size: int


@dataclass(frozen=True)
class Fetched:
    """Client: the run downwards has ended; staging holds what came."""

    tag = "fetched"
    run: int
    is_complete: bool


@dataclass(frozen=True)
class Barrier:
    """Client: answer when everything sent before is folded and everything due to me is acknowledged."""

    tag = "barrier"
    number: int


@dataclass(frozen=True)
class Passed:
    """Server: the barrier is passed."""

    tag = "passed"
    number: int


@dataclass(frozen=True)
class Ping:
    """Either: are you there?"""

    tag = "ping"
    number: int


@dataclass(frozen=True)
class Pong:
    """Either: yes."""

    tag = "pong"
    number: int


FROM_CLIENT: tuple[type[Any], ...] = (
    Hello, Filters, Confirm, Change, Acknowledgement, PutBack, Manifest, Landed, Fetched, Barrier, Ping, Pong, Newest, Piece,
)  # fmt: skip
FROM_SERVER: tuple[type[Any], ...] = (
    Welcome,
    Notice,
    Position,
    Refusal,
    Outcome,
    Delivery,
    Need,
    Forbidden,
    Reviews,
    Rejected,
    Renew,
    Back,
    Folded,
    Offer,
    Passed,
    Ping,
    Pong,
    Behind,
    Bring,
)

_PLAIN: dict[str, type[Any]] = {"int": int, "str": str, "bytes": bytes, "bool": bool}


def to_value(message: Any) -> list[Any]:
    """Given a message, return the list that travels."""
    return [message.tag, *(getattr(message, item.name) for item in dataclasses.fields(message))]


def from_value(value: Any, allowed: tuple[type[Any], ...]) -> Any:
    """Given what arrived and the messages allowed from that side, return the message. Raise FrameError on anything else."""
    if not isinstance(value, list) or not value or not isinstance(value[0], str):
        raise FrameError("not a message")
    kind = next((kind for kind in allowed if kind.tag == value[0]), None)
    if kind is None:
        raise FrameError(f"unexpected message {value[0][:32]!r}")
    fields = dataclasses.fields(kind)
    if len(fields) != len(value) - 1:
        raise FrameError(f"a message {kind.tag} with {len(value) - 1} fields")
    for item, content in zip(fields, value[1:], strict=True):
        if not _fits(str(item.type), content) or (item.name in ("path", "copy") and not _is_path(content)):
            raise FrameError(f"field {item.name} of {kind.tag}")
    return kind(*value[1:])


def _is_path(content: object) -> bool:
    return content is None or (isinstance(content, bytes) and paths.is_well_formed(content))


def _fits(kind: str, content: object) -> bool:
    if kind in _PLAIN:
        return type(content) is _PLAIN[kind]
    if kind == "State":
        return is_state(content)
    if kind == "bytes | None":
        return content is None or type(content) is bytes
    inner = kind.removeprefix("list[").removesuffix("]")
    if not isinstance(content, list):
        return False
    if inner == "State":
        return all(is_state(item) for item in content)
    return inner == "list[Any]" or all(type(item) is _PLAIN[inner] for item in content)


@dataclass(frozen=True)
class Between:
    """A version that is superseded where it is told of: a file's state, whose it is, its time (Unix nanoseconds), its content."""

    state: State
    author: str
    time: int
    content: bytes

    def to_value(self) -> list[Any]:
        """Return the list that travels."""
        return list(dataclasses.astuple(self))

    @classmethod
    def from_value(cls, value: object) -> Between:
        """Given what arrived, return the version. Raise FrameError if it is none, or the content another."""
        kinds = [str(item.type) for item in dataclasses.fields(cls)]
        if not isinstance(value, list) or len(value) != len(kinds) or not all(map(_fits, kinds, value)):
            raise FrameError("not a version")
        version = cls(*value)
        if file_state(version.content) != version.state:
            raise FrameError("a version that is not what its hash says")
        return version


@dataclass(frozen=True)
class ManifestEntry:
    """One change of a run: like :class:`Change`, without content and number."""

    path: bytes
    state: State
    base: State
    prior: State
    has_prior: bool
    is_unknown: bool
    time: int
    size: int
    older: list[State] = field(default_factory=list)
    trail: list[State] = field(default_factory=list)
    author: str = ""
    seen: list[State] = field(default_factory=list)

    def to_value(self) -> list[Any]:
        """Return the list that travels."""
        return list(dataclasses.astuple(self))

    @classmethod
    def from_value(cls, value: object) -> ManifestEntry:
        """Given what arrived, return the entry. Raise FrameError if it is none."""
        kinds = [str(item.type) for item in dataclasses.fields(cls)]
        if not isinstance(value, list) or len(value) != len(kinds):
            raise FrameError("not an entry of a manifest")
        if not all(_fits(kind, content) for kind, content in zip(kinds, value, strict=True)) or not _is_path(value[0]):
            raise FrameError("not an entry of a manifest")
        return cls(*value)
