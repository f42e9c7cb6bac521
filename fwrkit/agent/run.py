"""The agent itself: what the container starts, and how its parts are put together."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fwrkit import __version__
from fwrkit.agent import audit_memory, doctor, following, paths, public_records
from fwrkit.agent.backups.restoring import check_finished
from fwrkit.agent.citizen import conflicts, refusals
from fwrkit.agent.citizen.asker import ANSWER_TIMEOUT, Asker
from fwrkit.agent.citizen.engine import Engine
from fwrkit.agent.citizen.fetching import Fetcher, confinement, through_ssh
from fwrkit.agent.citizen.link import Link, over_socket_of, over_ssh
from fwrkit.agent.citizen.offering import Offering
from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.relay import Relay
from fwrkit.agent.citizen.ssh import Upstream, read_upstream
from fwrkit.agent.citizen.upstreams import Order, Upstreams
from fwrkit.agent.citizen.view import View
from fwrkit.agent.citizen.watch import Watch
from fwrkit.agent.clock import ClockWatch
from fwrkit.agent.control import serve_control
from fwrkit.agent.credentials import Credentials
from fwrkit.agent.files import database
from fwrkit.agent.files.linux import ignore_lease_breaks
from fwrkit.agent.joining import account_for_ssh
from fwrkit.agent.policy_verbs import PolicyVerbs
from fwrkit.agent.relaying import Relaying
from fwrkit.agent.repository import Repository
from fwrkit.agent.server.server import Server
from fwrkit.agent.settings import Node, Places
from fwrkit.agent.snapshots import known_authorities
from fwrkit.agent.status import StatusWriter
from fwrkit.agent.ticker import Ticker
from fwrkit.core import moves
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import Conflict, Finding, KeptRefusal, NodeStatus, PathNote, Refusal

log = logging.getLogger("fwrkit.agent")

HISTORY = "history.git"  # in the state directory
RECORD = "record.sqlite"  # in the state directory
_OFFERED = "offered.pack"  # in the state directory, while a server that is behind is brought something
_WATCH_CHECK = 10.0  # seconds between two looks whether the observer still lives
_BLIND_WALK = 5.0  # seconds between two walks where nothing can be watched
_FOLLOW_EVERY = 10.0  # seconds between two tries to go where the server is said to be
_SHOWN = 200  # refused paths that a status lists at most


class Agent:
    """One node's agent."""

    def __init__(self, node: Node, places: Places) -> None:
        self._node = node
        self._places = places
        self._stop = threading.Event()
        prepare_places(node, places)
        self._server = Server(node, places) if node.role == "server" else None
        self._relaying = Relaying(node, places, self._server) if self._server is not None and self._server.is_peer else None
        if self._server is None:
            account_for_ssh(places.state / "extrausers", os.geteuid(), os.getegid())
        self._weaknesses = doctor.weaknesses()
        self._repaired = repair_record(places.state / RECORD)
        record = Record(places.state / RECORD)
        relay = Relay(self._relaying.passed_down) if self._relaying is not None else None
        self._engine = Engine(node.node_id, node.citizen, places.world, places.private, record, node.owner, node.settings, relay=relay)
        if self._server is None:
            self._engine.offering = Offering(places.state / HISTORY, places.state / _OFFERED)
        elif self._server.catching_up is not None:
            self._server.catching_up.on_taken = self._stop.set  # what is newer is taken over by a new start
        self._watch = Watch(os.fsencode(places.world), self._hint)
        self._asker = Asker(places.keys, places.run)
        self._upstreams: Upstreams | None = None
        if self._server is None:
            self._upstreams = Upstreams(places.keys, self._order, node.settings.server_patience, self._asker.is_answered)
            dial = over_ssh(places.keys, places.run, places.state / "unison", self._upstreams.choose)
            self._link = Link(self._engine, dial, self._upstreams.ended, 3 * node.settings.server_patience)
        else:
            self._link = Link(self._engine, over_socket_of(places.stream, *self._server.landing()))
        self._fetcher = self._make_fetcher() if self._server is None else None
        self._clock = ClockWatch()
        self._policy = PolicyVerbs(places.world, self._ask)
        self._credentials: Credentials | None = None
        if self._server is None:
            engine = self._engine
            connected, wanted = (lambda: engine.view.is_connected and not self._peer()), (lambda: engine.renewals_wanted)
            self._credentials = Credentials(places.keys, node.node_id, self._asker.ask, connected, wanted)
        self._ticker = Ticker(self._tend, name="tending")
        self._returning = Ticker(self._return, 1.0, name="returning")
        self._follow_at = 0.0
        self._is_watching = False
        self._status = StatusWriter(self.status, places.run / "status.json", places.volume / "status.json")

    def _hint(self, paths: Iterable[bytes] | None) -> None:
        self._engine.hint(paths)
        if self._relaying is not None:
            self._relaying.engine.hint(paths)

    def _order(self) -> Order:
        return following.order_of(self._places.state / HISTORY)

    def _peer(self) -> str:
        """Return the name of the peer that is followed, empty if it is the world's server."""
        upstreams = self._relaying.upstreams if self._relaying is not None else self._upstreams
        return upstreams.peer if upstreams is not None else ""

    def _return(self) -> None:
        if self._upstreams is not None and self._upstreams.is_time_to_return(self._engine.view.is_server_back):
            self._link.hang_up("the server is back")

    def _tend(self) -> None:
        if self._credentials is not None:
            self._credentials.tend()
        if self._credentials is not None or self._relaying is not None:
            self._follow_by_itself()

    def _follow_by_itself(self) -> None:
        """Where the upstream says that the world's server is elsewhere, go there: who answers has to be of the same authority."""
        view = self._engine.view if self._relaying is None else self._relaying.engine.view
        refusal = view.refusal if not self._peer() else None
        if refusal is None or not moves.is_move(refusal.hint) or time.monotonic() < self._follow_at:
            return
        self._follow_at = time.monotonic() + _FOLLOW_EVERY
        try:
            there = self._follow({"line": refusal.hint, "accept": False})
        except FwrError as error:
            log.warning("the server is elsewhere, and not to be followed: %s", error.message)
        else:
            log.info("the server is at %s:%s now", there["host"], there["port"])

    def _make_fetcher(self) -> Fetcher:
        path, run, keys = self._places.state / HISTORY, self._places.run, self._places.keys
        source = through_ssh(run / "ssh_config")
        # a peer's history is its own: this copy is of the server's
        return Fetcher(
            path, source, lambda: View() if self._peer() else self._engine.view, lambda: known_authorities(keys), confinement(path, run)
        )

    def run(self) -> int:
        """Work until SIGTERM or SIGINT, or until only a new start helps. Return the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        if self._server is not None:
            self._server.start()
        self._is_watching = self._watch.start()
        self._engine.start()
        self._link.start()
        self._returning.start()
        if self._relaying is not None:
            self._relaying.start()
        if self._fetcher is not None:
            self._fetcher.start()
        self._status.start()
        self._ticker.start()
        listener = serve_control(self._places.control, self._verbs())
        log.info("fwrkit %s runs as %s node %s", __version__, self._node.role, self._node.name)
        while not self._stop.wait(_WATCH_CHECK if self._is_watching else _BLIND_WALK) and not self._is_broken:
            if self._is_watching and self._watch.is_well:
                continue
            self._watch.stop()
            self._is_watching = self._watch.start()
            self._hint(None)
        log.info("stopping")
        listener.close()
        self._ticker.stop()
        self._returning.stop()
        self._status.stop()
        if self._relaying is not None:
            self._relaying.stop()
        if self._fetcher is not None:
            self._fetcher.stop()
        self._link.stop()
        self._watch.stop()
        self._engine.stop()
        if self._server is not None:
            self._server.stop()
        return int(ExitCode.FAILED if self._is_broken else ExitCode.OK)

    @property
    def _is_broken(self) -> bool:
        return self._engine.is_broken or (self._relaying is not None and self._relaying.engine.is_broken)

    # verbs

    def _verbs(self) -> dict[str, Any]:
        verbs = {
            "status": lambda _: self._status.now().to_json(),
            "sync": self._sync,
            "world": lambda _: self._world(),
            "conflicts": lambda _: {"conflicts": self._conflicts()},
            "resolve": self._resolve,
            "roll": lambda _: {"citizens": [citizen.to_json() for citizen in public_records.read_roll(self._places.world)]},
            "audit": lambda _: self._audit(),
            "policy": lambda _: self._policy.show(),
            "policy-test": self._policy.test,
            "policy-change": self._policy.change,
            "filters": lambda _: dataclasses.asdict(self._engine.filters()),
            "filter": self._filter,
            "refused": lambda _: {"refused": self._refused()},
            "ask": lambda given: self._ask(str(given["what"]), dict(given["arguments"]), float(given["within"])),
            "doctor": lambda _: {"findings": [finding.to_json() for finding in self._doctor()]},
        }
        verbs["peers"] = lambda _: {"peers": [peer.to_json() for peer in self._order().peers], "following": self._peer()}
        if self._relaying is not None:
            verbs["follow"] = self._follow
        if self._credentials is not None:
            credentials = self._credentials
            verbs["change-key"] = lambda _: credentials.change_key()
            verbs["follow"] = self._follow
            verbs["declare"] = lambda given: asdict(
                following.declare(self._places.keys, self._places.state / HISTORY, str(given["authority"]), int(time.time()))
            )
            verbs["standing"] = lambda _: self._standing()
        server = self._server
        if server is not None:
            verbs["freshen"] = server.freshen
            verbs["tidy"] = lambda _: server.tidy()
            verbs["hold"] = server.hold
        if self._fetcher is not None:
            fetcher, kept = self._fetcher, self._node.settings.large_retention
            verbs["freshen"] = lambda given: {"fresh": fetcher.freshen(float(given["patience"]))}
            verbs["tidy"] = lambda _: fetcher.tidy(kept).to_json()
        return verbs

    def _follow(self, arguments: dict[str, Any]) -> dict[str, Any]:
        move = moves.decode(str(arguments["line"]))
        answer = following.follow(self._places.keys, self._places.state / HISTORY, move, arguments["accept"] is True)
        (self._link if self._relaying is None else self._relaying).hang_up("the server is elsewhere")
        return answer

    def _standing(self) -> dict[str, Any]:
        repository = Repository(self._places.state / HISTORY)
        number = repository.number() if repository.exists else 0
        return following.standing(
            self._places.keys, self._places.state / HISTORY, self._engine.last_position(), number, self._engine.view.is_connected
        )

    def _audit(self) -> dict[str, Any]:
        """Return the audit log of this copy of the world; what this node has seen of it before has to be there still."""
        chain = public_records.read_audit(self._places.world)
        seen = self._places.state / "audit.seen"
        fault = chain.fault or audit_memory.compare(chain, seen)
        if not fault:
            audit_memory.remember(chain, seen)
        entries = [dataclasses.asdict(entry) for entry in chain.entries]
        return {"entries": entries, "head": chain.head, "fault": fault}

    def _filter(self, arguments: dict[str, Any]) -> dict[str, Any]:
        kind, word, is_on = str(arguments["kind"]), str(arguments["word"]), arguments["on"] is True
        if kind not in ("muted", "ignored"):
            raise ValueError(kind)
        if kind == "muted" and is_on:
            if word == self.status().citizen:
                raise FwrError(ExitCode.USAGE, "Nobody mutes themselves.", "Mute somebody else.")
            if all(citizen.name != word for citizen in public_records.read_roll(self._places.world)):
                raise FwrError(ExitCode.NOT_FOUND, f"There is no citizen '{word}'.", "See who there is: fwrkit citizens")
        return dataclasses.asdict(self._engine.change_filters(kind, word, is_on))

    def _refused(self) -> list[dict[str, Any]]:
        """Return what the policy has refused of this node's edits, the oldest first (see ``core.records.KeptRefusal``)."""
        held = set(self._engine.held)
        return [
            KeptRefusal(
                each.number, paths.shown(each.path), each.kind, each.size, each.since, each.reason, each.has_content, each.path in held
            ).to_json()
            for each in refusals.read(self._places.private / refusals.DIRECTORY)
        ]

    def _ask(self, verb: str, arguments: dict[str, Any], within: float = ANSWER_TIMEOUT) -> dict[str, Any]:
        """Ask the server: the one in this process, or the upstream, which has to answer within so many seconds."""
        if self._server is not None:
            return self._server.offices.ask(verb, arguments)
        return self._asker.ask(verb, arguments, within)

    def _doctor(self) -> list[Finding]:
        view = self._engine.view
        return doctor.examine(self._node, self._places, self._server, self._alerts(view), view.refusal)

    def _alerts(self, view: View) -> list[str]:
        """Return sentences about what went wrong or was healed, for people."""
        found = [*self._weaknesses, *([self._repaired] if self._repaired else [])]
        if not self._is_watching:
            found.append(
                "The kernel gives no watches for this world: changes are found by walking, every few seconds (fs.inotify.max_user_watches)."
            )
        found += [*self._clock.alerts(view.behind_server), *view.alerts, *([self._link.trouble] if self._link.trouble else [])]
        found += self._fetcher.alerts if self._fetcher is not None else []
        found += self._relaying.alerts() if self._relaying is not None else []
        return found + (self._server.alerts() if self._server is not None else [])

    def _sync(self, arguments: dict[str, Any]) -> dict[str, Any]:
        missing = self._engine.synchronise(float(arguments["timeout"]))
        refusal = self._engine.view.refusal
        if missing is not None and refusal is not None:
            raise FwrError(ExitCode.HELD if refusal.code == "HELD" else ExitCode.REFUSED, refusal.message, refusal.hint)
        first = list((missing or {}).items())[:_SHOWN]
        return {
            "in_sync": missing is None,
            "missing": [paths.shown(path) for path, _ in first],
            "reasons": {paths.shown(path): reason for path, reason in first if reason},
        }

    def _conflicts(self) -> list[dict[str, Any]]:
        shown, made = paths.shown, conflicts.made_by_programs(self._places.world, self._places.templates)
        found = (item for item in self._engine.conflicts() if not made.matches(item.copy))
        return [Conflict(shown(item.path), shown(item.copy), item.author, item.other).to_json() for item in found]

    def _resolve(self, arguments: dict[str, Any]) -> dict[str, Any]:
        kept = self._engine.resolve(os.fsencode(str(arguments["path"])), str(arguments["keep"]))
        return {"kept": paths.shown(kept)}

    def _world(self) -> dict[str, Any]:
        if self._server is not None:
            meta = self._server.store.meta
            return {"id": meta("world_id"), "name": meta("world_name"), "template": meta("template")}
        view = self._engine.view
        return {"id": view.world_id, "name": view.world_name, "template": ""}

    # status

    def status(self) -> NodeStatus:
        """Return what the node says of itself, without ``since``."""
        view, upstream = self._engine.view, self._upstream()
        state, detail = self._state(view, upstream)
        return NodeStatus(
            node=self._node.name,
            role=self._node.role,
            citizen=upstream.citizen if upstream is not None else self._node.citizen,
            world=view.world_name or (upstream.world_name if upstream is not None else self._node.world_name),
            world_id=view.world_id or (upstream.world_id if upstream is not None else ""),
            state=state,
            since=0.0,
            written=0.0,
            pending=len(view.waiting) + view.coming,
            upstream=f"{upstream.host}:{upstream.port}" if upstream is not None else "",
            detail=detail,
            version=__version__,
            refused=[Refusal(paths.shown(path), reason) for path, reason in sorted(view.refused.items())[:_SHOWN]],
            connections=self._server.offices.connections() if self._server is not None else [],
            alerts=self._alerts(view),
            reviews=view.reviews,
            waiting=_waiting(view),
            left_out=[PathNote(paths.shown(path), reason) for path, reason in sorted(view.left_out.items())[:_SHOWN]],
        )

    def _upstream(self) -> Upstream | None:
        return read_upstream(self._places.keys) if self._server is None or self._relaying is not None else None

    def _state(self, view: View, upstream: Upstream | None) -> tuple[str, str]:
        shown = self._relaying.state() if self._relaying is not None else None
        if shown is not None:
            return shown
        if view.refusal is not None:
            return ("held" if view.refusal.code == "HELD" else "offline"), f"{view.refusal.message} {view.refusal.hint}"
        if self._server is None and upstream is None:
            return "starting", "This node has not joined a world yet."
        if not view.is_connected:
            return ("offline" if self._server is None else "starting"), self._link.last_words
        if not view.is_ready or view.waiting or view.coming:
            return "waiting", ""
        return "in sync", f"The server is out of reach: {self._peer()} serves meanwhile." if self._server is None and self._peer() else ""


def _waiting(view: View) -> list[PathNote]:
    """Return the paths of an engine that wait for something, and for what; those that are only on their way are left out."""
    named = ((path, reason) for path, reason in sorted(view.waiting.items()) if reason and path not in view.refused)
    return [PathNote(paths.shown(path), reason) for path, reason in itertools.islice(named, _SHOWN)]


def repair_record(path: Path) -> str:
    """See to it that the record of a path can be opened; return what was done, empty if nothing had to be."""
    words = database.fault(path)
    if not words:
        return ""
    place = database.set_aside(path)
    return f"The node's record was damaged ({words}) and is made anew by comparing everything; the old one is {place.name}."


def prepare_places(node: Node, places: Places) -> None:
    """Make the directories that the agent needs. Raise FwrError (FAILED) where it may not write."""
    try:
        places.world.mkdir(exist_ok=True)
        places.private.mkdir(mode=0o700, exist_ok=True)
        places.private.chmod(0o700)
        places.run.mkdir(mode=0o755, exist_ok=True, parents=True)
        places.keys.chmod(0o711)
        if os.geteuid() == 0 and places.world.stat().st_uid != node.owner[0]:
            os.chown(places.world, *node.owner)
    except OSError as error:
        hint = "Look at the owner and the mode of the world's directory and of the node's volumes."
        raise FwrError(ExitCode.FAILED, f"The agent may not write where it has to ({error}).", hint) from error


def main(node: Node, places: Places) -> int:
    """Run the agent of a node. Return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(levelname).1s %(name)s: %(message)s", stream=sys.stderr)
    os.umask(0o022)
    ignore_lease_breaks()
    check_finished(places.state)
    return Agent(node, places).run()
