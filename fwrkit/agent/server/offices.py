"""A world's offices, put together: roll, invites, authority, audit, reverting, and the table of what citizens may ask of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fwrkit.agent import paths
from fwrkit.agent.audit import shares_of
from fwrkit.agent.keys import fingerprint
from fwrkit.agent.server import powers
from fwrkit.agent.server.asking import OFFICIALS, Asking, Verb
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.enrolment import Enrolment
from fwrkit.agent.server.fold import Fold
from fwrkit.agent.server.handover import Handover
from fwrkit.agent.server.historian import Historian
from fwrkit.agent.server.history import History
from fwrkit.agent.server.hub import Hub
from fwrkit.agent.server.mirroring import Mirror
from fwrkit.agent.server.passing import OWN, Passed
from fwrkit.agent.server.peers import Peers
from fwrkit.agent.server.publishing import Publisher
from fwrkit.agent.server.register import Register
from fwrkit.agent.server.reverting import Reverting
from fwrkit.agent.server.roll import Roll
from fwrkit.agent.server.rotation import Rotation
from fwrkit.agent.server.snapshots import make_snapshot
from fwrkit.agent.server.store import FORMER, Citizen, Store
from fwrkit.agent.settings import Node
from fwrkit.agent.wire.messages import Renew
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import CitizenRecord, Connection

_EXTRAUSERS = "extrausers"
_RENEWAL_PATIENCE = 20.0  # seconds for those who are connected to learn a new authority before the old one ends
_AN_HOUR = 3600.0  # seconds
_LOSING = 5  # paths that are named
_SNAPSHOT_PATIENCE = 25.0  # seconds


class Offices:
    """Called by other threads than the hub's, unless something else is said.

    ``reading`` is a second connection to the tables, for what must not wait for the hub. ``sign_host`` has the host's key signed again.
    """

    def __init__(
        self,
        node: Node,
        state: Path,
        store: Store,
        reading: Store,
        hub: Hub,
        fold: Fold,
        historian: Historian,
        authority: Authority,
        operator: Citizen,
        sign_host: Callable[[], None],
    ) -> None:
        self._store = store
        self._reading = reading
        self._excesses: dict[int, float] = {}
        self._is_peer = False
        self._hub = hub
        self._historian = historian
        self._authority = authority
        self._operator = operator
        self._history = History(state / "history.git", store.meta("world_id"))
        self._policing = fold.policing
        self._losing = fold.losing
        self._register = register = Register(store.db)
        self._reading_register = Register(reading.db)
        self._publisher = Publisher(store, register, fold)
        self.enrolment = Enrolment(store, register, authority, state, state / _EXTRAUSERS, self._publisher, node.settings)
        self._roll = Roll(store, register, self.enrolment, self._publisher, hub.expel, hub.refresh)
        self.peers = Peers(store, register, self.enrolment, self._roll, authority, self._publisher, node.settings)
        self._rotation = Rotation(store, authority, self._publisher, node.settings, sign_host)
        reverting = Reverting(hub, store, fold, self._history)
        self.handover = Handover(hub, store, authority, self._publisher, self._has_everything)
        self.asking = Asking(
            hub, store, register,
            {
                **powers.of_citizens(store, self.enrolment, self._roll, self._change_authority, hub.guard, node.address, self.citizens, self._publisher.audit),
                **powers.of_moves(store, self.enrolment, node.address, self._publisher.audit),
                **powers.of_peers(self.peers, node.address),
                **powers.of_policy(store, fold),
                **powers.of_reviews(store, fold, self._publisher.audit),
                **powers.of_history(reverting, self._audit),
                **powers.of_handover(self.handover),
                **powers.of_shares(authority, self._audit),
                "snapshot": Verb(self._snapshot, OFFICIALS, is_slow=True),
            },
        )  # fmt: skip
        fold.reviews.sweep()
        fold.policing.tell = self._publisher.audit
        hub.on_turn = self._publisher.flush
        hub.passed, hub.is_peer = self._passed, self.peers.is_peer
        hub.why_banned = self._roll.why_banned
        hub.why_closed = self.handover.why_closed
        hub.is_renewal_due = lambda citizen: self._rotation.is_going_on and citizen.id not in self.enrolment.up_to_date

    def be_a_peer(self, fold: Fold) -> Mirror:
        """Serve beside the world's server: what is decided, is decided there. Return what follows its roll."""
        text = "This node serves beside the world's server, where this is decided."
        self._publisher.is_mute = True
        self.asking.elsewhere = self.enrolment.elsewhere = FwrError(ExitCode.REFUSED, text, "Ask there: which it is, fwrkit status shows.")
        mirror = Mirror(self._store, self._register, self.enrolment, fold, self._operator, self._hub.expel, self._hub.refresh)
        self._hub.on_turn = mirror.follow
        self._is_peer = True
        return mirror

    def _passed(self, citizen: Citizen, author: str) -> Passed:
        """Return whose an edit is that a citizen's node brings as somebody's."""
        if not author or author == citizen.name:
            return OWN
        writer = self._store.citizen(name=author)
        if self._is_peer and citizen.id == self._operator.id:
            return Passed(writer or replace(citizen, name=author), is_settled=True)
        return Passed(writer) if writer is not None and writer.role != FORMER and self.peers.is_peer(citizen) else OWN

    def ask(self, verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Answer the operator, on the server's own machine. Raise FwrError."""
        return self.asking.ask(os.geteuid(), verb, arguments)

    def _change_authority(self, by: Citizen, is_at_once: bool) -> dict[str, Any]:
        """Change the world's authority: everybody who is connected learns the new one. ``is_at_once``: then the old one ends, for all.

        Return as :meth:`Rotation.begin`, and whether shares of the one that ends ``were_shared``. Raise FwrError.
        """

        before = {fingerprint(key) for key in self._authority.all_public}

        def begin() -> tuple[dict[str, Any], list[int]]:
            begun = {} if is_at_once and self._rotation.is_going_on else self._rotation.begin(by)
            if begun:
                self.enrolment.up_to_date.clear()
            return begun, self._hub.tell_everybody(Renew())

        def result(answer: dict[str, Any]) -> dict[str, Any]:
            ending = before - {answer["fingerprint"]}
            return {**answer, "were_shared": self._hub.call(lambda: bool(shares_of(self._register.entries(), ending)))}

        begun, live = self._hub.call(begin)
        if not is_at_once:
            return result(begun)
        until = time.monotonic() + _RENEWAL_PATIENCE
        wanted = set(live) - {self._operator.id}
        while not wanted <= self.enrolment.up_to_date and time.monotonic() < until:
            time.sleep(0.1)
        ended: dict[str, Any] = self._hub.call(self._rotation.end)
        return result(ended)

    def tick(self) -> None:
        """Do what is due: in the hub's thread, every few seconds."""
        self._roll.lift_ended_bans()
        self._policing.end_bursts()
        self._rotation.end_if_due()

    def excess(self, uid: int, reason: str) -> None:
        """Somebody takes more of the machine than they may: their connection ends, and the audit log has a line, one an hour at most."""
        self._hub.end_account(uid, reason)
        now = time.monotonic()
        if now - self._excesses.get(uid, -_AN_HOUR) < _AN_HOUR:
            return
        self._excesses[uid] = now

        def tell() -> None:
            citizen = self._store.citizen(uid=uid)
            if citizen is not None:
                self._publisher.audit(citizen.name, "ended", citizen.name, reason=reason)

        self._hub.later(tell)

    def alerts(self) -> list[str]:
        """Return sentences about what is wrong."""
        losing = [
            f"{paths.kept(path)!r} loses again and again to what {author} writes: two programs write it at once."
            for path, author in list(self._losing.items())[:_LOSING]
        ]
        return [*([self._policing.fault] if self._policing.fault else []), *losing]

    def _audit(self, *words: str, **details: str) -> None:
        self._hub.call(lambda: self._publisher.audit(*words, **details))

    def _snapshot(self, official: Citizen, arguments: dict[str, Any]) -> dict[str, Any]:
        """Give a version a name, for ever. Raise FwrError: USAGE, TAKEN, NOT_FOUND."""
        name, at = str(arguments["name"]), str(arguments.get("at") or "")
        made = self._historian.call(
            lambda: make_snapshot(self._history, self._authority, name, at, official.name, int(time.time())), _SNAPSHOT_PATIENCE
        )
        # a line of the audit log is delivered to everybody: so they hear that there is something to fetch
        self._audit(official.name, "snapshot", name, version=str(made["version"]))
        return made

    def citizens(self) -> list[dict[str, Any]]:
        """Return everybody whom the world has admitted, as the server sees them (see ``core.records.CitizenRecord``)."""
        live = self._hub.sessions()
        found = []
        for citizen in self._reading.citizens():
            ban = self._reading_register.ban_of(citizen.id)
            is_elsewhere = citizen.id != self._operator.id and citizen.role != FORMER
            record = CitizenRecord(
                citizen.name, citizen.role, citizen.admitted, citizen.last_seen, citizen.id in live,
                self._reading.count_lags(citizen.id) if is_elsewhere else 0, self._held(citizen.id), ban.reason if ban else "",
                ban.since if ban else 0, ban.until if ban else 0, ban.by if ban else "",
                fingerprint(citizen.public_key) if citizen.public_key else "",
            )  # fmt: skip
            found.append(record.to_json())
        return found

    def connections(self) -> list[Connection]:
        """Return everybody as the server sees them; the operator only if something of theirs is held."""
        live = self._hub.sessions()
        found = [
            Connection(citizen.name, citizen.id in live, self._reading.count_lags(citizen.id), self._held(citizen.id))
            for citizen in self._reading.citizens()
            if citizen.role != FORMER
        ]
        return [each for each in found if each.citizen != self._operator.name or each.held]

    def _has_everything(self, citizen: Citizen) -> bool:
        """Say whether a citizen's node is connected, and has what the canon has, and the canon's history is written."""
        is_connected = citizen.id in self._hub.sessions()
        return is_connected and not self._reading.count_lags(citizen.id) and not self._reading.has_uncommitted()

    def _held(self, citizen: int) -> str:
        hold = self._reading.held(citizen)
        return f"deletes {hold.deleted} of {hold.files} files" if hold is not None and not hold.ruling else ""
