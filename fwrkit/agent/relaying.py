"""A peer: a server without authority that follows the world's server as a client does, and passes on both ways what it gets.

Two engines look after its one world: the server's own, at the hub beside it, and the one here, at the world's server. Each finds what the other places,
and says whose it is (:mod:`fwrkit.agent.citizen.relay`). The right to serve is the world's server's: it signs the host's key, and lists the peer in the roll.
"""

from __future__ import annotations

import itertools
import logging
import time
from dataclasses import replace
from typing import Any

from fwrkit.agent import following
from fwrkit.agent.citizen.asker import Asker
from fwrkit.agent.citizen.engine import Engine
from fwrkit.agent.citizen.link import Link, over_ssh
from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.relay import Lookup, Relay
from fwrkit.agent.citizen.ssh import Upstream, read_upstream
from fwrkit.agent.citizen.upstreams import Order, Upstreams
from fwrkit.agent.credentials import Credentials
from fwrkit.agent.files import database
from fwrkit.agent.paths import UPSTREAM_SENTINEL
from fwrkit.agent.server import tables
from fwrkit.agent.server.elsewhere import Elsewhere
from fwrkit.agent.server.register import Register
from fwrkit.agent.server.server import Server
from fwrkit.agent.server.store import Store
from fwrkit.agent.settings import Node, Places
from fwrkit.agent.states import ABSENT, UNKNOWN, State, is_file
from fwrkit.agent.ticker import Ticker
from fwrkit.agent.wire.messages import Between
from fwrkit.core.errors import ExitCode, FwrError

log = logging.getLogger("fwrkit.relaying")

RECORD = "upstream.sqlite"  # in the state directory
PRIVATE = "upstream"  # in the world's private directory
_EVERY = 1.0  # seconds between two looks
_CERTIFY_EVERY = 3600.0  # seconds between two signatures of the host's key: the authority may be another one by then
_RETRY = 10.0  # seconds between two tries to get one
_BETWEEN, _BETWEEN_BYTES = 16, 1024 * 1024  # versions in between, and bytes of them, that one change takes along
_PATIENCE = 5.0  # seconds that the engine waits for them
_SETTLED = 2  # looks in a row at which everything was passed on


class Relaying:
    """What makes a server a peer."""

    def __init__(self, node: Node, places: Places, server: Server) -> None:
        self._node = node
        self._places = places
        self._server = server
        record = places.state / RECORD
        words = database.fault(record)
        if words:
            log.warning("the record of what the world's server has is damaged (%s), and made anew", words)
            database.set_aside(record)
        self._looking_up, self._tending = Store(places.state / tables.NAME), Store(places.state / tables.NAME)
        self._elsewhere = Elsewhere(self._looking_up.db)
        self._record = Record(record)  # of the engine's thread
        relay = Relay(self._author_here, self._between, self._ancestors, self._heard)
        private = places.private / PRIVATE
        self.engine = Engine(
            node.node_id,
            node.citizen,
            places.world,
            private,
            self._record,
            node.owner,
            node.settings,
            relay=relay,
            sentinel=UPSTREAM_SENTINEL,
        )
        self.passed_down: Lookup = relay.author_by(Record(record))
        self._asker = Asker(places.keys, places.run)
        self.upstreams = Upstreams(places.keys, self._order, node.settings.server_patience, self._asker.is_answered)
        dial = over_ssh(places.keys, places.run, places.state / "unison", self.upstreams.choose)
        self._link = Link(self.engine, dial, self.upstreams.ended, 3 * node.settings.server_patience)
        view = self.engine
        self._credentials = Credentials(
            places.keys,
            node.node_id,
            self._asker.ask,
            lambda: view.view.is_connected and not self.upstreams.peer,
            lambda: view.renewals_wanted,
        )
        self._ticker = Ticker(self.tend, _EVERY, name="relaying")
        self._certify_at, self._news = 0.0, (0, False)
        self._is_serving = False
        self._refusal: FwrError | None = None
        self._settled = 0

    def start(self) -> None:
        """Begin to follow the world's server, and to serve as soon as it lets this node."""
        self.engine.start()
        self._link.start()
        self._ticker.start()

    def stop(self) -> None:
        """Follow nobody, pass on nothing more."""
        self._ticker.stop()
        self._link.stop()
        self.engine.stop()
        for store in (self._looking_up, self._tending):
            store.close()

    def hang_up(self, reason: str) -> None:
        """End the connection to the world's server: the next one is dialled as the node's upstream is then."""
        self._link.hang_up(reason)

    @property
    def upstream(self) -> Upstream | None:
        """Where the world's server is, None before this node was let in."""
        return read_upstream(self._places.keys)

    def state(self) -> tuple[str, str] | None:
        """Return the state and its detail that are to be shown for the node, None if there is nothing special."""
        refusal = self.engine.view.refusal
        if self.upstream is None:
            return "starting", "The world's server has not let this peer in yet."
        if refusal is not None:
            return ("held" if refusal.code == "HELD" else "offline"), f"{refusal.message} {refusal.hint}"
        if not self._is_serving:
            words = (
                f"{self._refusal.message} {self._refusal.hint}"
                if self._refusal is not None
                else "It waits for the server's word that it may serve."
            )
            return ("held" if self._refusal is not None else "starting"), words
        if not self.engine.view.is_connected:
            return "offline", f"The world's server is out of reach; this peer serves on. {self._link.last_words}".strip()
        return None

    def alerts(self) -> list[str]:
        """Return sentences about what went wrong, or was healed."""
        mirror = self._server.mirror
        return [*self.engine.view.alerts, *([mirror.fault] if mirror is not None and mirror.fault else [])]

    def _author_here(self, path: bytes, state: State) -> str:
        """Return whose a state of the world is that this peer has accepted, empty for one that was made in this very world.

        Who saves again and again, or makes a file and deletes it, has done the next thing before this engine asks about the one that it has
        found. What the world's server has had by then, and is there again, was put back here.
        """
        entry = self._looking_up.entry(path)
        if (entry.state if entry is not None else ABSENT) != state:
            since = self._record.state(path) if self._record.was_agreed(path, state) else UNKNOWN
            author = self._looking_up.versions.author_since(path, state, since)
        else:
            author = entry.author if entry is not None else self._looking_up.versions.last_author(path)
        return "" if author == self._server.operator.name else author

    def _between(self, path: bytes, first: State, last: State) -> list[Between]:
        """Return the versions that this peer has accepted of a path between two states of it: the world's server had better know them, too."""
        if not self._looking_up.versions.between(path, first, last, 1):
            return []
        store, canon, found, left = self._server.store, self._server.canon, list[Between](), _BETWEEN_BYTES

        def look() -> None:
            nonlocal left
            for _, state, size, moment, author in reversed(store.versions.between(path, first, last, _BETWEEN)):
                if isinstance(state, bytes) and is_file(state) and size <= left and canon.has(state):
                    left -= size
                    found.append(Between(state, author, moment, canon.read(state)))

        try:
            self._server.hub.call(look, _PATIENCE)
        except Exception:  # it is for the history only
            log.exception("what was at %r in between can not be read", path)
        return found[::-1]

    def _ancestors(self, path: bytes) -> list[State]:
        """Return what else is known to have been at a path, also that there was nothing: what was deleted here or there, and is there again."""
        was_gone = self._record.was_deleted(path) or self._looking_up.versions.had(path, ABSENT)
        return [*self._elsewhere.states(path, _BETWEEN), *([ABSENT] if was_gone else [])]

    def _heard(self, path: bytes, trail: list[State]) -> None:
        self._server.hub.later(lambda: self._server.fold.heard_of(path, trail))

    def _order(self) -> Order:
        """Return whom this peer may follow: those before it."""
        order = following.order_of(self._places.state / "history.git")
        return replace(order, peers=list(itertools.takewhile(lambda each: each.name != self._server.operator.name, order.peers)))

    # by the ticker

    def tend(self) -> None:
        """Do what is due: the certificates, the word that the server is back, the way back to it."""
        if self.upstream is None:
            return
        self._credentials.tend()
        self._follow_right()
        self._tell_who_may_return()
        if self.upstreams.is_time_to_return(self.engine.view.is_server_back):
            self.hang_up("the server is back")

    def _follow_right(self) -> None:
        """Serve while the roll says that this node may, with a host's key that the world's server has signed."""
        refusal = self.engine.view.refusal if not self.upstreams.peer else None
        is_sent_away = refusal is not None and refusal.code == ExitCode.REFUSED.name
        news = (self.engine.renewals_wanted, is_sent_away)
        if news != self._news:
            self._news, self._certify_at = news, 0.0
        has_right = Register(self._tending.db).peer_of(self._server.operator.id) is not None
        if not has_right and self._is_serving:
            log.warning("this node has no right to serve any more")
            self._certify_at = 0.0  # should it get the right again
            self._refuse(FwrError(ExitCode.REFUSED, "This node has no right to serve.", "An official gives it: fwrkit serve NODE"))
        now = time.monotonic()
        if not has_right or now < self._certify_at:
            return
        is_home = self.engine.view.is_ready and not self.upstreams.peer
        if not (is_home or is_sent_away):  # who is banned does not hear of it by the roll: what the server says now, counts
            if not self._is_serving and self._refusal is None and (self._places.keys / "host-cert.pub").exists():
                self._server.serve_again()  # started while the server is away: what it signed is still good
                self._is_serving = True
            return
        self._certify_at = now + _RETRY
        try:
            answer = self._asker.ask("host-certificate", {"key": self._server.host_key()})
        except FwrError as error:
            log.warning("the host's key is not signed: %s", error.message)
            if error.code is ExitCode.REFUSED:
                self._refuse(error)
            return
        self._server.serve_as_peer(*_certified(answer))
        self._is_serving, self._refusal, self._certify_at = True, None, now + _CERTIFY_EVERY

    def _refuse(self, error: FwrError) -> None:
        self._refusal = error
        if self._is_serving:
            self._server.serve_nobody()
        self._is_serving = False

    def _tell_who_may_return(self) -> None:
        """Once the world's server has everything of this peer, those who are here are told: they go and see for themselves."""
        view = self.engine.view
        is_settled = view.is_ready and not view.waiting and not view.coming and not self.upstreams.peer
        self._settled = self._settled + 1 if is_settled else 0
        if self._settled >= _SETTLED:
            self._server.hub.later(self._tell_if_settled)

    def _tell_if_settled(self) -> None:
        operator, hub = self._server.operator, self._server.hub
        mine = hub.sessions().get(operator.id)
        if mine is not None and mine.is_quiet and not self._server.store.count_lags(operator.id):
            hub.tell_that_server_is_back()


def _certified(answer: dict[str, Any]) -> tuple[str, list[str], list[str]]:
    """Return certificate, authorities and former ones of the server's answer. Raise FwrError (FAILED) if it is none."""
    try:
        return str(answer["certificate"]), [str(key) for key in answer["authorities"]], [str(key) for key in answer["former"]]
    except (KeyError, TypeError) as error:
        raise FwrError(
            ExitCode.FAILED, f"The server answered nonsense ({error}).", "Update the older of the two, server or node."
        ) from error
