"""A server gives its world to a successor: it stops taking anything, hands out the authority for the successor's eyes alone, and at last says
to everybody who comes where the world's server is. Tables are used in the hub's thread only."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fwrkit.agent.keys import fingerprint
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.hub import Hub
from fwrkit.agent.server.publishing import Publisher
from fwrkit.agent.server.roll import OFFICIAL
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.core import moves
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import FIRST_UID

_PATIENCE = 20.0  # seconds
_TO, _LINE = "handover", "moved"  # of the meta table


class Handover:
    """Called by the threads of those who ask. ``is_ready`` says whether a citizen's node is connected and has everything."""

    def __init__(self, hub: Hub, store: Store, authority: Authority, publisher: Publisher, is_ready: Callable[[Citizen], bool]) -> None:
        self.is_ready = is_ready
        self.patience = _PATIENCE
        self._hub = hub
        self._store = store
        self._authority = authority
        self._publisher = publisher

    def begin(self, by: Citizen, name: str) -> dict[str, Any]:
        """From now on nothing is taken from anybody. Return the authority's key, encrypted for the node of an official.

        Repeating it is harmless. Raise FwrError: NOT_FOUND, REFUSED (no official, or without a node), TAKEN (the world has moved).
        """
        key: str = self._hub.call(lambda: self._key_of(by, name))
        self._wait_for(name)
        sealed = self._authority.sealed_for(key)

        def close() -> None:
            if self._key_of(by, name) != key:
                raise FwrError(ExitCode.HELD, f"The node of {name} has another key by now.", "Hand it over again.")
            if self._store.meta(_TO) != name:
                self._store.set_meta(_TO, name)
                self._publisher.audit(by.name, "handover", name, key=fingerprint(key))
            self._let_go()

        self._hub.call(close)
        return {"citizen": name, "sealed": sealed}

    def _wait_for(self, name: str) -> None:
        """Return when the successor has everything: what was accepted a moment ago must not stay behind. Raise FwrError (HELD)."""
        until = time.monotonic() + self.patience
        while True:
            successor = self._hub.call(lambda: self._store.citizen(name=name))
            if self._hub.call(lambda: self._store.meta(_TO)) == name or self.is_ready(successor):
                return
            if time.monotonic() > until:
                text = f"The node of {name} is not connected, or has not got everything yet."
                raise FwrError(ExitCode.HELD, text, "See how far it is: fwrkit citizens. Then hand over again.")
            time.sleep(0.2)

    def _key_of(self, by: Citizen, name: str) -> str:
        _check_operator(by)
        if self._authority.is_rotating:
            text = "The world's authority is being changed: what is handed over would be the key that ends."
            raise FwrError(ExitCode.HELD, text, "Wait until that is over, or end it: fwrkit rekey SERVER --now")
        if self._store.meta(_LINE):
            raise FwrError(ExitCode.TAKEN, "This world's server is elsewhere already.", "To take it back: fwrkit handover SERVER --cancel")
        found = self._store.citizen(name=name)
        if found is None:
            raise FwrError(ExitCode.NOT_FOUND, f"There is no citizen '{name}'.", "See who there is: fwrkit citizens")
        if found.role != OFFICIAL or found.is_banned or not found.public_key:
            text = f"{name} is no official with a node of their own."
            raise FwrError(ExitCode.REFUSED, text, f"Make them one: fwrkit role {name} official")
        return found.public_key

    def finish(self, by: Citizen, line: str) -> dict[str, Any]:
        """The successor serves: everybody who comes here is told where. Raise FwrError: USAGE, REFUSED (another world, another authority)."""
        move = moves.decode(line)

        def point() -> None:
            _check_operator(by)
            if move.world_id != self._store.meta("world_id") or move.authority not in self._authority.all_public:
                text = f"That is no server of this world by this authority ({fingerprint(move.authority)})."
                raise FwrError(ExitCode.REFUSED, text, "Give the line that the successor's `fwrkit move` prints.")
            self._store.set_meta(_LINE, line)
            self._publisher.audit(by.name, "moved", f"{move.host}:{move.port}")
            self._let_go()

        self._hub.call(point)
        return {"host": move.host, "port": move.port}

    def cancel(self, by: Citizen) -> dict[str, Any]:
        """This server goes on. Only wise if the successor never served: then there would be two."""

        def go_on() -> None:
            _check_operator(by)
            if not self._store.meta(_TO) and not self._store.meta(_LINE):
                raise FwrError(ExitCode.NOT_FOUND, "This server is not being handed over.", "See: fwrkit status SERVER")
            self._store.set_meta(_TO, "")
            self._store.set_meta(_LINE, "")
            self._publisher.audit(by.name, "handover", "", note="it is called off")

        self._hub.call(go_on)
        return {}

    def _let_go(self) -> None:
        reason = self.why_closed()
        if reason is not None:
            for citizen in self._store.citizens():
                self._hub.expel(citizen, reason)

    def why_closed(self) -> FwrError | None:
        """Return what everybody hears who comes, the operator too, None if they are served. The hint of a server that has moved is the line by which a
        node follows by itself."""
        line, to = self._store.meta(_LINE), self._store.meta(_TO)
        if line:
            move = moves.decode(line)
            return FwrError(ExitCode.HELD, f"The server of this world is at {move.host}:{move.port} now.", line)
        if to:
            return FwrError(
                ExitCode.HELD, f"This server is being handed over to {to}.", "Wait: the node follows by itself when that is done."
            )
        return None


def _check_operator(by: Citizen) -> None:
    if by.uid >= FIRST_UID:
        raise FwrError(
            ExitCode.REFUSED, "Only the operator hands a server over.", "On the server's machine: fwrkit handover SERVER CITIZEN"
        )
