"""A machine without Docker: homes, records and ports are real, while the engine, Compose and the agents behave as the real ones do, in memory."""

from __future__ import annotations

import dataclasses
import io
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from fwrkit.core import backups, invites, moves
from fwrkit.core.backups import Checked, Header, Made
from fwrkit.core.commands import Command, Completed
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.history import BlamedLine, Difference, LogEntry, PathChange, Shown, Snapshot, Tidied
from fwrkit.core.invites import Invite
from fwrkit.core.moves import Declaration, Move
from fwrkit.core.records import CitizenRecord, Conflict, Connection, Finding, KeptRefusal, NodeStatus, PeerRecord
from fwrkit.host.adapters import labels
from fwrkit.host.adapters.agent import Agent, LogFilter
from fwrkit.host.adapters.archivist import Archivist
from fwrkit.host.adapters.compose import Project
from fwrkit.host.adapters.engine import Container, Engine
from fwrkit.host.adapters.home import Home
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node

AUTHORITY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmO4OBCBlvfyeakTKDu3xqOh9bPj4JsYgLa8YWiu7VH"
PATCH = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-one\n+two\n"
VERSIONS = [
    LogEntry(
        "b" * 40,
        1_795_168_805,
        "bob",
        "2 changes: a, www/x\nmore words",
        2,
        [PathChange("a", "changed", 4), PathChange("www/x", "deleted", 0)],
    ),
    LogEntry("a" * 40, 1_795_132_800, "alice", "edit a", 1, [PathChange("a\n\x1b[1m", "added", 4)]),
]


FOUNDED = {
    "id": "f" * 16, "template": "static", "origin_id": "w" * 16, "origin_name": "commons", "version": "a" * 40, "versions": 12, "files": 3,
    "bytes": 2_000_000, "snapshots": 1, "absent": 0, "lost": 0, "is_still": True, "citizens": ["bob", "carol"],
}  # fmt: skip


@dataclass
class SimulatedDocker:
    """What an engine remembers: containers and volumes by project, networks, and logs by container."""

    containers_of: dict[str, dict[str, Container]] = field(default_factory=dict)
    volumes_of: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    networks: set[str] = field(default_factory=set)
    logs: dict[str, list[str]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)  # volumes of no project
    founded: list[tuple[str, list[str], dict[str, str]]] = field(
        default_factory=list
    )  # which worlds were made from copies: node, words, mounts
    given: list[bytes | None] = field(default_factory=list)  # to each of these programs
    founding: FwrError | None = None  # what the agent says to that
    lacks_images: bool = False
    fails_to_start: bool = False
    crashes: bool = False
    breaks_compose: bool = False  # a file in the node's directory with a mistake: Compose does nothing any more

    def version(self) -> str:
        return "27"

    def has_image(self, tag: str) -> bool:
        return not self.lacks_images

    def containers(self, project: str) -> list[Container]:
        return list(self.containers_of.get(project, {}).values())

    def remove_containers(self, project: str) -> None:
        self.containers_of.pop(project, None)

    def remove_networks(self, project: str) -> None:
        self.networks -= {f"{project}_uplink", f"{project}_site"}

    def volumes(self, project: str) -> dict[str, dict[str, str]]:
        return dict(self.volumes_of.get(project, {}))

    def has_volume(self, name: str) -> bool:
        return name in self.others or any(name in volumes for volumes in self.volumes_of.values())

    def make_volume(self, name: str) -> None:
        self.others.add(name)

    def remove_volume(self, name: str) -> None:
        self.others.discard(name)
        for volumes in self.volumes_of.values():
            volumes.pop(name, None)

    def ensure_network(self, name: str, project: str, key: str) -> None:
        self.networks.add(name)

    def last_lines(self, container: str, count: int) -> list[str]:
        return self.logs.get(container, [])[-count:]


@dataclass
class SimulatedProject:
    """One compose project on a :class:`SimulatedDocker`; ``node`` is what was rendered."""

    name: str
    directory: Path
    docker: SimulatedDocker
    node: Node

    def up(self) -> None:
        assert (self.directory / "compose.yaml").is_file(), "rendered before it is started"
        marks = {labels.NODE_ID: self.node.node_id}
        known = self.docker.volumes_of.setdefault(self.name, {})
        for key in ("world", "state", "keys"):
            known.setdefault(f"{self.name}_{key}", marks)
        if self.docker.fails_to_start:
            raise FwrError(ExitCode.FAILED, "Docker Compose failed: no.", "")
        self.docker.networks |= {f"{self.name}_uplink", f"{self.name}_site"}
        state, restarts = ("restarting", 5) if self.docker.crashes else ("running", 0)
        self.docker.containers_of[self.name] = {
            service: Container(f"{self.name}-{service}", service, state, "", 0, restarts) for service in ("sync", "web")
        }

    recreate = up

    def run_once(
        self, words: Sequence[str], mounts: Mapping[str, str], told: Callable[[str], None], stdin: bytes | None = None
    ) -> Completed:
        assert (self.directory / "compose.yaml").is_file(), "rendered before it is started"
        assert self.name not in self.docker.containers_of, "before its agent runs"
        self.docker.volumes_of.setdefault(self.name, {f"{self.name}_{key}": {} for key in ("world", "state", "keys")})
        self.docker.founded.append((self.node.name, list(words), dict(mounts)))
        self.docker.given.append(stdin)
        told("Copying the world")
        answer = (
            self.docker.founding.to_json()
            if self.docker.founding
            else {**FOUNDED, "name": "commons" if "keys" in self.node.origin else self.node.world_name}
        )
        return Completed(Command(words), 0 if self.docker.founding is None else 1, json.dumps(answer).encode(), b"")

    def down(self) -> None:
        self._check()
        self.docker.containers_of.pop(self.name, None)
        self.docker.networks -= {f"{self.name}_uplink", f"{self.name}_site"}

    def remove_containers(self) -> None:
        self._check()
        self.docker.containers_of.pop(self.name, None)

    def _check(self) -> None:
        if self.docker.breaks_compose:
            raise FwrError(ExitCode.FAILED, "Docker Compose failed: yaml: line 1: did not find expected node content.", "Run it by hand.")


@dataclass
class SimulatedRepublic:
    """What the agents know together: who used which invite, who has joined which server. ``starting`` are answers before one is ready."""

    used: dict[str, str] = field(default_factory=dict)
    joined: dict[str, str] = field(default_factory=dict)
    starting: int = 0
    missing: list[str] = field(default_factory=list)
    is_reachable: bool = True
    held: dict[str, tuple[int, int]] = field(default_factory=dict)
    conflicts: dict[str, list[Conflict]] = field(default_factory=dict)
    decided: list[tuple[str, str, str]] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)  # through which node, what, with which arguments
    answers: dict[str, dict[str, Any] | FwrError] = field(default_factory=dict)  # what the server says to these verbs
    roll: list[CitizenRecord] = field(default_factory=list)
    policy: str = "# a policy\n"
    drilled: list[Finding] | BaseException = field(default_factory=lambda: [Finding("files", True, "All are there.")])
    refused: list[KeptRefusal] = field(default_factory=list)
    peers: list[PeerRecord] = field(default_factory=list)
    following: str = ""
    declared: dict[str, Declaration] = field(default_factory=dict)  # by server
    filters: dict[str, list[str]] = field(default_factory=lambda: {"muted": [], "ignored": []})
    audit: dict[str, Any] = field(default_factory=dict)
    log: list[LogEntry] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    snapshots: list[Snapshot] = field(default_factory=list)
    looked_up: list[tuple[str, object]] = field(default_factory=list)  # in which node's history, what


@dataclass
class SimulatedAgent:
    """The agent of one node."""

    machine: SimulatedMachine
    node: str

    def _record(self) -> Node:
        if not self.machine.is_running(self.machine.nodes.get(self.node)):
            raise FwrError(ExitCode.FAILED, "The agent gave no answer.", "")
        return self.machine.nodes.get(self.node)

    def status(self) -> NodeStatus:
        node, republic = self._record(), self.machine.republic
        state = "in sync" if node.role == "server" or self.node in republic.joined else "starting"
        if node.role == "server" and republic.starting:
            republic.starting -= 1
            state = "starting"
        here = [Connection(name, True, 0, self._held(name)) for name, server in republic.joined.items() if server == self.node]
        return NodeStatus(
            node=self.node, role=node.role, citizen=node.citizen, world=node.world_name, world_id="w1", state=state, since=1.0,
            written=2.0, version="0.1.0", connections=here,
        )  # fmt: skip

    def _held(self, name: str) -> str:
        held = self.machine.republic.held.get(name)
        return f"deletes {held[0]} of {held[1]} files" if held is not None else ""

    def ask_briefly(self, what: str) -> dict[str, Any]:
        return self.ask(what)

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        self._record()
        republic = self.machine.republic
        given = {name: value for name, value in arguments.items() if value is not None}
        republic.asked.append((self.node, what, given))
        if what in republic.answers:
            answer = republic.answers[what]
            if isinstance(answer, FwrError):
                raise answer
            return answer
        if what == "decide":
            return self._decide(given["ruling"], given["name"])
        if what == "snapshot":
            return self._snapshot(**given)
        if what == "invite":
            return self._invite(**given)
        if what == "serve":
            return self._serve(**given)
        if what == "serve-stop":
            before, republic.peers = republic.peers, [each for each in republic.peers if each.name != given["name"]]
            if before == republic.peers:
                raise FwrError(ExitCode.NOT_FOUND, f"No node serves as '{given['name']}'.", "See which do: fwrkit peers")
            return {"name": given["name"]}
        if what == "move":
            told = republic.declared.get(self.node)
            return {
                "line": Move(given["host"], given["port"], "w1", "commons", AUTHORITY, told).encode(),
                "authority": "SHA256:x",
                "is_declared": bool(told),
            }
        if what == "authority":
            return {"key": AUTHORITY, "fingerprint": "SHA256:x", "trusted": [AUTHORITY]}
        if what == "declared":
            republic.declared[self.node] = Declaration(**given)
            return {"authority": "SHA256:x"}
        raise FwrError(ExitCode.USAGE, f"The server does not know the verb '{what}'.", "")

    def _serve(self, name: str, host: str, port: int, server_host: str, server_port: int) -> dict[str, Any]:
        republic, record = self.machine.republic, self._record()
        known = {each.name: each for each in republic.peers}
        republic.peers = list({**known, name: PeerRecord(name, host, port, record.citizen, 5)}.values())
        seed = f"{name}-{len(republic.asked)}".encode().ljust(32, b".")[:32]
        made = Invite(server_host, server_port, record.world_id, record.world_name, AUTHORITY, seed, name, int(time.time()) + 60, 1)
        return {"invite": made.encode()}

    def peers(self) -> dict[str, Any]:
        self._record()
        return {"peers": [each.to_json() for each in self.machine.republic.peers], "following": self.machine.republic.following}

    def _decide(self, ruling: str, citizen: str) -> dict[str, Any]:
        if citizen not in self.machine.republic.held:
            raise FwrError(ExitCode.NOT_FOUND, f"Nothing of {citizen} is held.", "")
        deleted, files = self.machine.republic.held.pop(citizen)
        self.machine.republic.decided.append((self.node, citizen, ruling))
        return {"citizen": citizen, "ruling": ruling, "deleted": deleted, "files": files}

    def _invite(
        self, name: str, host: str = "gate.example.org", port: int = 22, expires: int | None = None, uses: int = 1
    ) -> dict[str, Any]:
        until = int(time.time()) + (expires if expires is not None else 86400)
        seed = f"{self.node}-{name}-{len(self.machine.republic.used)}".encode().ljust(32, b".")[:32]
        made = Invite(host, port, f"id-{self.node}", self._record().world_name, AUTHORITY, seed, name, until, uses)
        return {"invite": made.encode(), "citizen": name, "expires": until, "uses": uses}

    def roll(self) -> list[CitizenRecord]:
        self._record()
        return list(self.machine.republic.roll)

    def audit(self) -> dict[str, Any]:
        self._record()
        return dict(self.machine.republic.audit)

    def policy(self) -> dict[str, Any]:
        self._record()
        return {"text": self.machine.republic.policy, "fault": ""}

    def policy_test(self, path: str, citizen: str, operation: str, size: int | None) -> dict[str, Any]:
        self._record()
        return {
            "path": path, "citizen": citizen, "role": "citizen", "operation": operation or "add", "action": "refuse", "rule": "r", "reason": "No.",
            "line": 3, "explanation": f"refused: {size}",
        }  # fmt: skip

    def policy_change(self, **change: Any) -> dict[str, Any]:
        self._record()
        given = {name: value for name, value in change.items() if value is not None}
        self.machine.republic.asked.append((self.node, "policy-change", given))
        answer = self.machine.republic.answers.get("policy-change", {"rules": 2})
        if isinstance(answer, FwrError):
            raise answer
        return answer

    def filters(self) -> dict[str, list[str]]:
        self._record()
        return self.machine.republic.filters

    def change_filter(self, kind: str, word: str, is_on: bool) -> dict[str, list[str]]:
        words = self.filters()[kind]
        if is_on:
            words.append(word)
        else:
            words.remove(word)
        return self.filters()

    def refused(self) -> list[KeptRefusal]:
        self._record()
        return list(self.machine.republic.refused)

    def refused_content(self, number: int, write: Callable[[bytes], object]) -> None:
        self._record()
        if number not in {each.number for each in self.machine.republic.refused}:
            raise FwrError(ExitCode.NOT_FOUND, f"Nothing is kept under the number {number}.", "")
        write(b"refused\x00content")

    def request(self, host: str, port: int, citizen: str) -> dict[str, Any]:
        self._record()
        answer = self.machine.republic.answers.get(
            "request", FwrError(ExitCode.REFUSED, "This world takes no requests.", "Ask for an invite.")
        )
        self.machine.republic.asked.append((self.node, "request", {"host": host, "port": port, "citizen": citizen}))
        if isinstance(answer, FwrError):
            raise answer
        return answer

    def follow(self, line: str, *, is_accepted: bool) -> dict[str, Any]:
        self._record()
        republic, move = self.machine.republic, moves.decode(line)
        republic.asked.append((self.node, "follow", {"host": move.host, "accepted": is_accepted}))
        answer = republic.answers.get("follow")
        if isinstance(answer, FwrError):
            raise answer
        if move.declaration is not None and not is_accepted:
            raise FwrError(ExitCode.HELD, "alice declared a new authority.", "Accept it: --accept")
        return {"host": move.host, "port": move.port, "world_name": move.world_name, "authority": "SHA256:x"}

    def declare(self, authority: str) -> dict[str, Any]:
        return {"world_id": "w1", "authority": authority, "number": 5, "by": self._record().citizen, "signature": "s"}

    def standing(self) -> dict[str, Any]:
        self._record()
        answer = self.machine.republic.answers.get(
            "standing", {"is_connected": False, "missing": 0, "authority": "SHA256:old", "trusted": [AUTHORITY]}
        )
        if isinstance(answer, FwrError):
            raise answer
        return answer

    def change_key(self) -> str:
        self._record()
        return "SHA256:new"

    def enrol(self, invite: str, citizen: str = "") -> dict[str, Any]:
        node, republic, what = self._record(), self.machine.republic, invites.decode(invite)
        if not republic.is_reachable:
            raise FwrError(ExitCode.UNREACHABLE, "The server is out of reach.", "Look at the network.")
        if republic.used.setdefault(invite, node.node_id) != node.node_id:
            raise FwrError(ExitCode.TAKEN, "This invite was used already, on another machine.", "")
        republic.joined[self.node] = what.world_id.removeprefix("id-")
        return {"citizen": citizen if what.uses > 1 else what.citizen, "world": what.world_id, "world_name": what.world_name}

    def public_key(self) -> str:
        return AUTHORITY

    def sync(self, timeout: float) -> dict[str, Any]:
        missing = self.machine.republic.missing
        return {"in_sync": not missing, "missing": missing}

    def conflicts(self) -> list[Conflict]:
        self._record()
        return list(self.machine.republic.conflicts.get(self.node, []))

    def resolve(self, path: str, keep: str) -> str:
        found = [item for item in self.conflicts() if path in (item.path, item.copy)]
        if not found:
            raise FwrError(ExitCode.NOT_FOUND, f"There is no conflict at {path}.", "")
        self.machine.republic.decided.append((self.node, path, keep))
        for node, conflicts in self.machine.republic.conflicts.items():
            self.machine.republic.conflicts[node] = [item for item in conflicts if item != found[0]]
        return found[0].path

    def log(self, wanted: LogFilter) -> list[LogEntry]:
        self._record()
        self.machine.republic.looked_up.append((self.node, wanted))
        return self.machine.republic.log[: wanted.limit]

    def _version(self, text: str) -> LogEntry:
        self._record()
        found = [entry for entry in self.machine.republic.log if entry.version.startswith(text)]
        if not found:
            raise FwrError(ExitCode.NOT_FOUND, f"There is no version {text!r}.", "See: fwrkit log")
        return found[0]

    def show(self, version: str) -> Shown:
        return Shown(self._version(version), PATCH, is_cut=True)

    def diff(self, before: str, after: str, path: str) -> Difference:
        self.machine.republic.looked_up.append((self.node, (before, after, path)))
        first, second = self._version(before), self._version(after)
        return Difference(first.version, second.version, second.changes, PATCH, is_cut=False)

    def blame(self, target: str) -> list[BlamedLine]:
        entry = self._version("")
        return [BlamedLine(1, entry.version, entry.author, entry.time, "a line\x1b[31m")]

    def cat(self, target: str, write: Callable[[bytes], object]) -> None:
        self._record()
        if target not in self.machine.republic.contents:
            raise FwrError(ExitCode.NOT_FOUND, f"There is no {target!r}.", "See: fwrkit log")
        write(self.machine.republic.contents[target])

    def _snapshot(self, name: str, at: str) -> dict[str, Any]:
        made = Snapshot(name, self._version(at).version, 1_795_132_800, self._record().citizen, is_verified=True)
        if name in [each.name for each in self.machine.republic.snapshots]:
            raise FwrError(ExitCode.TAKEN, f"There is a snapshot '{name}' already.", "Choose another name.")
        self.machine.republic.snapshots.append(made)
        return made.to_json()

    def snapshots(self) -> list[Snapshot]:
        self._record()
        return list(self.machine.republic.snapshots)

    def freshen(self, patience: float) -> bool:
        self._record()
        self.machine.republic.looked_up.append((self.node, "freshened"))
        return True

    def tidy(self) -> Tidied:
        self._record()
        return Tidied(3 * 1024 * 1024, 10 * 1024, 2, 2048)

    def doctor(self) -> list[Finding]:
        return [Finding("leases", True, "Leases work.")]

    def drill(self, since: str, operator: str, trusted: Sequence[str]) -> list[Finding]:
        self._record()
        answer = self.machine.republic.drilled
        self.machine.republic.looked_up.append((self.node, (since, operator, list(trusted))))
        if isinstance(answer, BaseException):
            raise answer
        return answer


@dataclass
class SimulatedArchivist:
    """Who makes backups of a node (or examines one, of nobody): a frame, and the node's name behind it. ``fails`` are told once each."""

    machine: SimulatedMachine
    node: str
    is_alone: bool

    def backup(
        self, header: Header, lock: dict[str, Any] | None, write: Callable[[bytes], object], *, is_compressed: bool, is_alone: bool
    ) -> Made:
        assert is_alone == self.is_alone
        self.machine.backed_up.append((self.node, lock, is_compressed, is_alone))
        write(backups.frame(header.encode()))
        if self.machine.fails:
            raise self.machine.fails.pop(0)
        write(b"content of " + self.node.encode())
        return Made(3, 1500, 1, 1, ["world/link: no regular file"], [])

    def check(self, lock: dict[str, Any] | None, pieces: Iterable[bytes]) -> Checked:
        content = b"".join(pieces)
        header = backups.read_header(io.BytesIO(content))
        if b"content of" not in content:
            raise FwrError(ExitCode.FAILED, "This backup is damaged: it ends too early.", "Nothing was touched. Take another one.")
        if lock is not None and lock.get("passphrase") == "not this one":
            raise FwrError(ExitCode.REFUSED, "The keys in the backup can not be opened.", "Leave them out.")
        return Checked(header, 3, 1500, [])

    def authority(self, trusted: Sequence[str], world: str, *, shares: Sequence[str]) -> bytes:
        self.machine.brought.append((list(trusted), world, list(shares)))
        if self.machine.fails:
            raise self.machine.fails.pop(0)
        return b"a key from shares"

    def authority_in(self, lock: dict[str, Any], trusted: Sequence[str], world: str, pieces: Iterable[bytes]) -> bytes:
        self.check(lock, pieces)
        self.machine.brought.append((list(trusted), world, lock))
        return b"a key from a backup"

    def restore(self, lock: dict[str, Any] | None, voids: Sequence[int], pieces: Iterable[bytes]) -> None:
        project = self.machine.home.project(self.node)
        assert (self.machine.nodes.directory(self.node) / "compose.yaml").is_file()
        known = self.machine.docker.volumes_of.setdefault(project, {})
        known.update({f"{project}_{key}": {labels.NODE_ID: "restored"} for key in ("world", "state", "keys")})
        if self.machine.fails:
            raise self.machine.fails.pop(0)
        self.machine.restored.append((self.node, lock, b"".join(pieces)))


class SimulatedMachine(Machine):
    """A machine whose Docker and agents are simulated; ``said`` is the progress that verbs reported."""

    def __init__(self, path: Path) -> None:
        self.said: list[str] = []
        super().__init__(Home(path), self.said.append)
        self.docker = SimulatedDocker()
        self.republic = SimulatedRepublic()
        self.backed_up: list[tuple[str, dict[str, Any] | None, bool, bool]] = []
        self.restored: list[tuple[str, dict[str, Any] | None, bytes]] = []
        self.brought: list[
            tuple[list[str], str, object]
        ] = []  # to whom an authority was given: who is trusted, which world, shares or lock
        self.looked_at: list[tuple[str, int, int]] = []  # where a world was to be
        self.bad_ground: FwrError | None = None
        self.pages_asked, self.pages_late = 0, 0  # how often somebody has looked for pages, and how often in vain
        self.fails: list[BaseException] = []  # what making or filling in a backup ends with, the next times

    def archivist(self, node: Node, *, is_running: bool, is_root: bool = False) -> Archivist:
        return cast(Archivist, SimulatedArchivist(self, node.name, not is_running))

    def examiner(self, image: str) -> Archivist:
        return cast(Archivist, SimulatedArchivist(self, "", True))

    @property
    def engine(self) -> Engine:
        return cast(Engine, self.docker)

    def project(self, node: Node) -> Project:
        name = self.home.project(node.name)
        return cast(Project, SimulatedProject(name, self.nodes.directory(node.name), self.docker, node))

    def look_at_ground(self, image: str, directory: str, uid: int, gid: int) -> None:
        self.looked_at.append((directory, uid, gid))
        if self.bad_ground is not None:
            raise self.bad_ground

    def is_page_served(self, node: Node) -> bool:
        self.pages_asked += 1
        return self.pages_asked > self.pages_late

    def agent(self, node: Node) -> Agent:
        return cast(Agent, SimulatedAgent(self, node.name))

    def crash(self, name: str, *lines: str) -> None:
        """Have a node's agent end again and again, with these words in its log."""
        self.docker.logs[self.home.container(name, "sync")] = list(lines)
        self.docker.crashes = True

    def services(self, name: str) -> set[str]:
        """Return which services of a node run."""
        return {each.service for each in self.docker.containers(self.home.project(name)) if each.is_running}

    def change(self, name: str, **fields: Any) -> Node:
        """Change a node's record behind everybody's back."""
        return self.nodes.save(dataclasses.replace(self.nodes.get(name), **fields))
