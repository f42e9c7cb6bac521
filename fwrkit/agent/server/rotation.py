"""Changing the world's authority: for a stated time its old and its new key are valid together, and every node that connects learns the new one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fwrkit.agent.keys import fingerprint
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.publishing import SERVER, Publisher
from fwrkit.agent.server.roll import shown_time
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.settings import Settings

_UNTIL = "authority_overlap_until"  # of the meta table


class Rotation:
    """Begins and ends a change. ``sign_host`` has the host's key signed again by the authority that is known from then on."""

    def __init__(
        self,
        store: Store,
        authority: Authority,
        publisher: Publisher,
        settings: Settings,
        sign_host: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._authority = authority
        self._publisher = publisher
        self._settings = settings
        self._sign_host = sign_host
        self._clock = clock

    def begin(self, by: Citizen) -> dict[str, Any]:
        """Make a new authority. Return the new key's fingerprint and until when both are valid (Unix seconds). Raise FwrError (TAKEN)."""
        self._authority.begin_rotation()
        until = int(self._clock()) + self._settings.authority_overlap
        self._store.set_meta(_UNTIL, str(until))
        name = fingerprint(self._authority.all_public[0])
        self._publisher.audit(by.name, "rekey", "authority", key=name, both_until=shown_time(until))
        return {"fingerprint": name, "until": until}

    @property
    def is_going_on(self) -> bool:
        """Whether two keys are valid."""
        return self._authority.is_rotating

    def end(self) -> dict[str, Any]:
        """The old key is valid no more. Return as :meth:`begin`."""
        now = int(self._clock())
        self._store.set_meta(_UNTIL, str(now))
        self.end_if_due()
        return {"fingerprint": fingerprint(self._authority.all_public[0]), "until": now}

    def end_if_due(self) -> None:
        """End a change whose time is over. One that a crash left without a time, keys on disk and tables behind, gets all of it."""
        if not self._authority.is_rotating:
            return
        now, until = int(self._clock()), self._store.meta(_UNTIL)
        if not until:
            self._store.set_meta(_UNTIL, str(now + self._settings.authority_overlap))
        elif int(until) <= now:
            self._authority.finish_rotation()
            self._store.set_meta(_UNTIL, "")
            self._sign_host()
            self._publisher.audit(SERVER, "rekey", "authority", note="the key before is valid no more")
