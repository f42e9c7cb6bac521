"""A server's parts, put together: tables, canon, history, hub, accounts, sshd and the sockets that the gate connects to."""

from __future__ import annotations

import logging
import pwd
import signal
import socket
import time
from pathlib import Path
from typing import Any

from fwrkit.agent import upkeep
from fwrkit.agent.backups.holding import hold, told
from fwrkit.agent.children import Child
from fwrkit.agent.keys import make_key
from fwrkit.agent.server import adoption, retention, tables, world
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.catching_up import MARK, CatchingUp
from fwrkit.agent.server.fold import Fold
from fwrkit.agent.server.historian import Historian
from fwrkit.agent.server.history import History
from fwrkit.agent.server.hub import Hub
from fwrkit.agent.server.landing import Landing
from fwrkit.agent.server.mending import damaged
from fwrkit.agent.server.offices import Offices
from fwrkit.agent.server.serving import serve_enrolments, serve_streams
from fwrkit.agent.server.signing import HeadSigner
from fwrkit.agent.server.snapshots import adopt_snapshots
from fwrkit.agent.server.sshd import child, configuration
from fwrkit.agent.server.store import Store
from fwrkit.agent.server.warden import Warden
from fwrkit.agent.settings import Node, Places
from fwrkit.agent.ticker import Ticker
from fwrkit.core.errors import FwrError
from fwrkit.core.names import ENROL_ACCOUNT, REQUEST_ACCOUNT

log = logging.getLogger("fwrkit.server")

_AUTHORITY_ACCOUNT = "authority"
_DOCTOR_PATIENCE = 20.0  # seconds
_TIDY_PATIENCE = 3600.0
_HOLD_PATIENCE = 600.0


class Server:
    """Everything that makes a node a server. ``with_network``: sshd and accounts too (tests of the hub do without)."""

    def __init__(self, node: Node, places: Places, with_network: bool = True) -> None:
        self._node = node
        self._places = places
        self._settings = node.settings
        state = places.state
        for name, mode in (("replicas", 0o711), ("outboxes", 0o711), ("accounts", 0o711), ("enrol", 0o755)):
            (state / name).mkdir(mode=mode, exist_ok=True)
            (state / name).chmod(mode)
        self._repaired = repaired = tables.repair(state)
        self.store = Store(state / tables.NAME)
        world.create_world(node, places.world, places.templates, self.store)
        self.operator = world.operator(node, self.store)
        upkeep.remove_locks(state / "history.git")
        history = History(state / "history.git", self.world_id)
        if not (state / "canon").is_dir():
            self.store.set_meta("canon", "missing")
        self.canon = Canon(state, self.store, history)
        self.canon.recover()
        if self.store.meta("canon") == "missing":  # a restored backup, which has none: begun once, it is finished at a later start
            self.canon.rebuild()
            self.store.set_meta("canon", "")
        if repaired:
            log.warning("%s", repaired)
            for path in tables.adopt(self.store, history):
                self.canon.settle(path)
            retention.look_for_lost(self.store, history, self.canon)
        self._caught_up = adoption.take_over(state, self.store, history, self.canon, self.operator, node.settings.large_limit)
        if self._caught_up:
            (state / MARK).unlink(missing_ok=True)
        fold = Fold(self.store, self.canon, world.ignored(self.store), world.union_logs(self.store), world.texts(self.store))
        self.fold = fold
        self.hub = Hub(self.store, self.canon, fold, node.settings, state)
        self._historian_store = Store(state / tables.NAME)
        own_history = History(state / "history.git", self.world_id)
        self._historian = Historian(self._historian_store, own_history, self.canon, node.settings)
        self.hub.on_commit = self._historian.tell
        self._keeper = tables.Keeper(state, self._roll)
        self._enrol_uids = [pwd.getpwnam(name).pw_uid for name in (ENROL_ACCOUNT, REQUEST_ACCOUNT)] if with_network else []
        self._warden = Warden(
            state, node.settings, self.hub.allowance, lambda uid, reason: self.offices.excess(uid, reason), self._enrol_uids
        )
        self._reading = Store(state / tables.NAME)  # for the status, which must not wait for the hub
        uid = pwd.getpwnam(_AUTHORITY_ACCOUNT).pw_uid if with_network else None
        self._authority = Authority(places.keys, uid)
        self.is_peer = self.store.meta("peer") == "yes"
        if not self.is_peer:
            self._authority.create()
            self._historian.signer = HeadSigner(own_history, self._authority)
            adopt_snapshots(history, self._authority, self.store)
        self.offices = Offices(
            node, state, self.store, self._reading, self.hub, fold, self._historian, self._authority, self.operator, self._sign_host
        )
        self.mirror = self.offices.be_a_peer(fold) if self.is_peer else None
        self.catching_up = (
            None if self.is_peer else CatchingUp(self.hub, self.store, self._historian, self._authority, state, node.settings)
        )
        self.hub.why_closed = self._why_closed
        self._ticker = Ticker(lambda: self.hub.later(self._tick))
        self._sshd: Child | None = None
        if with_network and not self.is_peer:
            self._sshd = self._prepare_sshd()
        self._listeners: list[socket.socket] = []
        Landing(state, self.operator.name, self.operator.uid).create()

    @property
    def world_id(self) -> str:
        """The world's id."""
        return self.store.meta("world_id")

    def _prepare_sshd(self) -> Child:
        self.host_key()
        self._sign_host()
        file = self._places.run / "sshd_config"
        file.write_text(configuration(self._places.keys, self._places.state, self._settings.run_limit_bytes))
        return child(file)

    def _sign_host(self) -> None:
        """Have the host's key signed by the authority that is known, and sshd take it up."""
        key = self._places.keys / "host"
        if key.exists() and not self.is_peer:
            self._authority.host_certificate(key, self.world_id)
        if self._sshd is not None:
            self._sshd.signal(signal.SIGHUP)

    def start(self) -> None:
        """Begin to serve."""
        self.offices.enrolment.write_files()
        self._historian.start()
        self._keeper.start()
        self.hub.start()
        self._warden.start()
        self._listeners.append(serve_streams(self._places.stream, self.hub, self.store))
        self._listeners.append(serve_enrolments(self._places.enrol, self.hub, self.offices.enrolment, self._enrol_uids))
        self._listeners.append(self.offices.asking.serve(self._places.asking))
        self._ticker.start()
        if self._sshd is not None:
            self._sshd.start()

    def _tick(self) -> None:
        self.hub.tick()
        self.offices.tick()
        if self.catching_up is not None:
            self.catching_up.tick()

    def _why_closed(self) -> FwrError | None:
        return self.offices.handover.why_closed() or (self.catching_up.why_closed() if self.catching_up is not None else None)

    def host_key(self) -> str:
        """Return the host's public key (type and base64), made if missing."""
        return make_key(self._places.keys / "host", f"fwrkit host of {self.world_id}")

    def serve_as_peer(self, certificate: str, authorities: list[str], former: list[str]) -> None:
        """Take up what the world's server has signed and said, and let citizens in, if that has not begun yet. All as text; keys as type and base64."""
        self._authority.trust(certificate, authorities, former)
        self.serve_again()

    def serve_again(self) -> None:
        """Let citizens in by what the world's server has signed before, if that has not begun yet."""
        if self._sshd is None:
            self._sshd = self._prepare_sshd()
            self._sshd.start()
        else:
            self._sshd.signal(signal.SIGHUP)

    def serve_nobody(self) -> None:
        """Let nobody in any more: the right to serve is gone."""
        if self._sshd is not None:
            self._sshd.stop()
            self._sshd = None
        for session in self.hub.sessions().values():
            if session.citizen.id != self.operator.id:
                session.channel.close("this node has no right to serve")

    def stop(self) -> None:
        """Let everybody go, finish what is begun."""
        if self._sshd is not None:
            self._sshd.stop()
        self._warden.stop()
        for listener in self._listeners:
            listener.close()
        self._ticker.stop()
        self.hub.stop()
        self._historian.stop()
        self._keeper.stop()
        for store in (self.store, self._historian_store, self._reading):
            store.close()

    def freshen(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Wait, for a bounded time, until everything that was accepted is in the history: verb ``freshen``."""
        until = time.monotonic() + float(arguments["patience"])
        while (is_behind := self._reading.has_uncommitted()) and time.monotonic() < until:
            time.sleep(0.05)
        return {"fresh": not is_behind}

    def tidy(self) -> dict[str, Any]:
        """Make the history small: verb ``tidy``."""
        return self._historian.call(self._historian.tidy, _TIDY_PATIENCE).to_json()

    def hold(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Keep still for a backup what of tables and history belongs together: verb ``hold``."""
        target = Path(str(arguments["target"]))
        with told():
            self._historian.call(lambda: hold(self._places.state, target), _HOLD_PATIENCE)
        return {}

    def alerts(self) -> list[str]:
        """Return sentences about what was healed, or could not be."""
        healed = [said for said in (self._repaired, self._caught_up) if said]
        behind = self.catching_up.alerts if self.catching_up is not None else []
        return [*healed, *behind, *self._historian.alerts, *self.offices.alerts()]

    def look_for_damage(self) -> list[str]:
        """Return the ids of damaged objects of the history, and have them mended. Raise FwrError (TIMED_OUT) where that takes too long."""
        objects = damaged(History(self._places.state / "history.git", self.world_id), _DOCTOR_PATIENCE)
        if objects:
            self._historian.check_soon()
        return objects

    def _roll(self) -> object:
        return [(citizen.name, citizen.public_key, citizen.role, citizen.is_banned) for citizen in self._reading.citizens()]

    @property
    def is_sshd_running(self) -> bool:
        """Whether sshd runs."""
        return self._sshd is not None and self._sshd.is_running

    def landing(self) -> tuple[Path, Path]:
        """Return replica and outbox of the server's own world."""
        landing = Landing(self._places.state, self.operator.name, self.operator.uid)
        return landing.replica, landing.outbox
