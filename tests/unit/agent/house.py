"""A whole world in one process: a hub and engines on real directories, joined by socket pairs. No sshd, no Unison, no containers."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from fwrkit.agent.citizen.carriers import Carrier, LocalCarrier
from fwrkit.agent.citizen.engine import Engine
from fwrkit.agent.citizen.link import Link
from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.relay import Relay
from fwrkit.agent.citizen.watch import Watch
from fwrkit.agent.files.ignore import ALWAYS, IgnoreList
from fwrkit.agent.relaying import Relaying
from fwrkit.agent.server import tables
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.fold import Fold
from fwrkit.agent.server.historian import Historian
from fwrkit.agent.server.history import History
from fwrkit.agent.server.hub import Hub
from fwrkit.agent.server.landing import Landing
from fwrkit.agent.server.passing import OWN, Passed
from fwrkit.agent.server.server import Server
from fwrkit.agent.server.session import Session
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.settings import Node, Places, Settings
from fwrkit.agent.wire.channel import Channel, over_socket
from fwrkit.agent.wire.messages import FROM_CLIENT, FROM_SERVER
from fwrkit.core.names import FIRST_UID

IGNORED = (*ALWAYS, "www/cache", "**/*.meta")
DIALLING = 2.0  # seconds: a hub that was stopped a moment ago answers nobody
LOGS = ("**/*.changes",)
TEXTS = ("**/*.md",)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.005)


class House:
    """A hub with its tables, canon and history below ``root``; what the members have is below ``clients``, or there, too."""

    def __init__(self, root: Path, settings: Settings | None = None, clients: Path | None = None) -> None:
        self.root = root
        self.clients = clients or root
        self.settings = settings or Settings(history_quiet=0.05, history_limit=0.2)
        self.state = root / "state"
        self.state.mkdir(exist_ok=True)
        for name in ("replicas", "outboxes", "accounts"):
            (self.state / name).mkdir(exist_ok=True)
        self.members: list[Member] = []
        self._open()

    def _open(self) -> None:
        self.repaired = tables.repair(self.state)
        self.store = Store(self.state / "hub.sqlite")
        self.store.set_meta("world_id", "w" * 16)
        self.store.set_meta("world_name", "test")
        self.history = History(self.state / "history.git", "w" * 16)
        self.canon = Canon(self.state, self.store, self.history)
        self.canon.recover()
        if self.repaired:
            for path in tables.adopt(self.store, self.history):
                self.canon.settle(path)
        self.fold = Fold(self.store, self.canon, IgnoreList(IGNORED), IgnoreList(LOGS), IgnoreList(TEXTS))
        self.hub = Hub(self.store, self.canon, self.fold, self.settings, self.state)
        self._historian_store = Store(self.state / "hub.sqlite")
        self.historian = Historian(self._historian_store, History(self.state / "history.git", "w" * 16), self.canon, self.settings)
        self.hub.on_commit = self.historian.tell
        self.historian.start()
        self.hub.start()

    def _close(self) -> None:
        self.hub.stop()
        self.historian.stop()
        self.store.close()
        self._historian_store.close()

    def back_up(self) -> Path:
        """Copy the server's state as it is, while nothing happens."""
        wait_until(lambda: not self.store.has_uncommitted(), "the history is written")
        return Path(shutil.copytree(self.state, self.root / "backup"))

    def restore(self, backup: Path) -> None:
        """Have the server start from a copy of its state."""

        def replace() -> None:
            shutil.rmtree(self.state)
            shutil.copytree(backup, self.state)

        self.restart(replace)

    def restart(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Stop the server, do something, start it again; whoever was connected comes back by themselves."""
        connected = [member for member in self.members if not member.is_cut]
        for member in connected:
            member.cut()
        self._close()
        meanwhile()
        self._open()
        for member in connected:
            member.mend()

    def member(self, name: str, **options: Any) -> Member:
        """Admit a citizen and start their node."""
        member = Member(self, name, **options)
        self.members.append(member)
        member.start()
        return member

    def stop(self) -> None:
        """Stop everything."""
        for member in self.members:
            member.stop()
        self._close()

    def settled(self, seconds: float = 30) -> None:
        """Wait until every connected member agrees with the server; twice, for what one brings, the others get."""
        for _ in range(2):
            for member in self.members:
                if member.is_running and not member.is_cut:
                    missing = member.engine.synchronise(seconds)
                    assert missing is None, f"{member.name} is not in sync: {missing}"


class Member:
    """One citizen's node: a world, a record, an engine, a watch and a link that can be cut."""

    def __init__(self, house: House, name: str, role: str = "citizen") -> None:
        self.house = house
        self.name = name
        self.volume = house.clients / f"volume-{name}"
        self.world = self.volume / "world"
        self.world.mkdir(parents=True, exist_ok=True)
        self.record_path = house.clients / f"record-{name}.sqlite"
        self.role = role
        self.node_id = f"node{name}"
        self.is_cut = False
        self.is_running = False
        self._sessions: list[Channel] = []
        self._settle_in(house)

    def _settle_in(self, house: House) -> None:
        def admit() -> Any:
            known = house.store.citizen(name=self.name)
            uid = max(FIRST_UID - 1, house.store.highest_uid()) + 1
            return known or house.store.add_citizen(self.name, uid, self.role, 0)

        self.house = house
        self.citizen = house.hub.call(admit)
        self.landing = Landing(house.state, self.name, self.citizen.uid)
        self.landing.create()

    def turn_to(self, house: House) -> None:
        """Follow another server of the same world from now on."""
        self.cut()
        self._settle_in(house)
        self.mend()
        wait_until(lambda: self.engine.view.is_ready, f"{self.name} is at the other server")

    def start(self) -> None:
        """Start the node."""
        self.engine = self.make_engine()
        self.watch = Watch(os.fsencode(self.world), self.hint)
        assert self.watch.start()
        self.link = Link(self.engine, self.dial)
        self.engine.start()
        self.link.start()
        self.is_running = True

    def make_engine(self, relay: Relay | None = None) -> Engine:
        """Return an engine for the world; ``relay`` as of a peer's."""
        owner, record = (os.geteuid(), os.getegid()), Record(self.record_path)
        return Engine(self.node_id, self.name, self.world, self.volume / "private", record, owner, self.house.settings, relay=relay)

    def hint(self, paths: Iterable[bytes] | None) -> None:
        """Something in the world has changed."""
        self.engine.hint(paths)

    def stop(self) -> None:
        """Stop the node."""
        if self.is_running:
            self.is_running = False
            self.link.stop()
            self.watch.stop()
            self.engine.stop()

    def cut(self) -> None:
        """Cut the connection until :meth:`mend`."""
        self.is_cut = True
        for channel in self._sessions:
            channel.close("cut")
        wait_until(lambda: not self.engine.view.is_connected, f"{self.name} is offline")

    def mend(self) -> None:
        """The network is back."""
        self.is_cut = False

    def dial(self, on_message: Callable[[Any], None], on_end: Callable[[str], None]) -> tuple[Channel, Carrier] | None:
        """As the link wants it."""
        if self.is_cut:
            raise OSError("cut")
        ours, theirs = socket.socketpair()
        box: list[Session] = []
        hub = self.house.hub
        channel = over_socket(theirs, FROM_CLIENT, lambda message: hub.put(box[0], message), lambda _: hub.wake())
        citizen = hub.call(lambda: self.house.store.known_citizen(self.citizen.id), DIALLING)
        box.append(Session(channel, citizen))
        channel.start()
        self.have(channel)
        return over_socket(ours, FROM_SERVER, on_message, on_end), LocalCarrier(self.landing.replica, self.landing.outbox)

    def have(self, channel: Channel) -> None:
        """Remember a connection: it ends with the next cut, also with one that has come meanwhile."""
        self._sessions = [channel]
        if self.is_cut:
            channel.close("cut")

    # files

    def write(self, path: str | bytes, content: str | bytes) -> None:
        """Write a file as most programs do that have just read it: a new file, renamed over the old one. It is made outside of the world, so that it is
        no version itself."""
        target = self.world / os.fsdecode(path)
        with contextlib.suppress(OSError):
            target.read_bytes()
        self.write_unread(path, content)

    def write_unread(self, path: str | bytes, content: str | bytes) -> None:
        """Write a file as a program does that has read it a while ago."""
        target = self.world / os.fsdecode(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.volume / f"written-{threading.get_ident()}"
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        os.rename(temporary, target)

    def tree(self) -> dict[str, str | None]:
        """Return the world: path to content (None: a directory), without what never travels."""
        return tree_of(self.world)


class Peer(Member):
    """A node that serves a house of its own, and follows another one above it: two engines at one world, put together as an agent does."""

    def __init__(self, above: House, root: Path, name: str = "peer") -> None:
        root.mkdir()
        super().__init__(House(root), name)
        self.below = self.house
        for directory in (root / "keys", root / "run"):
            directory.mkdir()
        self.node = Node("server", name, "0123456789ab", name, "", "", (os.geteuid(), os.getegid()), self.below.settings)
        self.places = Places(self.volume, self.below.state, root / "keys", root / "run")
        self.uplink = Uplink(self, above)
        self.below.hub.passed = self._passed
        self.below.members.append(self)
        above.members.append(self.uplink)
        self.uplink.start()
        self.start()

    def _passed(self, citizen: Citizen, author: str) -> Passed:
        if citizen.name != self.name or author in ("", self.name):
            return OWN
        return Passed(self.below.store.citizen(name=author) or replace(citizen, name=author), is_settled=True)

    def make_engine(self, relay: Relay | None = None) -> Engine:
        """Return the engine at the peer's own hub."""
        return super().make_engine(relay or Relay(self.uplink.relaying.passed_down))

    def hint(self, paths: Iterable[bytes] | None) -> None:
        """Something in the world has changed: both engines look."""
        super().hint(paths)
        self.uplink.engine.hint(paths)


class Uplink(Member):
    """A peer's connection to the house above it."""

    def __init__(self, peer: Peer, above: House) -> None:
        self.peer = peer
        super().__init__(above, peer.name)
        self.volume, self.world = peer.volume, peer.world
        below = peer.below
        server = SimpleNamespace(operator=peer.citizen, hub=below.hub, store=below.store, canon=below.canon, fold=below.fold, mirror=None)
        self.server = server
        self.relaying = Relaying(peer.node, peer.places, cast(Server, server))
        above.hub.passed = self._passed
        above.hub.is_peer = lambda citizen: citizen.name == self.name

    def _passed(self, citizen: Citizen, author: str) -> Passed:
        return Passed(self.house.store.citizen(name=author)) if citizen.name == self.name and author != self.name else OWN

    def start(self) -> None:
        """Follow the house above."""
        self.engine = self.relaying.engine
        self.link = Link(self.engine, self.dial)
        self.engine.start()
        self.link.start()
        self.is_running = True

    def stop(self) -> None:
        """Follow nobody any more."""
        if self.is_running:
            self.is_running = False
            self.link.stop()
            self.engine.stop()


def tree_of(root: Path) -> dict[str, str | None]:
    """Return the regular files and directories below a root that are part of a world. What goes while it is read is not there."""
    ignored = IgnoreList(IGNORED)
    result: dict[str, str | None] = {}
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            path = Path(directory) / name
            relative = os.path.relpath(path, root)
            if ignored.matches(os.fsencode(relative)) or path.is_symlink():
                continue
            if path.is_dir():
                result[relative] = None
            elif path.is_file():
                with contextlib.suppress(FileNotFoundError):
                    result[relative] = path.read_bytes().decode("latin-1")
    return result
