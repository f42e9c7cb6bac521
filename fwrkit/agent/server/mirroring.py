"""A peer's tables follow what the server publishes: who is a citizen, in which role, with which key, who is banned, and who may serve.

The roll comes as a file of the world, which the peer's own engine brings; nobody else's word about it is taken. Runs in the hub's thread, inside its
transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from fwrkit.agent import public_records
from fwrkit.agent.paths import ROLL
from fwrkit.agent.server.enrolment import Enrolment
from fwrkit.agent.server.fold import Fold
from fwrkit.agent.server.register import Register
from fwrkit.agent.server.roll import why_banned
from fwrkit.agent.server.store import FORMER, Citizen, Store
from fwrkit.agent.server.succession import Row, put_peers, rows_of
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import FIRST_UID

log = logging.getLogger("fwrkit.mirroring")

_LIMIT = 64 * 1024 * 1024  # bytes of a roll
_APPLIED = "mirrored"  # of the tables' meta: the state of the roll that they follow


class Mirror:
    """Applies the roll to a peer's tables. ``expel`` and ``refresh`` as of :class:`fwrkit.agent.server.roll.Roll`; ``operator`` is the peer's own account."""

    def __init__(
        self,
        store: Store,
        register: Register,
        enrolment: Enrolment,
        fold: Fold,
        operator: Citizen,
        expel: Callable[[Citizen, FwrError], None],
        refresh: Callable[[int], None],
    ) -> None:
        self._store = store
        self._register = register
        self._enrolment = enrolment
        self._fold = fold
        self._operator = operator
        self._expel = expel
        self._refresh = refresh
        self.fault = ""
        self._damaged = ""  # the state of a roll that can not be read: said once, and again after a start

    def follow(self) -> None:
        """Apply the roll if it is another one than before: at the end of each turn."""
        head = self._store.head(ROLL)
        wanted = head.hex() if head is not None else ""
        if not wanted or wanted in (self._store.meta(_APPLIED), self._damaged):
            return
        text = self._fold.read_head(ROLL, _LIMIT)
        try:
            if text is None:
                raise ValueError("it is too large")
            rows, peers, revoked = rows_of(text), public_records.peers_of(text), public_records.revoked_of(text)
        except (ValueError, KeyError, TypeError, AttributeError, FwrError) as error:
            self._damaged = wanted
            self.fault = f"The roll that the server publishes can not be read ({error}): the one before stays in force."
            log.warning("%s", self.fault)
            return
        self.fault = self._damaged = ""
        self._store.set_meta(_APPLIED, wanted)
        self._follow_revoked(revoked)
        for row in rows:
            if row.name != self._operator.name:
                self._follow_row(row)
        put_peers(peers, self._store, self._register)
        self._enrolment.write_files()

    def _follow_revoked(self, revoked: list[str]) -> None:
        for key in set(self._store.revoked_keys()) - set(revoked):
            self._store.unrevoke_key(key)
        for key in revoked:
            self._store.revoke_key(key, 0)

    def _follow_row(self, row: Row) -> None:
        citizen = self._store.citizen(name=row.name)
        if citizen is None:
            uid = max(FIRST_UID - 1, self._store.highest_uid()) + 1
            citizen = self._store.add_citizen(row.name, uid, row.role, row.since)
        if citizen.public_key != row.key:  # perhaps another machine's
            self._store.update_citizen(citizen.id, public_key=row.key, node_id="")
        if citizen.role != row.role:
            self._store.update_citizen(citizen.id, role=row.role)
        self._store.update_citizen(citizen.id, is_banned=int(row.ban is not None))
        if row.ban is not None:
            ban = replace(row.ban, citizen=citizen.id)
            self._register.ban(ban)
            if not citizen.is_banned:
                self._expel(citizen, why_banned(ban))
        else:
            self._register.unban(citizen.id)
            if row.role == FORMER and citizen.role != FORMER:
                self._expel(
                    citizen, FwrError(ExitCode.REFUSED, "You have left this world.", "To come back, ask an official for an invite.")
                )
        self._refresh(citizen.id)
