"""A world's roll with everything that belongs to it, on real tables: an operator (ada), an official (olga), a citizen (alice), a reader (rob)."""

from __future__ import annotations

from pathlib import Path

from fwrkit.agent.files.ignore import IgnoreList
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.enrolment import Enrolment
from fwrkit.agent.server.fold import Fold
from fwrkit.agent.server.history import History
from fwrkit.agent.server.publishing import Publisher
from fwrkit.agent.server.register import Register
from fwrkit.agent.server.roll import Roll
from fwrkit.agent.server.rotation import Rotation
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.settings import Settings
from fwrkit.core.errors import FwrError

NOON = 1_795_608_000  # 2026-11-25 12:00:00 UTC


class TownHall:
    """The parts, and what they asked of others: whom to expel and why, whose session to refresh."""

    def __init__(self, root: Path) -> None:
        self.now = NOON
        self.root = root
        self.state = root / "state"
        for directory in (root / "keys", self.state):
            directory.mkdir()
        self.store = Store(":memory:")
        self.store.set_meta("world_id", "w" * 16)
        self.store.set_meta("world_name", "Utopia")
        self.register = Register(self.store.db)
        self.canon = Canon(self.state, self.store, History(self.state / "history.git", "w"))
        self.fold = Fold(self.store, self.canon, IgnoreList(()), IgnoreList(()), IgnoreList(()))
        self.authority = Authority(root / "keys", None)
        self.authority.create()
        self.publisher = Publisher(self.store, self.register, self.fold, lambda: self.now)
        self.enrolment = Enrolment(self.store, self.register, self.authority, self.state, root / "extrausers", self.publisher, Settings())
        self.expelled: list[tuple[str, FwrError]] = []
        self.refreshed: list[int] = []
        self.roll = Roll(
            self.store, self.register, self.enrolment, self.publisher,
            lambda citizen, why: self.expelled.append((citizen.name, why)), self.refreshed.append, lambda: self.now,
        )  # fmt: skip
        self.signed = 0
        self.rotation = Rotation(self.store, self.authority, self.publisher, Settings(), self._sign, lambda: self.now)
        for name, uid, role in (("ada", 0, "official"), ("olga", 20000, "official"), ("alice", 20001, "citizen"), ("rob", 20002, "reader")):
            self.store.add_citizen(name, uid, role, NOON - 86400)

    def _sign(self) -> None:
        self.signed += 1

    def citizen(self, name: str) -> Citizen:
        found = self.store.citizen(name=name)
        assert found is not None
        return found

    def events(self) -> list[tuple[str, str, str]]:
        """Return what the audit log says: who did what to whom."""
        return [(entry.actor, entry.event, entry.subject) for entry in self.register.entries()]

    def published(self) -> dict[bytes, str]:
        """Publish, and return what lies in ``.fwr`` then."""
        self.publisher.flush()
        files = (entry for entry in self.store.entries() if len(entry.state) == 32)
        return {entry.path: self.canon.read(entry.state).decode() for entry in files}
