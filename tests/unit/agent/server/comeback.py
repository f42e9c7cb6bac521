"""A server with its citizens' nodes and their histories in one process; it can be put back to an older copy of itself. No sshd, no containers."""

from __future__ import annotations

import os
import queue
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fwrkit import __version__
from fwrkit.agent import heads
from fwrkit.agent.citizen.carriers import Carrier, LocalCarrier
from fwrkit.agent.citizen.fetching import Fetcher
from fwrkit.agent.citizen.offering import Offering
from fwrkit.agent.keys import make_key
from fwrkit.agent.repository import Repository
from fwrkit.agent.server import catching_up
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.hub import Hub
from fwrkit.agent.server.server import Server
from fwrkit.agent.server.session import Session
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.settings import Node, Places, Settings
from fwrkit.agent.states import is_file
from fwrkit.agent.wire import messages as say
from fwrkit.agent.wire.channel import Channel, over_socket
from fwrkit.agent.wire.messages import FROM_CLIENT, FROM_SERVER
from tests.unit.agent.house import DIALLING, Member, wait_until

TEMPLATES = Path(__file__).parents[4] / "images/base/rootfs/usr/share/fwrkit/templates"
OWNER = (os.geteuid(), os.getegid())
OPERATOR = "ada"
PATIENCE = 60.0  # seconds: whoever was cut off dials every five, and is asked, and brings what they have
SETTINGS = Settings(history_quiet=0.02, history_limit=0.1, large_limit=1000, behind_quiet=0.5, behind_patience=3.0, behind_limit=8.0)


class Town:
    """A server below ``root``, and what its citizens' nodes have."""

    def __init__(self, root: Path, settings: Settings = SETTINGS) -> None:
        self.root = self.clients = root
        self.settings = settings
        self.places = Places(root / "volume", root / "state", root / "keys", root / "run", TEMPLATES)
        for place in (self.places.volume, self.places.state, self.places.keys, self.places.run, self.places.world):
            place.mkdir()
        self.members: dict[str, Villager] = {}
        self.starts = 0
        self.open()
        self.member(OPERATOR)

    @property
    def hub(self) -> Hub:
        return self.server.hub

    @property
    def store(self) -> Store:
        return self.server.store

    @property
    def state(self) -> Path:
        return self.places.state

    @property
    def history(self) -> Repository:
        return Repository(self.state / "history.git")

    @property
    def canon(self) -> Canon:
        return self.server.canon

    def open(self) -> None:
        node = Node("server", "server", "0123456789ab", OPERATOR, "static", "town", OWNER, self.settings)
        self.server = Server(node, self.places, with_network=False)
        self.taken = threading.Event()
        assert self.server.catching_up is not None
        self.server.catching_up.on_taken = self.taken.set
        self.server.start()
        self.starts += 1

    def close(self) -> None:
        for member in self.members.values():
            if member.is_running and not member.is_cut:
                member.cut()
        self.server.stop()

    def stop(self) -> None:
        for member in self.members.values():
            member.stop()
        self.server.stop()

    def restart(self) -> None:
        """What Docker does when the agent has ended."""
        connected = [member for member in self.members.values() if member.is_running and not member.is_cut]
        self.close()
        self.open()
        for member in connected:
            member.mend()

    def member(self, name: str) -> Villager:
        """Admit a citizen, or the operator, and start their node."""
        self.members[name] = member = Villager(self, name)
        member.start()
        return member

    def key(self, name: str) -> str:
        return make_key(self.root / f"key-{name}", name)

    def admitted(self, name: str) -> Citizen:
        enrolment = self.server.offices.enrolment

        def admit() -> Citizen:
            citizen = enrolment._admit(name, self.key(name), f"node{name}", is_new=True)
            self.server.offices._publisher.audit(OPERATOR, "admit", name)
            return citizen

        return self.hub.call(admit)  # type: ignore[no-any-return]

    def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return self.server.offices.ask(verb, arguments)

    def settled(self) -> None:
        """Wait until every connected node agrees with the server, and all of it is signed."""
        banned = {citizen.name for citizen in self.store.citizens() if citizen.is_banned}
        for _ in range(2):
            for member in self.members.values():
                if member.is_running and not member.is_cut and member.name not in banned:
                    missing = member.engine.synchronise(30)
                    assert missing is None, f"{member.name} is not in sync: {missing}, {member.engine.view}"
        wait_until(lambda: not self.store.has_uncommitted(), "the history is written")
        wait_until(self.is_signed, "the newest version is signed")

    def is_signed(self) -> bool:
        head = heads.head_of(self.history)
        return head is not None and head.version == self.history.head()

    def back_up(self) -> Path:
        """Copy everything of the server, while nothing happens."""
        self.settled()
        place = self.root / f"backup-{self.starts}"
        for name in ("volume", "state", "keys"):
            # a copy of the tables may be under way
            shutil.copytree(self.root / name, place / name, ignore=shutil.ignore_patterns("*.part"))
        shutil.copy(self.members[OPERATOR].record_path, place / "record.sqlite")
        return place

    def put_back(self, backup: Path, *, is_told: bool = True) -> None:
        """The server burns, and is what the backup has. ``is_told``: by `fwrkit restore`, else a disk was put back and nobody knows."""
        operator = self.members[OPERATOR]
        operator.stop()
        self.close()
        for name in ("volume", "state", "keys"):
            shutil.rmtree(self.root / name)
            shutil.copytree(backup / name, self.root / name)
        shutil.copy(backup / "record.sqlite", operator.record_path)
        for name in ("-wal", "-shm"):
            operator.record_path.with_name(operator.record_path.name + name).unlink(missing_ok=True)
        if is_told:
            (self.state / catching_up.MARK).touch()
        self.open()
        operator.is_cut = False
        operator.start()

    def caught_up(self) -> None:
        """Wait until it has taken what is newer, and start it again."""
        assert self.taken.wait(PATIENCE), "nothing was taken over"
        self.restart()

    def tree(self) -> dict[str, str]:
        """Return what the canon has, and see that its files are what the tables say."""
        found = {}
        for entry in self.store.entries():
            place = Path(os.fsdecode(self.canon.path_of(entry.path)))
            if is_file(entry.state):
                found[os.fsdecode(entry.path)] = place.read_text()
            else:
                assert place.is_dir()
                found[os.fsdecode(entry.path)] = ""
        there = {os.path.relpath(path, self.state / "canon") for path in (self.state / "canon").rglob("*")}
        assert there == found.keys()
        return found


class Villager(Member):
    """A citizen's node with its copy of the history."""

    house: Town  # type: ignore[assignment]

    def __init__(self, town: Town, name: str) -> None:
        if name != OPERATOR:
            town.admitted(name)
        super().__init__(town, name)  # type: ignore[arg-type]
        if name == OPERATOR:
            self.volume, self.world = town.places.volume, town.places.world
        self.repository = Repository(town.clients / f"history-{name}.git")
        self.fetcher = Fetcher(
            self.repository.path,
            f"ext::git upload-pack {town.state / 'history.git'}",
            lambda: self.engine.view,
            lambda: (town.places.keys / "authorities.pub").read_text().splitlines(),
        )

    def start(self) -> None:
        super().start()
        if self.name != OPERATOR:
            self.engine.offering = Offering(self.repository.path, self.house.clients / f"offered-{self.name}")

    def dial(self, on_message: Callable[[Any], None], on_end: Callable[[str], None]) -> tuple[Channel, Carrier] | None:
        if self.is_cut:
            raise OSError("cut")
        hub, store = self.house.hub, self.house.store
        citizen = hub.call(lambda: store.citizen(name=self.name), DIALLING)
        if citizen is None or citizen.public_key not in ("", self.house.key(self.name)):
            raise OSError("sshd lets nobody in of whom it has not heard")
        ours, theirs = socket.socketpair()
        box: list[Session] = []
        channel = over_socket(theirs, FROM_CLIENT, lambda message: hub.put(box[0], message), lambda _: hub.wake(), patience=0.0)
        box.append(Session(channel, citizen))
        channel.start()
        self.have(channel)
        return over_socket(ours, FROM_SERVER, on_message, on_end), LocalCarrier(self.landing.replica, self.landing.outbox)

    def heard(self) -> str:
        """Return why the server last turned this node away: a code and a sentence; empty if it did not."""
        refusal = self.engine.view.refusal
        return f"{refusal.code} {refusal.message}" if refusal is not None else ""

    def remove(self, path: str) -> None:
        place = self.world / path
        shutil.rmtree(place) if place.is_dir() else place.unlink()

    def files(self) -> dict[str, str]:
        return {path: content for path, content in self.tree().items() if content is not None and not path.startswith(".fwr")}


class Stranger:
    """A citizen whose node says whatever the test wants."""

    def __init__(self, town: Town, name: str) -> None:
        self.messages: queue.Queue[Any] = queue.Queue()
        citizen = town.hub.call(lambda: town.store.citizen(name=name))
        ours, theirs = socket.socketpair()
        box: list[Session] = []
        served = over_socket(theirs, FROM_CLIENT, lambda message: town.hub.put(box[0], message), lambda _: town.hub.wake(), patience=0.0)
        box.append(Session(served, citizen))
        served.start()
        self.channel = over_socket(ours, FROM_SERVER, self.messages.put, lambda _: self.messages.put(None))
        self.channel.start()
        self.tell(say.Hello(say.PROTOCOL, __version__, f"node{name}", "", "g:1", "g:1", "another-start", 99))

    def tell(self, message: Any) -> None:
        self.channel.send(message)

    def next(self, seconds: float = 15) -> Any:
        """Return what is said next, None if that is nothing any more."""
        return self.messages.get(timeout=seconds)

    def offers(self, head: bytes) -> Any:
        """Say what this node has that is signed; return what the server says to that."""
        assert self.next() == say.Behind()
        self.tell(say.Newest(head))
        return self.next()
