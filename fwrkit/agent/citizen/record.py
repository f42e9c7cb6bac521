"""The record: what this node has acknowledged or had accepted, path by path (SQLite in ``state``).

Commits are ordered but not synced one by one; :meth:`Record.sync` brings them to the disk before anything is acknowledged.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack

from fwrkit.agent.files.tree import NO_STAMP, Stamp
from fwrkit.agent.paths import name_of, parent, range_beneath
from fwrkit.agent.states import ABSENT, State

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    path BLOB PRIMARY KEY, state BLOB, size INTEGER NOT NULL, time INTEGER NOT NULL, change_time INTEGER NOT NULL, inode INTEGER NOT NULL,
    sent BLOB, has_sent INTEGER NOT NULL DEFAULT 0, older BLOB NOT NULL DEFAULT x'90', author TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trails (path BLOB PRIMARY KEY, states BLOB NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID;
"""
_SENT = 8  # states of a path that were sent without an answer and are remembered
_INODES = 500  # that are looked up at once
_TRAIL = 8  # states of a path that were agreed on before, and are remembered
_TRAIL_KEPT = 60 * 86400  # seconds for which it is remembered what was at a path where nothing is any more


@dataclass(frozen=True)
class Entry:
    """What was last agreed on for a path. ``sent`` (if ``has_sent``) went to the server since, without an answer so far; ``older`` before it.

    ``author`` is empty where it is not known: what this node had before it met the server may be anybody's.
    """

    path: bytes
    state: State
    stamp: Stamp
    sent: State
    has_sent: bool
    older: tuple[State, ...] = ()
    author: str = ""

    @property
    def newest_first(self) -> tuple[State, ...]:
        """What was sent without an answer, and may have been accepted, then what was agreed on."""
        sent = (self.sent, *reversed(self.older)) if self.has_sent else ()
        return (*sent, self.state)


class Record:
    """One node's record. Used by the engine's thread only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        if str(path) != ":memory:":
            Path(path).chmod(0o600)  # on a server, it lies where citizens' accounts pass by
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        self._is_closed = False

    def close(self) -> None:
        """Commit and close; harmless when repeated."""
        if not self._is_closed:
            self._is_closed = True
            self.commit()
            self._db.close()

    def commit(self) -> None:
        """Commit what was written: it survives the process from now on."""
        if self._db.in_transaction:  # asked, not remembered: SQLite itself ends one when the disk is full
            self._db.execute("COMMIT")

    def sync(self) -> None:
        """Commit, and bring it to the disk: it survives a power cut from now on."""
        self.commit()
        for suffix in ("-wal", ""):
            try:
                fd = os.open(f"{self._path}{suffix}", os.O_RDONLY)
            except FileNotFoundError:
                continue
            try:
                os.fdatasync(fd)
            finally:
                os.close(fd)

    def _write(self, query: str, values: tuple[Any, ...]) -> None:
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")
        self._db.execute(query, values)

    def meta(self, key: str) -> str:
        """Return a value, empty if it was never set."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def set_meta(self, key: str, value: str) -> None:
        """Set a value."""
        self._write("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value))

    def get(self, path: bytes) -> Entry | None:
        """Return the entry of a path, None if nothing was agreed on."""
        row = self._db.execute("SELECT * FROM entries WHERE path = ?", (path,)).fetchone()
        return _entry(row) if row else None

    def state(self, path: bytes) -> State:
        """Return the agreed state of a path."""
        row = self._db.execute("SELECT state FROM entries WHERE path = ?", (path,)).fetchone()
        return row[0] if row else ABSENT

    def beneath(self, path: bytes) -> list[Entry]:
        """Return the entries beneath a path (of all paths for the root) in path order."""
        if not path:
            return [_entry(row) for row in self._db.execute("SELECT * FROM entries ORDER BY path")]
        query = "SELECT * FROM entries WHERE path >= ? AND path < ? ORDER BY path"
        return [_entry(row) for row in self._db.execute(query, range_beneath(path))]

    def all(self) -> Iterator[Entry]:
        """Yield every entry."""
        return (_entry(row) for row in self._db.execute("SELECT * FROM entries"))

    def existing(self) -> Iterator[Entry]:
        """Yield the entries of what exists, in path order."""
        return (_entry(row) for row in self._db.execute("SELECT * FROM entries WHERE state IS NOT NULL ORDER BY path"))

    def newest_files(self, count: int) -> list[Entry]:
        """Return the entries of so many files, those changed last first."""
        query = "SELECT * FROM entries WHERE length(state) = 32 ORDER BY time DESC LIMIT ?"
        return [_entry(row) for row in self._db.execute(query, (count,))]

    def paths_of(self, inodes: Collection[int]) -> list[bytes]:
        """Return the paths whose files had one of these inodes when they were agreed on."""
        wanted = ",".join("?" * min(len(inodes), _INODES))
        rows = self._db.execute(f"SELECT path FROM entries WHERE inode IN ({wanted})", list(inodes)[:_INODES])  # noqa: S608 - question marks
        return [bytes(row[0]) for row in rows]

    def names_in(self, directory: bytes) -> list[bytes]:
        """Return the names that exist in a directory (empty: the root), in order."""
        below = (entry for entry in self.beneath(directory) if entry.state is not ABSENT)
        return [name_of(entry.path) for entry in below if parent(entry.path) == directory]

    def count(self) -> int:
        """Return how many paths exist by the record."""
        return int(self._db.execute("SELECT count(*) FROM entries WHERE state IS NOT NULL").fetchone()[0])

    def agree(self, path: bytes, state: State, stamp: Stamp = NO_STAMP, author: str = "") -> None:
        """This is what both ends know of a path now; nothing is under way any more."""
        self._leave_trail(path, state)
        if state is ABSENT:
            self._write("DELETE FROM entries WHERE path = ?", (path,))
        else:
            values = (path, state, stamp.size, stamp.time, stamp.change_time, stamp.inode, author)
            query = "INSERT OR REPLACE INTO entries (path, state, size, time, change_time, inode, author) VALUES (?, ?, ?, ?, ?, ?, ?)"
            self._write(query, values)

    def touch(self, path: bytes, stamp: Stamp) -> None:
        """The content is the same, the file's times are not."""
        values = (stamp.size, stamp.time, stamp.change_time, stamp.inode, path)
        self._write("UPDATE entries SET size = ?, time = ?, change_time = ?, inode = ? WHERE path = ?", values)

    def will_send(self, path: bytes, state: State) -> None:
        """This state is about to be sent; whether it arrived will not be known before the answer. The same is true of what was sent before."""
        entry = self.get(path)
        before = [*entry.older, entry.sent] if entry is not None and entry.has_sent else []
        sent = [*(other for other in before if other != state), state][-_SENT:]
        self._write(
            "INSERT INTO entries (path, size, time, change_time, inode, sent, has_sent) VALUES (?, -1, -1, -1, -1, ?, 1)"
            " ON CONFLICT (path) DO UPDATE SET sent = excluded.sent, has_sent = 1, older = ?",
            (path, sent[-1], msgpack.packb(sent[:-1])),
        )

    def forget_everything(self) -> None:
        """Begin anew: first contact. What was agreed on stays in the trails."""
        for entry in self.beneath(b""):
            self._remember_before(entry.path, entry.newest_first)
        self._write("DELETE FROM entries", ())

    # trails: what was agreed on before, for other servers of the world

    def claims(self) -> dict[bytes, list[State]]:
        """Return for each path what was agreed on about it, the newest first, and what was before, as far as that is remembered.

        For paths where nothing is any more, the first is ABSENT. What was sent without an answer comes first: it may have been accepted.
        """
        found = {path: list(msgpack.unpackb(states)) for path, states in self._db.execute("SELECT path, states FROM trails")}
        for entry in self.beneath(b""):
            found[entry.path] = _joined(entry.newest_first, found.get(entry.path, []))
        return found

    def was_deleted(self, path: bytes) -> bool:
        """Say whether it was agreed on last that what was at a path is gone."""
        trail = self._trail(path)
        return bool(trail) and trail[0] is ABSENT and self.state(path) is ABSENT

    def was_agreed(self, path: bytes, state: State) -> bool:
        """Say whether a state was ever agreed on for a path, as far as that is remembered."""
        return state in (self.state(path), *self._trail(path))

    def forget_old_trails(self) -> None:
        """Forget what was at paths where nothing is for long."""
        before = int(time.time()) - _TRAIL_KEPT
        self._write("DELETE FROM trails WHERE since < ? AND path NOT IN (SELECT path FROM entries)", (before,))

    def _leave_trail(self, path: bytes, state: State) -> None:
        """A path is about to be agreed on: remember what was agreed on before."""
        before = self.state(path)
        if before != state and before is not ABSENT:
            self._remember_before(path, (ABSENT, before) if state is ABSENT else (before,))
        elif state is ABSENT and (trail := self._trail(path)) and trail[0] is not ABSENT:
            self._remember_before(path, (ABSENT,))

    def _trail(self, path: bytes) -> list[State]:
        row = self._db.execute("SELECT states FROM trails WHERE path = ?", (path,)).fetchone()
        return list(msgpack.unpackb(row[0])) if row else []

    def _remember_before(self, path: bytes, states: Iterable[State]) -> None:
        trail = _joined(states, self._trail(path))
        if trail and trail != [ABSENT]:
            values = (path, msgpack.packb(trail[:_TRAIL]), int(time.time()))
            self._write("INSERT OR REPLACE INTO trails VALUES (?, ?, ?)", values)


def _joined(newer: Iterable[State], older: list[State]) -> list[State]:
    """Return states, the newest first, without what is there twice in a row."""
    found: list[State] = []
    for state in (*newer, *older):
        if not found or found[-1] != state:
            found.append(state)
    return found


def _entry(row: tuple[Any, ...]) -> Entry:
    path, state, size, time, change_time, inode, sent, has_sent, older, author = row
    return Entry(path, state, Stamp(size, time, change_time, inode), sent, bool(has_sent), tuple(msgpack.unpackb(older)), author)
