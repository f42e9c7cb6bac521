"""What other servers of this world had at a path, and what is here was made from: a table on the store's own connection.

While a server is out of reach, its citizens go on with another one. Who comes back first brings the end of what was written there, and says from
what it was made; who comes after that with something in between brings nothing new.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from fwrkit.agent.states import State

_KEPT = 256  # states of a path, the newest: nobody is to fill the disk with what they say was there
_SCHEMA = "CREATE TABLE IF NOT EXISTS elsewhere (path BLOB NOT NULL, state BLOB, UNIQUE (path, state))"


class Elsewhere:
    """These states, by path. Used in the store's transactions."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._db.execute(_SCHEMA)

    def remember(self, path: bytes, states: Iterable[State]) -> None:
        """What the canon has at a path, or keeps beside it, was made from these."""
        new = [state for state in dict.fromkeys(states) if not self.has(path, state)]
        self._db.executemany("INSERT INTO elsewhere VALUES (?, ?)", [(path, state) for state in new])
        if new:
            oldest = "SELECT rowid FROM elsewhere WHERE path = ?1 ORDER BY rowid DESC LIMIT -1 OFFSET ?2"
            self._db.execute(f"DELETE FROM elsewhere WHERE rowid IN ({oldest})", (path, _KEPT))  # noqa: S608 - no value in it

    def states(self, path: bytes, limit: int) -> list[State]:
        """Return from what is here at a path was made, the newest first, up to a limit."""
        return [row[0] for row in self._db.execute("SELECT state FROM elsewhere WHERE path = ? ORDER BY rowid DESC LIMIT ?", (path, limit))]

    def has(self, path: bytes, state: State) -> bool:
        """Say whether what is here was made from a state."""
        return self._db.execute("SELECT 1 FROM elsewhere WHERE path = ? AND state IS ?", (path, state)).fetchone() is not None
