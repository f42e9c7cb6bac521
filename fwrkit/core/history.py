"""The records of a world's history that host and agent exchange as JSON. Times in Unix seconds, sizes in bytes.

Versions are ids of commits (40 hex digits). Paths and texts are decoded with surrogateescape: bytes that are no UTF-8 come back as they were.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Self


class Record:
    """What every record can: become a JSON object, and be read from one."""

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return dataclasses.asdict(self)  # type: ignore[call-overload,no-any-return]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Given the object of :meth:`to_json`, return the record; fields that this version does not know are passed over."""
        names = {item.name for item in dataclasses.fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: cls._read(name, value) for name, value in data.items() if name in names})

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        return value


@dataclass(frozen=True)
class PathChange(Record):
    """What a version did to a path. ``kind`` is ``added``, ``changed`` or ``deleted``; ``size`` is the new one, 0 if deleted."""

    path: str
    kind: str
    size: int


@dataclass(frozen=True)
class LogEntry(Record):
    """One version. ``changes`` are the first ones only where there are many: ``count`` says how many there are."""

    version: str
    time: int
    author: str
    message: str
    count: int
    changes: list[PathChange] = field(default_factory=list)

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        return [PathChange.from_json(item) for item in value] if name == "changes" else value


@dataclass(frozen=True)
class Shown(Record):
    """A version with what it changed as text. ``is_cut``: the text was too long and is not all of it. ``snapshot``: by which name it was asked for."""

    entry: LogEntry
    patch: str
    is_cut: bool
    snapshot: str = ""

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        return LogEntry.from_json(value) if name == "entry" else value


@dataclass(frozen=True)
class Difference(Record):
    """What lies between two versions, ``before`` and ``after``."""

    before: str
    after: str
    changes: list[PathChange]
    patch: str
    is_cut: bool

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        return [PathChange.from_json(item) for item in value] if name == "changes" else value


@dataclass(frozen=True)
class BlamedLine(Record):
    """One line of a file and the version that it comes from."""

    number: int
    version: str
    author: str
    time: int
    text: str


@dataclass(frozen=True)
class Snapshot(Record):
    """A name for a version. ``is_verified``: the world's authority signed exactly this. ``note`` says what is wrong where it is not."""

    name: str
    version: str
    time: int
    by: str
    is_verified: bool
    note: str = ""


@dataclass(frozen=True)
class Tidied(Record):
    """What tidying a node's history came to. ``dropped`` counts old contents of large files that are kept no longer."""

    before: int
    after: int
    dropped: int
    dropped_bytes: int
