"""The roll of citizens: who is banned, who has which role, who leaves. Runs in the hub's thread, inside its transaction.

Whatever changes is written into the audit log and published in ``.fwr/citizens.toml`` in the same turn.

A peer is a citizen of its own in the tables, and its official's in everything else: who is banned, reads only or leaves does not go on by it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fwrkit.agent.server.enrolment import Enrolment
from fwrkit.agent.server.publishing import SERVER, Publisher
from fwrkit.agent.server.register import Ban, Register
from fwrkit.agent.server.store import FORMER, Citizen, Store
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import FIRST_UID

OFFICIAL, CITIZEN, READER = "official", "citizen", "reader"
ROLES = (OFFICIAL, CITIZEN, READER)
_REASON_LIMIT = 500  # characters


class Roll:
    """Changes the roll. ``expel`` ends a citizen's connection, telling them why; ``refresh`` has a live session know its citizen's new row."""

    def __init__(
        self,
        store: Store,
        register: Register,
        enrolment: Enrolment,
        publisher: Publisher,
        expel: Callable[[Citizen, FwrError], None],
        refresh: Callable[[int], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._register = register
        self._enrolment = enrolment
        self._publisher = publisher
        self._expel = expel
        self._refresh = refresh
        self._clock = clock

    def ban(self, by: Citizen, name: str, reason: str, until: int) -> dict[str, Any]:
        """Ban a citizen until a moment (Unix seconds, 0: for good); their connection ends. Return name, reason and times.

        Raise FwrError: NOT_FOUND, USAGE (no reason, a moment that is over), REFUSED (the operator, the last official).
        """
        citizen = self._find(name)
        reason = " ".join(reason.split())
        if not reason or len(reason) > _REASON_LIMIT:
            raise FwrError(ExitCode.USAGE, f"A ban needs a reason, of at most {_REASON_LIMIT} characters.", 'Give one: --reason "…"')
        now = int(self._clock())
        if until and until <= now:
            raise FwrError(
                ExitCode.USAGE, "This ban would be over before it begins.", "Give a later --until, or none: then it is for good."
            )
        self._check_may_go(citizen, "ban")
        peers = [peer for peer in self._peers_of(citizen) if not peer.is_banned]
        for each in (citizen, *peers, *self._banned_with(citizen)):
            ban = Ban(each.id, reason, now, until, by.name)
            self._store.update_citizen(each.id, is_banned=1)
            self._write_down(by.name, ban, each)
            self._expel(each, why_banned(ban))
        self._enrolment.invites.end_of(name)
        self._register.close_invites_of(name)  # they have that line still, and would come again at once under another name
        self._enrolment.write_files()
        return {"name": name, "reason": reason, "since": now, "until": until, "by": by.name}

    def _write_down(self, by: str, ban: Ban, citizen: Citizen) -> None:
        self._register.ban(ban)
        until = shown_time(ban.until) if ban.until else "for good"
        self._publisher.audit(by, "ban", citizen.name, reason=ban.reason, until=until)

    def _peers_of(self, citizen: Citizen) -> list[Citizen]:
        """Return the citizens that are nodes of an official's which serve, or did until the official lost the right."""
        found = [self._store.known_citizen(peer.citizen) for peer in self._register.peers() if peer.by == citizen.id]
        return [each for each in found if each.role != FORMER]

    def _banned_with(self, citizen: Citizen) -> list[Citizen]:
        """Return the peers that are banned by their official's ban, and not by one of their own."""
        ban = self._register.ban_of(citizen.id)
        peers = self._peers_of(citizen) if ban is not None else []
        return [peer for peer in peers if ban is not None and self._register.ban_of(peer.id) == replace(ban, citizen=peer.id)]

    def _ban_of_official(self, citizen: Citizen) -> Ban | None:
        """Return the ban of whose node somebody is, None if there is none."""
        peer = self._register.peer_of(citizen.id)
        return self._register.ban_of(peer.by) if peer is not None else None

    def why_banned(self, citizen: Citizen) -> FwrError | None:
        """Return what a banned citizen hears, None if they are not."""
        ban = self._register.ban_of(citizen.id)
        return why_banned(ban) if ban is not None else None

    def unban(self, by: Citizen, name: str) -> dict[str, Any]:
        """End a ban. Raise FwrError (NOT_FOUND) if there is none."""
        citizen = self._find(name)
        if not citizen.is_banned:
            raise FwrError(ExitCode.NOT_FOUND, f"'{name}' is not banned.", "See who is: fwrkit citizens")
        for each in self._lift(citizen):
            self._publisher.audit(by.name, "unban", each.name)
        return {"name": name}

    def lift_ended_bans(self) -> None:
        """End the bans whose time is over."""
        now = int(self._clock())
        for ban in self._register.bans_until(now):
            if self._register.ban_of(ban.citizen) is None:
                continue  # it has ended with its official's
            citizen = self._store.known_citizen(ban.citizen)
            official_s = self._ban_of_official(citizen)
            if official_s is not None and not 0 < official_s.until <= now:
                self._write_down(SERVER, replace(official_s, citizen=citizen.id), citizen)  # from now on it is banned with its official
                continue
            for each in self._lift(citizen):
                self._publisher.audit(SERVER, "unban", each.name, reason="its time is over")

    def _lift(self, citizen: Citizen) -> list[Citizen]:
        """End a ban, and those of peers that came with it. Return whose."""
        lifted = [citizen, *self._banned_with(citizen)]
        for each in lifted:
            self._register.unban(each.id)
            self._store.update_citizen(each.id, is_banned=0)
        self._enrolment.write_files()
        return lifted

    def set_role(self, by: Citizen, name: str, role: str) -> dict[str, Any]:
        """Give a citizen a role; it counts from the next change of theirs on. Return name, role and the one before.

        Raise FwrError: NOT_FOUND, USAGE (no such role), REFUSED (the operator, the last official).
        """
        citizen = self._find(name)
        if role not in ROLES:
            raise FwrError(ExitCode.USAGE, f"There is no role '{role}'.", f"Use one of: {', '.join(ROLES)}.")
        if role != OFFICIAL:
            self._check_may_go(citizen, "demote")
        if role != citizen.role:
            self._give(by, citizen, role)
            if citizen.role == OFFICIAL:
                self._enrolment.invites.end_of(name)
                self._enrolment.write_files()
            for peer in self._peers_of(citizen):
                if role == READER != peer.role:
                    self._give(by, peer, READER)
                elif citizen.role == READER == peer.role:
                    self._give(by, peer, CITIZEN)
        return {"name": name, "role": role, "before": citizen.role}

    def _give(self, by: Citizen, citizen: Citizen, role: str) -> None:
        self._store.update_citizen(citizen.id, role=role)
        self._refresh(citizen.id)
        self._publisher.audit(by.name, "role", citizen.name, role=role, before=citizen.role)

    def leave(self, citizen: Citizen) -> dict[str, Any]:
        """A citizen leaves: their key opens nothing any more, what they wrote stays. Raise FwrError (REFUSED) as :meth:`set_role`."""
        self._check_may_go(citizen, "let go")
        for peer in self._peers_of(citizen):
            self._leave(peer)
        self._leave(citizen)
        return {"name": citizen.name, "world": self._store.meta("world_name")}

    def _leave(self, citizen: Citizen) -> None:
        now = int(self._clock())
        peer = self._register.peer_of(citizen.id)
        if peer is not None:
            self._register.drop_peer(citizen.id)  # who comes under this name one day has no right by that
        for key in filter(None, (citizen.public_key, peer.host_key if peer is not None else "")):
            self._store.revoke_key(key, now)
        self._store.update_citizen(citizen.id, role=FORMER, public_key="", node_id="", is_known=0, generation="", proposed="")
        self._store.drop_lags(citizen.id)
        self._enrolment.invites.end_of(citizen.name)
        self._enrolment.write_files()
        self._publisher.audit(citizen.name, "leave", citizen.name)
        text = "You have left this world."
        self._expel(citizen, FwrError(ExitCode.REFUSED, text, "Your copy stays yours. To come back, ask an official for an invite."))

    def _find(self, name: str) -> Citizen:
        citizen = self._store.citizen(name=name)
        if citizen is None or citizen.role == FORMER:
            raise FwrError(ExitCode.NOT_FOUND, f"There is no citizen '{name}'.", "See who there is: fwrkit citizens")
        return citizen

    def _check_may_go(self, citizen: Citizen, what: str) -> None:
        if citizen.uid < FIRST_UID:
            text = f"'{citizen.name}' is the operator: the server is theirs, nobody can {what} them."
            raise FwrError(
                ExitCode.REFUSED,
                text,
                "Whoever disagrees with the operator takes a copy, and starts another world from it: fwrkit fork NODE NEW",
            )
        others = [other for other in self._store.citizens() if other.role == OFFICIAL and not other.is_banned and other.id != citizen.id]
        if citizen.role == OFFICIAL and not others:
            text = f"'{citizen.name}' is the last official of this world."
            raise FwrError(ExitCode.REFUSED, text, "Make somebody else one first: fwrkit role NAME official")


def why_banned(ban: Ban) -> FwrError:
    """Return what a banned citizen hears."""
    until = f" until {shown_time(ban.until)}" if ban.until else ""
    hint = "Your copy stays yours: it works alone, and may begin a world of its own (fwrkit fork NODE NEW). Officials can end the ban."
    return FwrError(ExitCode.REFUSED, f"You are banned from this world{until}: {ban.reason.rstrip('.')}.", hint)


def shown_time(seconds: int) -> str:
    """Given Unix seconds, return the moment for people, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
