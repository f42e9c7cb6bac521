"""What the paths of a world were, and whose that was: questions to the versions of a store. Nothing is written here."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from itertools import groupby

from fwrkit.agent.paths import range_beneath
from fwrkit.agent.states import UNKNOWN, Base, State

_NEVER = b"never"  # a state that nothing has: no hash is as short, and a directory's is empty


@dataclass(frozen=True)
class Entry:
    """What the canon has at a path. ``size`` in bytes, ``time`` in Unix nanoseconds."""

    path: bytes
    state: bytes
    size: int
    time: int
    author: str


class Versions:
    """Reads the versions of a server's tables, of which each path's newest is what the canon has there."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def of_state(self, path: bytes, state: State) -> Entry | None:
        """Return the newest version of a path that had a state, None if there is none."""
        query = "SELECT path, state, size, time, author FROM versions WHERE path = ? AND state IS ? ORDER BY id DESC LIMIT 1"
        row = self._db.execute(query, (path, state)).fetchone()
        return Entry(*row) if row else None

    def newest(self, path: bytes) -> Entry | None:
        """Return the newest version of a path, None if that is that it does not exist."""
        query = "SELECT path, state, size, time, author FROM versions WHERE path = ? ORDER BY id DESC LIMIT 1"
        row = self._db.execute(query, (path,)).fetchone()
        return Entry(*row) if row and row[1] is not None else None

    def had(self, path: bytes, state: State, author: str | None = None) -> bool:
        """Say whether a state was ever the canon's at this path, by an author if one is named."""
        query = "SELECT 1 FROM versions WHERE path = ? AND state IS ? AND author = coalesce(?, author) LIMIT 1"
        return self._db.execute(query, (path, state, author)).fetchone() is not None

    def touched_by(self, author: str, since: int) -> list[bytes]:
        """Return the paths that somebody has changed since a moment (Unix nanoseconds), in order."""
        query = "SELECT DISTINCT path FROM versions WHERE author = ? AND received >= ? ORDER BY path"
        return [row[0] for row in self._db.execute(query, (author, since))]

    def before_run_of(self, path: bytes, author: str, since: int) -> tuple[State, State] | str:
        """Return a path's head and what it was before somebody's last edits in a row since a moment; or whose edits came after theirs."""
        head: State = None
        query = "SELECT state, author, received FROM versions WHERE path = ? ORDER BY id DESC"
        for position, (state, who, received) in enumerate(self._db.execute(query, (path,))):
            if position == 0:
                head = state
                if who != author:
                    return f"{who} has edited it since"
            if who != author or received < since:
                return head, state
        return head, None

    def deletion_of(self, path: bytes) -> int | None:
        """Return when a path that does not exist was deleted (Unix nanoseconds), None if it never existed."""
        row = self._db.execute(
            "SELECT received FROM versions WHERE path = ? AND state IS NULL ORDER BY id DESC LIMIT 1", (path,)
        ).fetchone()
        return int(row[0]) if row else None

    def last_state(self, path: bytes) -> State:
        """Return what a path was when it existed last."""
        query = "SELECT state FROM versions WHERE path = ? AND state IS NOT NULL ORDER BY id DESC LIMIT 1"
        row = self._db.execute(query, (path,)).fetchone()
        return row[0] if row else None

    def states_between(self, path: bytes, first: State, last: State, limit: int) -> list[State]:
        """Return the states, the oldest first, that a path had between two of its states, but for the oldest ones beyond a limit."""
        return [row[1] for row in self.between(path, first, last, limit)]

    def between(self, path: bytes, first: State, last: State, limit: int) -> list[tuple[int, State, int, int, str]]:
        """Return (id, state, size, time, author) of the versions of a path between two of its states; else as :meth:`states_between`."""
        query = (
            "SELECT id, state, size, time, author FROM versions WHERE path = ?1 AND state IS NOT ?3"
            " AND id > coalesce((SELECT max(id) FROM versions WHERE path = ?1 AND state IS ?2), 0)"
            " AND id < (SELECT max(id) FROM versions WHERE path = ?1 AND state IS ?3) ORDER BY id DESC LIMIT ?4"
        )
        return list(self._db.execute(query, (path, first, last, limit)))[::-1]

    def author_since(self, path: bytes, state: State, first: Base) -> str:
        """Return who has made a state of a path since it had another one last (UNKNOWN: ever), empty if nobody did."""
        query = (
            "SELECT author FROM versions WHERE path = ?1 AND state IS ?2"
            " AND id > coalesce((SELECT max(id) FROM versions WHERE path = ?1 AND state IS ?3), 0) ORDER BY id DESC LIMIT 1"
        )
        row = self._db.execute(query, (path, state, _NEVER if first is UNKNOWN else first)).fetchone()
        return str(row[0]) if row else ""

    def was_before(self, path: bytes, state: State, later: Base) -> bool:
        """Say whether a path had a state before it had another one last."""
        query = (
            "SELECT 1 FROM versions WHERE path = ?1 AND state IS ?2 AND id < (SELECT max(id) FROM versions WHERE path = ?1 AND state IS ?3)"
        )
        return later is not UNKNOWN and self._db.execute(query, (path, state, later)).fetchone() is not None

    def last_states(self, path: bytes, limit: int) -> list[State]:
        """Return the states that a path had, the newest first, without what is there twice in a row, from the last versions up to a limit."""
        rows = self._db.execute("SELECT state FROM versions WHERE path = ? ORDER BY id DESC LIMIT ?", (path, limit))
        return [state for state, _ in groupby(row[0] for row in rows)]

    def last_author(self, path: bytes) -> str:
        """Return who changed a path last, empty if nobody did."""
        row = self._db.execute("SELECT author FROM versions WHERE path = ? ORDER BY id DESC LIMIT 1", (path,)).fetchone()
        return str(row[0]) if row else ""

    def gone_beneath(self, path: bytes, since: int) -> list[tuple[bytes, State]]:
        """Return (path, state before) of what does not exist beneath a path and was deleted since a moment (Unix nanoseconds)."""
        query = (
            "SELECT DISTINCT path FROM versions WHERE path >= ? AND path < ? AND state IS NULL AND received >= ?"
            " AND NOT EXISTS (SELECT 1 FROM entries WHERE entries.path = versions.path)"
        )
        names = [row[0] for row in self._db.execute(query, (*range_beneath(path), since))]
        return [(name, self.last_state(name)) for name in names]
