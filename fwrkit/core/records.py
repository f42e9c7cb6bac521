"""The records that host and agent exchange as JSON: what a node says of itself."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

STATES = {
    "starting": "The agent is coming up.",
    "offline": "The upstream is out of reach; edits are kept here and travel later.",
    "waiting": "Changes are on their way.",
    "in sync": "This node and its upstream hold the same.",
    "held": "A safety rule stopped something until a person decides.",
}


@dataclass(frozen=True)
class Refusal:
    """One path that does not travel, and why. ``path`` is decoded with surrogateescape."""

    path: str
    reason: str


@dataclass(frozen=True)
class PathNote:
    """One path and what there is to say of it: what it waits for, or why it stays on this node. ``path`` is decoded with surrogateescape."""

    path: str
    reason: str


@dataclass(frozen=True)
class Connection:
    """One citizen as the server sees them. ``behind`` counts paths whose newest version they are not known to hold.

    ``held`` says what a safety rule stopped until a person decides, empty if nothing.
    """

    citizen: str
    connected: bool
    behind: int
    held: str = ""


@dataclass(frozen=True)
class CitizenRecord:
    """One citizen of a world: role, when they were admitted and last seen (Unix seconds), and how the server sees them.

    ``role`` is official, citizen, reader or former. ``behind`` and ``held`` as in :class:`Connection`. Of a ban: ``reason`` (empty: there is none),
    ``banned_since``, ``banned_until`` (0: for good) and ``banned_by``. ``fingerprint`` is their key's.
    """

    name: str
    role: str
    since: int
    last_seen: int = 0
    connected: bool = False
    behind: int = 0
    held: str = ""
    reason: str = ""
    banned_since: int = 0
    banned_until: int = 0
    banned_by: str = ""
    fingerprint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CitizenRecord:
        """Given the object of :meth:`to_json`, return the record."""
        return cls(**_known(cls, data))


@dataclass(frozen=True)
class PeerRecord:
    """A node beside the server's that serves a world's citizens: its citizen's name, where it is reached, by which official's word, and since when
    (Unix seconds)."""

    name: str
    host: str
    port: int
    by: str
    since: int

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> PeerRecord:
        """Given the object of :meth:`to_json`, return the record."""
        return cls(**_known(cls, data))


@dataclass(frozen=True)
class KeptRefusal:
    """A change of this node that the policy refused. ``kind`` is file, directory or deletion; ``since`` in Unix seconds, ``size`` in bytes.

    With ``has_content`` it is given back by its number. ``is_held``: a program writes it again and again, and is left alone for a while.
    """

    number: int
    path: str
    kind: str
    size: int
    since: float
    reason: str
    has_content: bool
    is_held: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> KeptRefusal:
        """Given the object of :meth:`to_json`, return the record."""
        return cls(**_known(cls, data))


@dataclass(frozen=True)
class Conflict:
    """A path that two changed at once: ``copy`` lies beside it. ``other`` wrote what is at the path, empty if that is not known."""

    path: str
    copy: str
    author: str
    other: str

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Conflict:
        """Given the object of :meth:`to_json`, return the record."""
        return cls(**_known(cls, data))


@dataclass(frozen=True)
class NodeStatus:
    """What a node says of itself. ``since`` is when ``state`` began, ``written`` when this was written, both in Unix seconds.

    ``alerts`` are sentences about what went wrong or was healed: a damaged database, changes that can not be watched, a wrong clock.
    ``reviews``: how many changes of this node wait for an official. ``waiting``: those of the ``pending`` paths that wait for something.
    ``left_out``: what stays on this node by a rule of the template or of the node.
    """

    node: str
    role: str
    citizen: str
    world: str
    world_id: str
    state: str
    since: float
    written: float
    pending: int = 0
    upstream: str = ""
    detail: str = ""
    version: str = ""
    refused: list[Refusal] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    reviews: int = 0
    waiting: list[PathNote] = field(default_factory=list)
    left_out: list[PathNote] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> NodeStatus:
        """Given the object of :meth:`to_json`, return the record; fields that this version does not know are passed over."""
        known = _known(cls, data)
        known["refused"] = [Refusal(**_known(Refusal, item)) for item in data.get("refused", [])]
        for name in ("waiting", "left_out"):
            known[name] = [PathNote(**_known(PathNote, item)) for item in data.get(name, [])]
        known["connections"] = [Connection(**_known(Connection, item)) for item in data.get("connections", [])]
        return cls(**known)


@dataclass(frozen=True)
class Finding:
    """One result of ``doctor``: what was checked, whether it is well, and what to do if not. ``is_weaker``: the node works without it, with less."""

    check: str
    ok: bool
    message: str
    hint: str = ""
    is_weaker: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Finding:
        """Given the object of :meth:`to_json`, return the record."""
        return cls(**_known(cls, data))


def _known(kind: type[Any], data: dict[str, Any]) -> dict[str, Any]:
    names = {item.name for item in dataclasses.fields(kind)}
    return {name: value for name, value in data.items() if name in names}
