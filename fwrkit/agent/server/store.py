"""The server's durable tables (SQLite): citizens, the canon's index, versions, what each citizen lags behind, pending contents.

A citizen's *base* of a path is the canon's state of it unless a row in ``lags`` says otherwise. One transaction with a synced write-ahead
log is what makes a change durable: small contents lie in it until they are in the history.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack

from fwrkit.agent.paths import range_beneath
from fwrkit.agent.server.versions import Entry, Versions
from fwrkit.agent.states import ABSENT, UNKNOWN, Base, State, is_file

SCHEMA_VERSION = 1
_GAP = 1 << 20  # ids of versions
FORMER = "former"  # the role of who has left

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS citizens (
    id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, uid INTEGER UNIQUE NOT NULL, role TEXT NOT NULL, node_id TEXT NOT NULL DEFAULT '',
    public_key TEXT NOT NULL DEFAULT '', is_known INTEGER NOT NULL DEFAULT 0, generation TEXT NOT NULL DEFAULT '',
    proposed TEXT NOT NULL DEFAULT '', admitted INTEGER NOT NULL, last_seen INTEGER NOT NULL DEFAULT 0, is_banned INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS invites (
    public_key TEXT PRIMARY KEY, citizen TEXT NOT NULL, expires INTEGER NOT NULL, used_by TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revoked (public_key TEXT PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    path BLOB PRIMARY KEY, state BLOB NOT NULL, size INTEGER NOT NULL, time INTEGER NOT NULL, author TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, path BLOB NOT NULL, state BLOB, size INTEGER NOT NULL, time INTEGER NOT NULL,
    author TEXT NOT NULL, received INTEGER NOT NULL, note TEXT NOT NULL DEFAULT '', oid BLOB, is_committed INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS versions_path ON versions (path, state);
CREATE INDEX IF NOT EXISTS versions_state ON versions (state) WHERE state IS NOT NULL AND length(state) = 32;
CREATE INDEX IF NOT EXISTS versions_pending ON versions (id) WHERE is_committed = 0;
CREATE TABLE IF NOT EXISTS starts (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, first INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS pending (state BLOB PRIMARY KEY, content BLOB, incoming TEXT);
CREATE TABLE IF NOT EXISTS dropped (state BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lags (
    citizen INTEGER NOT NULL, path BLOB NOT NULL, base BLOB, sent BLOB NOT NULL DEFAULT x'90', PRIMARY KEY (citizen, path)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS conflicts (
    path BLOB NOT NULL, author TEXT NOT NULL, lost_to BLOB, copy BLOB NOT NULL, PRIMARY KEY (path, author)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS holds (
    citizen INTEGER PRIMARY KEY, since INTEGER NOT NULL, deleted INTEGER NOT NULL, files INTEGER NOT NULL, ruling TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS undone (citizen INTEGER NOT NULL, path BLOB NOT NULL, state BLOB NOT NULL, PRIMARY KEY (citizen, path)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Lag:
    """What a citizen is known to hold where it differs from the canon, and what was sent to them since without an answer."""

    path: bytes
    base: State
    sent: list[State]


@dataclass(frozen=True)
class Hold:
    """What the deletion guard holds of a citizen: how many files they delete of how many, since when (Unix seconds), and what was decided."""

    citizen: int
    since: int
    deleted: int
    files: int
    ruling: str


@dataclass(frozen=True)
class Citizen:
    """A row of the roll."""

    id: int
    name: str
    uid: int
    role: str
    node_id: str
    public_key: str
    is_known: bool
    generation: str
    proposed: str
    admitted: int
    last_seen: int
    is_banned: bool


def connect(path: Path | str) -> sqlite3.Connection:
    """Given a database file, return a connection with a synced write-ahead log and explicit transactions."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    if str(path) != ":memory:":
        Path(path).chmod(0o600)  # the log beside it gets the same: nothing of it is for citizens' accounts
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -16000")
    return connection


class Store:
    """The tables of one server. One writer: the fold's thread; the history has a store of its own on the same file."""

    def __init__(self, path: Path | str) -> None:
        self.db = self._db = connect(path)  # for tables beside these, which belong to the same transactions
        self.versions = Versions(self._db)
        self._db.executescript(_SCHEMA)
        self.set_meta("schema", str(SCHEMA_VERSION))

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside durable at once, or nothing of it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # some errors end it by themselves
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Inside a transaction: undo only what is inside if it fails."""
        self._db.execute("SAVEPOINT item")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK TO item")
            self._db.execute("RELEASE item")
            raise
        self._db.execute("RELEASE item")

    # meta

    def meta(self, key: str) -> str:
        """Return a value of the meta table, empty if it was never set."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def set_meta(self, key: str, value: str) -> None:
        """Set a value of the meta table."""
        self._db.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value))

    # citizens

    def citizens(self) -> list[Citizen]:
        """Return the whole roll, in the order of admission."""
        return [_citizen(row) for row in self._db.execute("SELECT * FROM citizens ORDER BY id")]

    def citizen(self, *, name: str | None = None, uid: int | None = None, number: int | None = None) -> Citizen | None:
        """Return the citizen of a name, an account's uid or a row's id; None if there is none."""
        column, value = ("name", name) if name is not None else ("uid", uid) if uid is not None else ("id", number)
        row = self._db.execute(f"SELECT * FROM citizens WHERE {column} = ?", (value,)).fetchone()  # noqa: S608 - one of three words above
        return _citizen(row) if row else None

    def known_citizen(self, number: int) -> Citizen:
        """Return the citizen of a row's id, which exists."""
        citizen = self.citizen(number=number)
        if citizen is None:
            raise KeyError(number)
        return citizen

    def add_citizen(self, name: str, uid: int, role: str, admitted: int) -> Citizen:
        """Add a citizen and return the row. Raise sqlite3.IntegrityError if the name or the uid was ever used."""
        self._db.execute("INSERT INTO citizens (name, uid, role, admitted) VALUES (?, ?, ?, ?)", (name, uid, role, admitted))
        citizen = self.citizen(name=name)
        assert citizen is not None
        return citizen

    def update_citizen(self, number: int, **columns: object) -> None:
        """Set columns of a citizen's row."""
        names = ", ".join(f"{name} = ?" for name in columns)
        self._db.execute(f"UPDATE citizens SET {names} WHERE id = ?", (*columns.values(), number))  # noqa: S608 - names of our own

    def highest_uid(self) -> int:
        """Return the highest uid ever given, 0 if none: a uid is never used again."""
        return int(self._db.execute("SELECT coalesce(max(uid), 0) FROM citizens").fetchone()[0])

    # invites

    def add_invite(self, public_key: str, citizen: str, expires: int) -> None:
        """Remember an invite by the public half of its secret; ``expires`` in Unix seconds."""
        self._db.execute("INSERT INTO invites (public_key, citizen, expires) VALUES (?, ?, ?)", (public_key, citizen, expires))

    def invite(self, public_key: str) -> tuple[str, int, str] | None:
        """Return (citizen, expires, public key that used it or empty) of an invite, None if there is none."""
        row = self._db.execute("SELECT citizen, expires, used_by FROM invites WHERE public_key = ?", (public_key,)).fetchone()
        return (str(row[0]), int(row[1]), str(row[2])) if row else None

    def invites(self) -> list[tuple[str, int]]:
        """Return (public key, expires) of every invite, used ones too: repeating an enrolment has to work."""
        return [(str(key), int(expires)) for key, expires in self._db.execute("SELECT public_key, expires FROM invites")]

    def use_invite(self, public_key: str, used_by: str) -> None:
        """Bind an invite to the key that used it."""
        self._db.execute("UPDATE invites SET used_by = ? WHERE public_key = ?", (used_by, public_key))

    def drop_invite(self, public_key: str) -> None:
        """An invite lets nobody in any more."""
        self._db.execute("DELETE FROM invites WHERE public_key = ?", (public_key,))

    def revoke_key(self, public_key: str, since: int) -> None:
        """A key opens nothing any more."""
        self._db.execute("INSERT OR IGNORE INTO revoked VALUES (?, ?)", (public_key, since))

    def unrevoke_key(self, public_key: str) -> None:
        """A key is admitted again."""
        self._db.execute("DELETE FROM revoked WHERE public_key = ?", (public_key,))

    def forget_invites(self) -> None:
        """No invite is known any more."""
        self._db.execute("DELETE FROM invites")

    def revoked_keys(self) -> list[str]:
        """Return the keys that open nothing any more."""
        return [str(row[0]) for row in self._db.execute("SELECT public_key FROM revoked ORDER BY since, public_key")]

    # the canon's index and versions

    def entry(self, path: bytes) -> Entry | None:
        """Return what the canon has at a path, None if nothing."""
        row = self._db.execute("SELECT * FROM entries WHERE path = ?", (path,)).fetchone()
        return Entry(*row) if row else None

    def head(self, path: bytes) -> State:
        """Return the canon's state of a path."""
        row = self._db.execute("SELECT state FROM entries WHERE path = ?", (path,)).fetchone()
        return row[0] if row else ABSENT

    def has_descendants(self, path: bytes) -> bool:
        """Say whether the canon has anything beneath a path."""
        return self._db.execute("SELECT 1 FROM entries WHERE path >= ? AND path < ? LIMIT 1", range_beneath(path)).fetchone() is not None

    def entries(self) -> Iterator[Entry]:
        """Yield the whole canon in path order."""
        return (Entry(*row) for row in self._db.execute("SELECT * FROM entries ORDER BY path"))

    def count_entries(self) -> int:
        """Return how many paths the canon has."""
        return int(self._db.execute("SELECT count(*) FROM entries").fetchone()[0])

    def files(self) -> Iterator[bytes]:
        """Yield the paths of the canon's files."""
        return (row[0] for row in self._db.execute("SELECT path FROM entries WHERE length(state) = 32"))

    def count_files(self) -> int:
        """Return how many files the canon has."""
        return int(self._db.execute("SELECT count(*) FROM entries WHERE length(state) = 32").fetchone()[0])

    def set_head(self, path: bytes, state: State, size: int, time: int, author: str, received: int, note: str = "") -> int:
        """Move the canon at a path, remember the version, and return the version's id."""
        if state is ABSENT:
            self._db.execute("DELETE FROM entries WHERE path = ?", (path,))
        else:
            self._db.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", (path, state, size, time, author))
        cursor = self._db.execute(
            "INSERT INTO versions (path, state, size, time, author, received, note) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (path, state, size, time, author, received, note),
        )
        return int(cursor.lastrowid or 0)

    def add_past(self, versions: Iterable[tuple[bytes, State, int, int, str, bytes | None]]) -> None:
        """Remember versions that are in the history already, the oldest first: (path, state, size, time, author, raw blob id), times in Unix
        nanoseconds. The canon does not move."""
        self._db.executemany(
            "INSERT INTO versions (path, state, size, time, author, received, oid, is_committed) VALUES (?1, ?2, ?3, ?4, ?5, ?4, ?6, 1)",
            versions,
        )

    def drop_version(self, number: int) -> None:
        """Forget a version that is not in the history, by its id: it is there as another, or is no more."""
        self._db.execute("DELETE FROM versions WHERE id = ? AND is_committed = 0", (number,))

    def drop_entry(self, path: bytes) -> None:
        """Say that the canon has nothing at a path, where that is no new version: whose tables are being made."""
        self._db.execute("DELETE FROM entries WHERE path = ?", (path,))

    def set_entry(self, path: bytes, state: bytes, size: int, time: int, author: str) -> None:
        """Say what the canon has at a path, where that is no new version: whose tables are being made."""
        self._db.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", (path, state, size, time, author))

    def go_on_from(self, version: int) -> int:
        """Give ids to versions from here on that are beyond another server's newest, and whatever it may have made after that was heard of.

        Return the last id that is passed over.
        """
        self._db.execute("DELETE FROM sqlite_sequence WHERE name = 'versions'")
        last = max(version, self.last_version()) + _GAP
        self._db.execute("INSERT INTO sqlite_sequence VALUES ('versions', ?)", (last,))
        return last

    def place_of(self, state: bytes) -> tuple[str, bytes] | None:
        """Return where a content can be read: ``("pending", state)``, ``("history", blob id)``, or None if it is not known, or no longer kept."""
        if self._db.execute("SELECT 1 FROM pending WHERE state = ?", (state,)).fetchone():
            return "pending", state
        row = self._db.execute(
            "SELECT oid FROM versions WHERE state = ? AND length(state) = 32 AND oid IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM dropped WHERE dropped.state = versions.state) ORDER BY id DESC LIMIT 1",
            (state,),
        ).fetchone()
        return ("history", bytes(row[0])) if row else None

    def size_of(self, state: bytes) -> int:
        """Return the size of a content that was a version, 0 if none was."""
        row = self._db.execute("SELECT size FROM versions WHERE state = ? AND length(state) = 32 LIMIT 1", (state,)).fetchone()
        return int(row[0]) if row else 0

    def beneath(self, path: bytes) -> list[bytes]:
        """Return the paths of the canon beneath a path (empty: all), in order."""
        if not path:
            return [row[0] for row in self._db.execute("SELECT path FROM entries ORDER BY path")]
        return [
            row[0] for row in self._db.execute("SELECT path FROM entries WHERE path >= ? AND path < ? ORDER BY path", range_beneath(path))
        ]

    def size_by(self, author: str) -> int:
        """Return what the canon's files of an author add up to, in bytes."""
        return int(self._db.execute("SELECT coalesce(sum(size), 0) FROM entries WHERE author = ?", (author,)).fetchone()[0])

    # pending contents

    def add_pending(self, state: bytes, content: bytes | None, incoming: str | None) -> None:
        """Keep a content until it is in the history: its bytes, or the name of a file in ``incoming/``."""
        self._db.execute("INSERT OR IGNORE INTO pending VALUES (?, ?, ?)", (state, content, incoming))

    def pending(self, state: bytes) -> tuple[bytes | None, str | None] | None:
        """Return a pending content (bytes, or a file's name), None if there is none."""
        row = self._db.execute("SELECT content, incoming FROM pending WHERE state = ?", (state,)).fetchone()
        return (row[0], row[1]) if row else None

    def incoming_names(self) -> set[str]:
        """Return the files in ``incoming/`` that are still of use."""
        return {str(row[0]) for row in self._db.execute("SELECT incoming FROM pending WHERE incoming IS NOT NULL")}

    def last_version(self) -> int:
        """Return the id of the newest version, 0 if there is none."""
        return int(self._db.execute("SELECT coalesce(max(id), 0) FROM versions").fetchone()[0])

    def begin_start(self, name: str) -> None:
        """A server starts: what it makes from now on are versions of this start."""
        self._db.execute("INSERT INTO starts (id, first) VALUES (?, ?)", (name, self.last_version() + 1))

    def has_position(self, start: str, version: int) -> bool:
        """Say whether a version was made, in a start, that these tables know of: else they are older than whoever says so."""
        row = self._db.execute("SELECT number FROM starts WHERE id = ?", (start,)).fetchone()
        if row is None:
            return False
        after = self._db.execute("SELECT min(first) FROM starts WHERE number > ?", (row[0],)).fetchone()[0]
        return version <= (self.last_version() if after is None else after - 1)

    def moved_since(self, version: int, citizen: int) -> list[bytes]:
        """Return the paths that have moved since a version and that a citizen should hold as they are now, in order."""
        query = (
            "SELECT DISTINCT path FROM versions WHERE id > ? AND NOT EXISTS"
            " (SELECT 1 FROM lags WHERE citizen = ? AND lags.path = versions.path) ORDER BY path"
        )
        return [row[0] for row in self._db.execute(query, (version, citizen))]

    def uncommitted(self, limit: int, up_to: int = 1 << 62) -> list[tuple[int, bytes, State, int, int, str, int, str]]:
        """Return (id, path, state, size, time, author, received, note) of the oldest versions, to an id, that are not in the history yet."""
        query = "SELECT id, path, state, size, time, author, received, note FROM versions WHERE is_committed = 0 AND id <= ? ORDER BY id LIMIT ?"
        return list(self._db.execute(query, (up_to, limit)))

    def has_uncommitted(self, path: bytes | None = None) -> bool:
        """Say whether the history lags behind, at one path or at all."""
        query = "SELECT 1 FROM versions WHERE is_committed = 0 AND (? IS NULL OR path = ?) LIMIT 1"
        return self._db.execute(query, (path, path)).fetchone() is not None

    def state_of(self, oid: bytes) -> bytes | None:
        """Return the SHA-256 of the content that a blob of the history has, None if no version refers to it."""
        row = self._db.execute("SELECT state FROM versions WHERE oid = ? LIMIT 1", (oid,)).fetchone()
        return bytes(row[0]) if row and row[0] else None

    def oid_of(self, state: bytes) -> bytes | None:
        """Return the raw blob id by which the history has a content, None if it does not yet."""
        row = self._db.execute(
            "SELECT oid FROM versions WHERE state = ? AND length(state) = 32 AND oid IS NOT NULL LIMIT 1", (state,)
        ).fetchone()
        return bytes(row[0]) if row else None

    def paths_with(self, state: bytes) -> list[bytes]:
        """Return the paths of the canon that have a content, in order."""
        return [row[0] for row in self._db.execute("SELECT path FROM entries WHERE state = ? ORDER BY path", (state,))]

    def states_by_oid(self) -> dict[bytes, bytes]:
        """Return which contents the blobs of the history have that versions refer to: raw blob id to SHA-256."""
        query = "SELECT oid, state FROM versions WHERE oid IS NOT NULL AND state IS NOT NULL AND length(state) = 32"
        return {bytes(oid): bytes(state) for oid, state in self._db.execute(query)}

    def mark_committed(self, oids: Iterable[tuple[int, bytes | None]]) -> None:
        """Say that versions are in the history: (id, blob id or None for directories and deletions)."""
        self._db.executemany("UPDATE versions SET is_committed = 1, oid = ? WHERE id = ?", ((oid, number) for number, oid in oids))

    def drop_pending(self, states: Iterable[bytes]) -> None:
        """Forget pending contents that no uncommitted version needs."""
        query = (
            "DELETE FROM pending WHERE state = ? AND NOT EXISTS"
            " (SELECT 1 FROM versions INDEXED BY versions_state WHERE state = ? AND length(state) = 32 AND is_committed = 0)"
        )
        self._db.executemany(query, ((state, state) for state in states))

    # contents that are kept no longer

    def superseded(self, state: bytes) -> int | None:
        """Return since when (Unix nanoseconds) a content has been the canon's nowhere; 0 if it never was, None if it is in use."""
        if self._is_in_use(state):
            return None
        query = (
            "SELECT max(coalesce((SELECT min(next.received) FROM versions next WHERE next.path = versions.path AND next.id > versions.id),"
            " received)) FROM versions WHERE state = ? AND length(state) = 32"
        )
        return int(self._db.execute(query, (state,)).fetchone()[0] or 0)

    def _is_in_use(self, state: bytes) -> bool:
        query = (
            "SELECT EXISTS (SELECT 1 FROM entries WHERE state = :state) OR EXISTS (SELECT 1 FROM pending WHERE state = :state)"
            " OR EXISTS (SELECT 1 FROM versions WHERE state = :state AND length(state) = 32 AND is_committed = 0)"
        )
        return bool(self._db.execute(query, {"state": state}).fetchone()[0])

    def drop_content(self, state: bytes) -> bool:
        """Say that a content is kept no longer: whoever needs it is asked for it again. Return False, and do nothing, if it is in use."""
        if self._is_in_use(state):
            return False
        self._db.execute("INSERT OR IGNORE INTO dropped VALUES (?)", (state,))
        return True

    def is_dropped(self, state: bytes) -> bool:
        """Say whether a content is kept no longer."""
        return self._db.execute("SELECT 1 FROM dropped WHERE state = ?", (state,)).fetchone() is not None

    def have_contents(self, states: Iterable[bytes]) -> None:
        """Say that contents are in the history (again)."""
        self._db.executemany("DELETE FROM dropped WHERE state = ?", ((state,) for state in states))

    def committed_contents(self) -> Iterator[tuple[bytes, int, bytes]]:
        """Yield (state, size in bytes, raw blob id) of every content that is said to be in the history."""
        query = "SELECT DISTINCT state, size, oid FROM versions WHERE oid IS NOT NULL AND length(state) = 32 AND state NOT IN (SELECT state FROM dropped)"
        return ((bytes(state), int(size), bytes(oid)) for state, size, oid in self._db.execute(query))

    # bases

    def base(self, citizen: Citizen, path: bytes) -> Base:
        """Return what a citizen's machine is known to hold at a path."""
        lag = self.lag(citizen.id, path)
        if lag is not None:
            return lag.base
        return self.head(path) if citizen.is_known else UNKNOWN

    def lag(self, citizen: int, path: bytes) -> Lag | None:
        """Return how a citizen lags at a path, None if the base is the head."""
        row = self._db.execute("SELECT path, base, sent FROM lags WHERE citizen = ? AND path = ?", (citizen, path)).fetchone()
        return _lag(row) if row else None

    def lagging(self, citizen: int) -> list[tuple[bytes, State]]:
        """Return (path, head) of every path at which a citizen lags, in path order; one query, since there may be many."""
        query = (
            "SELECT lags.path, entries.state FROM lags LEFT JOIN entries ON entries.path = lags.path WHERE citizen = ? ORDER BY lags.path"
        )
        return list(self._db.execute(query, (citizen,)))

    def held_beneath(self, citizen: int, path: bytes) -> list[bytes]:
        """Return the paths beneath a path at which a citizen lags and holds something."""
        query = "SELECT path FROM lags WHERE citizen = ? AND path >= ? AND path < ? AND base IS NOT NULL"
        return [row[0] for row in self._db.execute(query, (citizen, *range_beneath(path)))]

    def count_lags(self, citizen: int) -> int:
        """Return at how many paths a citizen lags."""
        return int(self._db.execute("SELECT count(*) FROM lags WHERE citizen = ?", (citizen,)).fetchone()[0])

    def set_lag(self, citizen: int, path: bytes, base: State, sent: list[State]) -> None:
        """Say what a citizen holds at a path, and what was sent since."""
        self._db.execute("INSERT OR REPLACE INTO lags VALUES (?, ?, ?, ?)", (citizen, path, base, msgpack.packb(sent)))

    def drop_lag(self, citizen: int, path: bytes) -> None:
        """Say that a citizen holds the head at a path."""
        self._db.execute("DELETE FROM lags WHERE citizen = ? AND path = ?", (citizen, path))

    def drop_lags(self, citizen: int) -> None:
        """Forget everything about where a citizen lags."""
        self._db.execute("DELETE FROM lags WHERE citizen = ?", (citizen,))

    def leave_behind(self, path: bytes, old: State) -> None:
        """Before the head of a path moves from ``old``: every known citizen without a row is left behind with it."""
        self._db.execute("INSERT OR IGNORE INTO lags (citizen, path, base) SELECT id, ?, ? FROM citizens WHERE is_known", (path, old))

    def lag_everywhere(self, citizen: int) -> None:
        """Say of a citizen that they hold nothing: the base of each of the canon's paths is absent."""
        self._db.execute("INSERT OR IGNORE INTO lags (citizen, path, base) SELECT ?, path, NULL FROM entries", (citizen,))

    # conflicts

    def conflict(self, path: bytes, author: str) -> tuple[State, bytes] | None:
        """Return (head it lost to, path of the copy) of the author's live conflict copy of a path."""
        row = self._db.execute("SELECT lost_to, copy FROM conflicts WHERE path = ? AND author = ?", (path, author)).fetchone()
        return (row[0], bytes(row[1])) if row else None

    def copies_of(self, path: bytes) -> list[bytes]:
        """Return the paths of all live conflict copies of a path, in order."""
        return [bytes(row[0]) for row in self._db.execute("SELECT copy FROM conflicts WHERE path = ? ORDER BY copy", (path,))]

    def files_beginning_with(self, prefix: bytes) -> list[bytes]:
        """Return the paths of the files whose path begins so, in order."""
        query = "SELECT path, state FROM entries WHERE path >= ? AND path < ? ORDER BY path"
        return [bytes(path) for path, state in self._db.execute(query, (prefix, prefix + b"\xff")) if is_file(state)]

    def set_conflict(self, path: bytes, author: str, lost_to: State, copy: bytes) -> None:
        """Remember a conflict copy."""
        self._db.execute("INSERT OR REPLACE INTO conflicts VALUES (?, ?, ?, ?)", (path, author, lost_to, copy))

    def drop_conflicts_of(self, copy: bytes) -> None:
        """Forget the conflict whose copy is gone."""
        self._db.execute("DELETE FROM conflicts WHERE copy = ?", (copy,))

    # holds

    def hold(self, citizen: int, since: int, deleted: int, files: int, undone: Iterable[tuple[bytes, bytes]]) -> Hold:
        """Hold a citizen; ``undone`` are the deletions, (path, state), that were folded already and are put back."""
        self._db.execute("INSERT OR REPLACE INTO holds VALUES (?, ?, ?, ?, '')", (citizen, since, deleted, files))
        self._db.executemany("INSERT OR REPLACE INTO undone VALUES (?, ?, ?)", ((citizen, path, state) for path, state in undone))
        return Hold(citizen, since, deleted, files, "")

    def held(self, citizen: int) -> Hold | None:
        """Return a citizen's hold, None if there is none."""
        row = self._db.execute("SELECT * FROM holds WHERE citizen = ?", (citizen,)).fetchone()
        return Hold(*row) if row else None

    def undone(self, citizen: int) -> list[tuple[bytes, bytes]]:
        """Return what was deleted by a citizen and put back, (path, state), the deepest first."""
        return list(self._db.execute("SELECT path, state FROM undone WHERE citizen = ? ORDER BY path DESC", (citizen,)))

    def rule(self, citizen: int, ruling: str) -> None:
        """Remember what was decided on a hold."""
        self._db.execute("UPDATE holds SET ruling = ? WHERE citizen = ?", (ruling, citizen))
        self._db.execute("DELETE FROM undone WHERE citizen = ?", (citizen,))

    def release_all(self) -> None:
        """No hold is there any more, nor what it put back."""
        self._db.execute("DELETE FROM holds")
        self._db.execute("DELETE FROM undone")

    def release(self, citizen: int) -> None:
        """A hold is over."""
        self._db.execute("DELETE FROM holds WHERE citizen = ?", (citizen,))


def _citizen(row: tuple[Any, ...]) -> Citizen:
    (number, name, uid, role, node_id, key, known, generation, proposed, admitted, seen, banned) = row
    return Citizen(number, name, uid, role, node_id, key, bool(known), generation, proposed, admitted, seen, bool(banned))


def _lag(row: tuple[Any, ...]) -> Lag:
    return Lag(row[0], row[1], msgpack.unpackb(row[2]))
