"""The store of nodes: one directory a node, with ``node.json`` (what was asked for) and ``compose.yaml`` (what came of it)."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.home import Home

Role = Literal["server", "client"]
WORLD_UID = 2011  # whom a world's files belong to unless --world says otherwise; the year of the idea


@dataclass(frozen=True)
class Node:
    """What one node was asked to be.

    ``upstream`` is the server node on this machine, ``remote`` the address (host:port) of one elsewhere; at most one is set.
    ``origin`` is what a server's world is still to be made from (``world``, ``state``, ``keys``: volumes or directories, ``version``, and ``peer``: it is to
    be one), ``founded`` what came of it. ``is_joined`` says that a client has its certificate. ``image`` is the image it last ran with; ``settings``
    a JSON object of the agent's settings, as text. ``is_drill``: it is made on copies for a moment, reaches nothing, and is no node of anybody's.
    ``timezone``: by its name, empty: this machine's. ``proxy``: the addresses, with commas between, of whoever ends TLS before a server's web.
    ``had_world``: its agent has run with its world in ``world_dir``. ``begun`` stands for the command that makes the node, until that has come to
    its end: only the same words go on with it.
    ``is_peer``: a server without authority beside an official's client, which follows the world's server as a client does.
    """

    name: str
    role: Role
    node_id: str
    citizen: str
    http_port: int
    ssh_port: int = 0
    address: str = ""
    template: str = ""
    world_name: str = ""
    world_dir: str = ""
    uid: int = WORLD_UID
    gid: int = WORLD_UID
    upstream: str = ""
    remote: str = ""
    world_id: str = ""
    is_joined: bool = False
    citizen_site_hash: str = ""
    image: str = ""
    settings: str = ""
    origin: dict[str, str] = dataclasses.field(default_factory=dict)
    founded: dict[str, Any] = dataclasses.field(default_factory=dict)
    is_drill: bool = False
    is_peer: bool = False
    begun: str = ""
    timezone: str = ""
    proxy: str = ""
    had_world: bool = False

    @property
    def kind(self) -> str:
        """What people call it: server, client or peer."""
        return "peer" if self.is_peer else self.role

    def to_json(self) -> dict[str, Any]:
        """Return the node as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Node:
        """Given the object of :meth:`to_json`, return the node; fields that this version does not know are passed over."""
        known = {item.name for item in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in known})


def new_node_id() -> str:
    """Return 12 random hex digits: a node's hostname for as long as it lives."""
    return secrets.token_hex(6)


@dataclass(frozen=True)
class NodeStore:
    """The nodes of one home."""

    home: Home

    def directory(self, name: str) -> Path:
        """Given a node's name, return its directory, whether it is there or not."""
        return self.home.nodes / name

    def find(self, name: str) -> Node | None:
        """Given a name, return the node or None. Raise FwrError (FAILED) if its record cannot be read."""
        path = self.directory(name) / "node.json"
        try:
            return Node.from_json(json.loads(path.read_text()))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, TypeError, AttributeError) as error:  # no JSON, fields that are missing, no object
            raise FwrError(
                ExitCode.FAILED, f"The record of node '{name}' cannot be read.", f"Look at {path}, or remove the node: fwrkit rm {name}"
            ) from error

    def get(self, name: str) -> Node:
        """Given a name, return the node. Raise FwrError (NOT_FOUND) if there is none."""
        node = self.find(name)
        if node is None:
            known = ", ".join(each.name for each in self.all(are_unreadable_passed_over=True))
            hint = f"There are: {known}." if known else "Start one with: fwrkit up server"
            raise FwrError(ExitCode.NOT_FOUND, f"There is no node '{name}' on this machine.", hint)
        return node

    def get_readable(self, name: str) -> Node:
        """Given a name, return the node, or what the name alone tells of it where its record can not be read: enough to stop and remove it.

        Raise FwrError (NOT_FOUND) if there is none.
        """
        try:
            return self.get(name)
        except FwrError as error:
            if error.code is not ExitCode.FAILED:
                raise
            return Node(name=name, role="server", node_id="", citizen="", http_port=0)  # a server's networks are handled with more care

    def all(self, *, are_unreadable_passed_over: bool = False) -> list[Node]:
        """Return every node, by name, but for those of drills. Raise FwrError (FAILED) if a record can not be read, unless those are passed over."""
        return [node for node in self._all(are_unreadable_passed_over) if not node.is_drill]

    def drills(self) -> list[Node]:
        """Return what drills have made and not removed yet, by name."""
        return [node for node in self._all() if node.is_drill]

    def _all(self, are_unreadable_passed_over: bool = False) -> list[Node]:
        if not self.home.nodes.is_dir():
            return []
        found = []
        for path in sorted(self.home.nodes.iterdir()):
            try:
                found.append(self.find(path.name))
            except FwrError:
                if not are_unreadable_passed_over:
                    raise
        return [node for node in found if node is not None]

    def save(self, node: Node) -> Node:
        """Given a node, write its record (atomically, readable by its owner only) and return it."""
        directory = self.directory(node.name)
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _replace(directory / "node.json", json.dumps(node.to_json(), indent=2) + "\n")
        return node

    def finish(self, name: str) -> None:
        """Given a node's name, record that the command which makes it has come to its end."""
        node = self.find(name)
        if node is not None and node.begun:
            self.save(dataclasses.replace(node, begun=""))

    def save_compose(self, node: Node, text: str) -> Path:
        """Given a node and its rendered compose file, write the file and return its path."""
        path = self.directory(node.name) / "compose.yaml"
        _replace(path, text)
        return path

    def remove(self, name: str) -> None:
        """Given a node's name, remove its directory."""
        shutil.rmtree(self.directory(name), ignore_errors=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the home's lock: names and ports are chosen by one process at a time."""
        self.home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self.home.path / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def drilling(self) -> Iterator[None]:
        """Be the one drill of the home. Raise FwrError (TAKEN) if another goes on."""
        self.home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self.home.path / "drill.lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise FwrError(ExitCode.TAKEN, "Another drill goes on on this machine.", "Wait until it has ended.") from error
            yield


def _replace(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
