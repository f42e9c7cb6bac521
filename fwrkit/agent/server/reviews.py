"""Changes that wait until an official accepts them: on no disk but their author's, and here. Runs in the hub's thread, inside its transaction.

Small contents lie in the table, large ones in files of ``reviews/``. What was rejected, or refused by the policy, is remembered (without its
content) until its author has heard of it and has it undone. Till then it is told again at each connection, and what its author makes of it was
made of what that was made of.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.states import UNKNOWN, Base, State, is_file
from fwrkit.core.errors import ExitCode, FwrError

COUNT_LIMIT, SIZE_LIMIT = 2000, 1024**3  # of one citizen's changes that wait: number, bytes
REFUSED_LIMIT = 100_000  # refused changes that are not undone yet and are remembered; older ones are not
_LOOK = 1000  # refused changes between two looks whether there are too many
_SCHEMA = """
CREATE TABLE IF NOT EXISTS reviews (
    number INTEGER PRIMARY KEY AUTOINCREMENT, citizen INTEGER NOT NULL, path BLOB NOT NULL, base BLOB, state BLOB, size INTEGER NOT NULL,
    time INTEGER NOT NULL, received INTEGER NOT NULL, content BLOB, file TEXT NOT NULL DEFAULT '', rejected TEXT NOT NULL DEFAULT '',
    is_base_known INTEGER NOT NULL DEFAULT 1, UNIQUE (citizen, path));
"""
_COLUMNS = "number, citizen, path, base, state, size, time, received, file, rejected, is_base_known"


@dataclass(frozen=True)
class Review:
    """A change that waits: what its author made (``state``, ``size`` bytes) of what (``base``), when (``time`` and ``received`` in Unix nanoseconds).

    ``rejected`` is the reason if it was. Without ``is_base_known`` it was found at first contact, and nobody knows what it was made of.
    """

    number: int
    citizen: int
    path: bytes
    base: State
    state: State
    size: int
    time: int
    received: int
    file: str
    rejected: str
    is_base_known: int

    @property
    def made_of(self) -> Base:
        """What it was made of, as the fold takes it."""
        return self.base if self.is_base_known else UNKNOWN


class Reviews:
    """What waits. ``changed`` collects the citizens (ids) whose list has changed."""

    def __init__(self, store: Store, canon: Canon, directory: Path) -> None:
        self._store = store
        self._db = store.db
        self._canon = canon
        self._directory = directory
        self._db.executescript(_SCHEMA)
        self.changed: set[int] = set()
        self._useless: set[str] = set()  # files that a row less needs

    def sweep(self) -> None:
        """At the start: remove files that no row knows."""
        if self._directory.is_dir():
            known = {str(row[0]) for row in self._db.execute("SELECT file FROM reviews WHERE file != ''")}
            for item in self._directory.iterdir():
                if item.name not in known:
                    item.unlink()

    def of(self, citizen: int, path: bytes) -> Review | None:
        """Return what waits of a citizen at a path, None if nothing does."""
        return next(self._select("citizen = ? AND path = ? AND rejected = ''", citizen, path), None)

    def rejected(self, citizen: int, path: bytes) -> Review | None:
        """Return what was rejected or refused of a citizen at a path, and they hold still since they may not have heard of it; None if nothing was."""
        review = next(self._select("citizen = ? AND path = ? AND rejected != ''", citizen, path), None)
        if review is None:
            return None
        lag = self._store.lag(citizen, path)
        if lag is not None and lag.base == review.state:
            return review
        self._remove(citizen, path)  # by now they are known to hold something else
        return None

    def waiting(self, citizen: int | None = None) -> list[Review]:
        """Return what waits, of one citizen or of all, the oldest first."""
        return list(self._select("rejected = '' AND (? IS NULL OR citizen = ?)", citizen, citizen))

    def count(self, citizen: int) -> int:
        """Return how much of a citizen waits."""
        return int(self._db.execute("SELECT count(*) FROM reviews WHERE citizen = ? AND rejected = ''", (citizen,)).fetchone()[0])

    def has_any(self, citizen: int) -> bool:
        """Say whether anything of a citizen waits."""
        return self._db.execute("SELECT 1 FROM reviews WHERE citizen = ? AND rejected = '' LIMIT 1", (citizen,)).fetchone() is not None

    def find(self, number: int) -> Review:
        """Return what waits under a number. Raise FwrError (NOT_FOUND)."""
        review = next(self._select("number = ? AND rejected = ''", number), None)
        if review is None:
            raise FwrError(ExitCode.NOT_FOUND, f"Nothing waits under the number {number}.", "See what does: fwrkit review")
        return review

    def _select(self, condition: str, *values: object) -> Iterator[Review]:
        query = f"SELECT {_COLUMNS} FROM reviews WHERE {condition} ORDER BY number"  # noqa: S608 - words of this class
        return (Review(*row) for row in self._db.execute(query, values).fetchall())

    def put(
        self,
        citizen: Citizen,
        path: bytes,
        base: Base,
        state: State,
        size: int,
        time: int,
        received: int,
        data: bytes | None,
        incoming: str | None,
    ) -> str:
        """Have a change wait, in place of what waits of this citizen at this path; return why it can not, empty if it does.

        The content is in ``data``, in a file of ``incoming/``, or known to the server.
        """
        before = self.of(citizen.id, path)
        if before is not None and before.state == state:
            return ""  # sent again, since the answer was lost
        query = "SELECT count(*), coalesce(sum(size), 0) FROM reviews WHERE citizen = ? AND rejected = ''"
        count, total = self._db.execute(query, (citizen.id,)).fetchone()
        if before is None and (count >= COUNT_LIMIT or total + size > SIZE_LIMIT):
            return "So much of yours waits for an official already that nothing more is taken."
        self._remove(citizen.id, path)
        file = ""
        if data is None and incoming is not None and isinstance(state, bytes) and is_file(state):
            file = self._keep(state, incoming, citizen.id)
        known, is_known = (None, False) if base is UNKNOWN else (base, True)
        values = (citizen.id, path, known, is_known, state, size, time, received, data, file)
        query = (
            "INSERT INTO reviews (citizen, path, base, is_base_known, state, size, time, received, content, file)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        self._db.execute(query, values)
        self.changed.add(citizen.id)
        return ""

    def _keep(self, state: bytes, incoming: str, citizen: int) -> str:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        name = f"{citizen}-{state.hex()}"
        with contextlib.suppress(FileExistsError):
            os.link(self._canon.incoming / incoming, self._directory / name)  # received files are never written again
        return name

    def content(self, review: Review) -> tuple[bytes | None, str | None]:
        """Return a change's content as the fold takes it: its bytes, or the name of a file in ``incoming/``; neither if the server knows it."""
        row = self._db.execute("SELECT content FROM reviews WHERE number = ?", (review.number,)).fetchone()
        if row is not None and row[0] is not None:
            return bytes(row[0]), None
        if not review.file:
            return None, None
        name = f"review-{review.number}"
        with contextlib.suppress(FileExistsError):
            os.link(self._directory / review.file, self._canon.incoming / name)
        return None, name

    def let_go_of(self, incoming: str | None) -> None:
        """Remove what :meth:`content` has put into ``incoming/`` if no version needs it."""
        if incoming is not None and incoming not in self._store.incoming_names():
            (self._canon.incoming / incoming).unlink(missing_ok=True)

    def read(self, review: Review, limit: int) -> bytes | None:
        """Return the content of a change, to be looked at; None if it is no file, or larger than ``limit`` bytes, or not to be had."""
        if not isinstance(review.state, bytes) or not is_file(review.state) or review.size > limit:
            return None
        row = self._db.execute("SELECT content FROM reviews WHERE number = ?", (review.number,)).fetchone()
        if row is not None and row[0] is not None:
            return bytes(row[0])
        if review.file:
            return (self._directory / review.file).read_bytes()
        return self._canon.read(review.state) if self._canon.has(review.state) else None

    def reject(self, review: Review, reason: str) -> None:
        """Turn a change down: its author hears of it, and gets what there is instead."""
        self._db.execute("UPDATE reviews SET rejected = ?, content = NULL WHERE number = ?", (reason, review.number))
        self.changed.add(review.citizen)

    def refuse(self, citizen: int, path: bytes, base: Base, state: State, received: int, reason: str) -> None:
        """Remember a change that the policy refuses until its author has it undone: what they make of it meanwhile was made of its base."""
        self.drop(citizen, path)
        known, is_known = (None, False) if base is UNKNOWN else (base, True)
        values = (citizen, path, known, is_known, state, received, reason or "refused")
        query = "INSERT INTO reviews (citizen, path, base, is_base_known, state, size, time, received, rejected) VALUES (?, ?, ?, ?, ?, 0, 0, ?, ?)"
        number = self._db.execute(query, values).lastrowid or 0
        if number % _LOOK == 0:  # counting each time would cost more the more there are
            last = "SELECT number FROM reviews WHERE rejected != '' ORDER BY number DESC LIMIT 1 OFFSET ?"
            self._db.execute(f"DELETE FROM reviews WHERE rejected != '' AND number <= ({last})", (REFUSED_LIMIT,))  # noqa: S608 - words above

    def drop_settled(self) -> None:
        """Forget what waits although the canon has had it since: another server of this world has accepted it."""
        self._db.execute(
            "DELETE FROM reviews WHERE rejected = '' AND state IS NOT NULL AND EXISTS"
            " (SELECT 1 FROM versions WHERE versions.path = reviews.path AND versions.state = reviews.state)"
        )

    def forget_rejected(self, citizen: int, path: bytes) -> None:
        """An author has heard that a change was turned down or refused, and has it undone."""
        if self.of(citizen, path) is None:
            self._remove(citizen, path)

    def drop(self, citizen: int, path: bytes) -> None:
        """Nothing of a citizen waits at a path any more, whatever became of it."""
        if self.of(citizen, path) is not None:
            self.changed.add(citizen)
        self._remove(citizen, path)

    def _remove(self, citizen: int, path: bytes) -> None:
        row = self._db.execute("SELECT file FROM reviews WHERE citizen = ? AND path = ? AND file != ''", (citizen, path)).fetchone()
        if row is not None:
            self._useless.add(str(row[0]))
        self._db.execute("DELETE FROM reviews WHERE citizen = ? AND path = ?", (citizen, path))

    def remove_useless(self) -> None:
        """Remove the files of what waits no more. To be called when that is durable; what is missed, the next start finds."""
        useless, self._useless = self._useless, set()
        for name in useless:
            if self._db.execute("SELECT 1 FROM reviews WHERE file = ? LIMIT 1", (name,)).fetchone() is None:
                (self._directory / name).unlink(missing_ok=True)

    def take_changed(self) -> set[int]:
        """Return whose list has changed since the last call."""
        changed, self.changed = self.changed, set()
        return changed
