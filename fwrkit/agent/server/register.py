"""The tables beside the roll: who is banned and why, who asks to be let in, how often an invite serves, which peers there are, what the audit log says."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from fwrkit.agent.audit import GENESIS, Entry

_SCHEMA = """
CREATE TABLE IF NOT EXISTS bans (
    citizen INTEGER PRIMARY KEY, reason TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, by TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS requests (
    public_key TEXT PRIMARY KEY, name TEXT NOT NULL, node_id TEXT NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS open_invites (public_key TEXT PRIMARY KEY, uses INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS invite_uses (
    invite TEXT NOT NULL, public_key TEXT NOT NULL, citizen TEXT NOT NULL, PRIMARY KEY (invite, public_key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS invite_makers (public_key TEXT PRIMARY KEY, by TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS peers (
    citizen INTEGER PRIMARY KEY, host TEXT NOT NULL, port INTEGER NOT NULL, by INTEGER NOT NULL, since INTEGER NOT NULL,
    host_key TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS audit (
    number INTEGER PRIMARY KEY, time INTEGER NOT NULL, actor TEXT NOT NULL, event TEXT NOT NULL, subject TEXT NOT NULL,
    details TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Ban:
    """Why and how long a citizen is banned; times in Unix seconds, ``until`` 0 for good."""

    citizen: int
    reason: str
    since: int
    until: int
    by: str


@dataclass(frozen=True)
class Petition:
    """Somebody who asks to be let in: a machine's key, the name that they would like, and since when (Unix seconds)."""

    public_key: str
    name: str
    node_id: str
    since: int


@dataclass(frozen=True)
class Peer:
    """A citizen's node that serves others: where it is reached, which official (a row of the roll) has it serve and since when (Unix seconds), and
    its host key (type and base64) as it was signed last, empty if it never was."""

    citizen: int
    host: str
    port: int
    by: int
    since: int
    host_key: str = ""


class Register:
    """These tables, on the store's own connection: what is written here belongs to the store's transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._db.executescript(_SCHEMA)

    # bans

    def ban(self, ban: Ban) -> None:
        """Write a ban down, in place of an earlier one."""
        self._db.execute("INSERT OR REPLACE INTO bans VALUES (?, ?, ?, ?, ?)", (ban.citizen, ban.reason, ban.since, ban.until, ban.by))

    def ban_of(self, citizen: int) -> Ban | None:
        """Return a citizen's ban, None if there is none."""
        row = self._db.execute("SELECT * FROM bans WHERE citizen = ?", (citizen,)).fetchone()
        return Ban(*row) if row else None

    def unban(self, citizen: int) -> None:
        """A ban is over."""
        self._db.execute("DELETE FROM bans WHERE citizen = ?", (citizen,))

    def bans_until(self, now: int) -> list[Ban]:
        """Return the bans that have ended by a moment (Unix seconds)."""
        return [Ban(*row) for row in self._db.execute("SELECT * FROM bans WHERE until > 0 AND until <= ?", (now,))]

    # requests

    def petition(self, petition: Petition) -> None:
        """Write down who asks to be let in; a machine has one request."""
        values = (petition.public_key, petition.name, petition.node_id, petition.since)
        self._db.execute("INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?)", values)

    def petitions(self) -> list[Petition]:
        """Return the requests, the oldest first."""
        return [Petition(*row) for row in self._db.execute("SELECT * FROM requests ORDER BY since, public_key")]

    def drop_petition(self, public_key: str) -> None:
        """A request is answered, or forgotten."""
        self._db.execute("DELETE FROM requests WHERE public_key = ?", (public_key,))

    # invites

    def made_invite(self, invite: str, by: str) -> None:
        """An official has had an invite made."""
        self._db.execute("INSERT OR REPLACE INTO invite_makers VALUES (?, ?)", (invite, by))

    def makers_of_invites(self) -> dict[str, str]:
        """Return by invite who had it made."""
        return {str(key): str(by) for key, by in self._db.execute("SELECT public_key, by FROM invite_makers")}

    def open_invite(self, invite: str, uses: int) -> None:
        """An invite lets in so many, each under a name of their own."""
        self._db.execute("INSERT INTO open_invites VALUES (?, ?)", (invite, uses))

    def uses_of(self, invite: str) -> int:
        """Return how many an invite lets in, 0 if it is an ordinary one."""
        row = self._db.execute("SELECT uses FROM open_invites WHERE public_key = ?", (invite,)).fetchone()
        return int(row[0]) if row else 0

    def used_by(self, invite: str) -> dict[str, str]:
        """Return who came by an invite for several: public key to citizen."""
        return dict(self._db.execute("SELECT public_key, citizen FROM invite_uses WHERE invite = ?", (invite,)))

    def use(self, invite: str, public_key: str, citizen: str) -> None:
        """Somebody came by an invite for several."""
        self._db.execute("INSERT OR REPLACE INTO invite_uses VALUES (?, ?, ?)", (invite, public_key, citizen))

    def close_invite(self, invite: str) -> None:
        """An invite for several lets in nobody else."""
        query = "UPDATE open_invites SET uses = (SELECT count(*) FROM invite_uses WHERE invite = ?1) WHERE public_key = ?1"
        self._db.execute(query, (invite,))

    def close_invites_of(self, citizen: str) -> None:
        """The invites for several by which somebody came let in nobody else."""
        for row in self._db.execute("SELECT invite FROM invite_uses WHERE citizen = ?", (citizen,)).fetchall():
            self.close_invite(str(row[0]))

    def forget_invites(self) -> None:
        """Nothing is known of invites any more."""
        self._db.execute("DELETE FROM invite_makers")
        self._db.execute("DELETE FROM open_invites")
        self._db.execute("DELETE FROM invite_uses")

    # peers

    def put_peer(self, peer: Peer) -> None:
        """Write down a peer, in place of what was known of it."""
        values = (peer.citizen, peer.host, peer.port, peer.by, peer.since, peer.host_key)
        self._db.execute("INSERT OR REPLACE INTO peers VALUES (?, ?, ?, ?, ?, ?)", values)

    def peer_of(self, citizen: int) -> Peer | None:
        """Return what is known of a citizen's node as a peer, None if it is none."""
        row = self._db.execute("SELECT * FROM peers WHERE citizen = ?", (citizen,)).fetchone()
        return Peer(*row) if row else None

    def peers(self) -> list[Peer]:
        """Return all of them, the oldest first."""
        return [Peer(*row) for row in self._db.execute("SELECT * FROM peers ORDER BY since, citizen")]

    def drop_peer(self, citizen: int) -> None:
        """A citizen's node serves nobody any more."""
        self._db.execute("DELETE FROM peers WHERE citizen = ?", (citizen,))

    # audit

    def add_entry(self, time: int, actor: str, event: str, subject: str, details: dict[str, str]) -> Entry:
        """Add a line to the audit log and return it. Its time is never before that of the last one, whatever the clock says."""
        row = self._db.execute("SELECT number, hash, time FROM audit ORDER BY number DESC LIMIT 1").fetchone()
        number, previous, last = (row[0] + 1, row[1], row[2]) if row else (1, GENESIS, 0)
        entry = Entry(number, max(time, last), actor, event, subject, details, previous)
        values = (entry.number, entry.time, entry.actor, entry.event, entry.subject, json.dumps(entry.details), entry.previous, entry.hash)
        self._db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        return entry

    def take_over(self, entries: Iterable[Entry]) -> None:
        """Go on with the log of another server of the same world: its entries as they are."""
        rows = (
            (each.number, each.time, each.actor, each.event, each.subject, json.dumps(each.details), each.previous, each.hash)
            for each in entries
        )
        self._db.executemany("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def forget_entries(self) -> None:
        """Begin the audit log anew: it is about to be taken over."""
        self._db.execute("DELETE FROM audit")

    def entries(self, first: int = 1, before: int = 1 << 62) -> list[Entry]:
        """Return the audit log's entries from one time to another (Unix seconds, half-open), in order."""
        query = "SELECT number, time, actor, event, subject, details, previous FROM audit WHERE time >= ? AND time < ? ORDER BY number"
        rows = self._db.execute(query, (first, before))
        return [Entry(number, at, by, event, of, json.loads(words), last) for number, at, by, event, of, words, last in rows]
