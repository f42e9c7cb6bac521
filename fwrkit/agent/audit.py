"""The audit log's chain: each line carries the hash of the one before it, so that nothing can be taken out, put in or changed unseen.

A line is one JSON object with sorted keys. Its ``hash`` is the SHA-256 (hex) of the line without it. Pure functions; times in Unix seconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Any

from fwrkit.agent.paths import AUDIT

GENESIS = "0" * 64  # what the first line follows
SHARES = "shares"  # the event: shares of an authority (its fingerprint is the detail ``key``) were made, ``need`` and ``of``


@dataclass(frozen=True)
class Entry:
    """One line: ``actor`` did ``event`` to ``subject`` (a citizen, a path, a rule); ``details`` are words for people."""

    number: int
    time: int
    actor: str
    event: str
    subject: str
    details: dict[str, str] = field(default_factory=dict)
    previous: str = GENESIS

    @property
    def hash(self) -> str:
        """The hash that the next line carries."""
        return hashlib.sha256(self._body().encode()).hexdigest()

    def to_line(self) -> str:
        """Return the line, without its end."""
        return _json({**json.loads(self._body()), "hash": self.hash})

    def _body(self) -> str:
        return _json(
            {
                "number": self.number, "time": self.time, "actor": self.actor, "event": self.event, "subject": self.subject,
                "details": self.details, "previous": self.previous,
            }
        )  # fmt: skip


@dataclass(frozen=True)
class Chain:
    """What a look at a log found: its entries as far as they are whole, and the fault that ends them, empty if there is none."""

    entries: list[Entry]
    fault: str = ""

    @property
    def head(self) -> str:
        """The hash of the last whole line."""
        return self.entries[-1].hash if self.entries else GENESIS


def follow(lines: Iterable[str]) -> Chain:
    """Given the lines of a log from its beginning, return the chain."""
    entries: list[Entry] = []
    previous = GENESIS
    for number, line in enumerate(lines, start=1):
        try:
            entry, said = _parse(json.loads(line))
        except (ValueError, TypeError, KeyError, RecursionError):
            return Chain(entries, f"Line {number} is no entry.")
        if entry.number != number:
            return Chain(entries, f"Line {number} says that it is number {entry.number}: something was taken out or put in.")
        if entry.previous != previous:
            return Chain(entries, f"Line {number} does not follow the one before it.")
        if entry.hash != said:
            return Chain(entries, f"Line {number} was changed after it was written.")
        entries.append(entry)
        previous = entry.hash
    return Chain(entries)


def shares_of(entries: Iterable[Entry], keys: Container[str]) -> list[Entry]:
    """Return the entries which say that shares were made of one of some authorities, by their fingerprints."""
    return [entry for entry in entries if entry.event == SHARES and entry.details.get("key") in keys]


def file_of(time: str) -> bytes:
    """Given an entry's month as ``2026-11``, return the path of the file that holds it."""
    return AUDIT + b"/" + time.encode() + b".jsonl"


def _parse(data: dict[str, Any]) -> tuple[Entry, str]:
    entry = Entry(
        int(data["number"]), int(data["time"]), str(data["actor"]), str(data["event"]), str(data["subject"]),
        {str(name): str(value) for name, value in dict(data["details"]).items()}, str(data["previous"]),
    )  # fmt: skip
    if set(data) != {"number", "time", "actor", "event", "subject", "details", "previous", "hash"}:
        raise ValueError("fields")
    return entry, str(data["hash"])


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
