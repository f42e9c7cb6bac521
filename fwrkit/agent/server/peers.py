"""Peers: nodes of officials that serve others beside the server. Runs in the hub's thread, inside its transaction.

The right to serve is an official's word here, a host certificate of the world's authority at the peer, and an entry of the roll by which clients find it.
It ends with the word: when the official is banned, is none any more, or takes it back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fwrkit.agent.keys import is_public_key
from fwrkit.agent.public_records import is_address
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.enrolment import DEFAULT_EXPIRY, Enrolment
from fwrkit.agent.server.publishing import Publisher
from fwrkit.agent.server.register import Peer, Register
from fwrkit.agent.server.roll import CITIZEN, OFFICIAL, Roll
from fwrkit.agent.server.store import FORMER, Citizen, Store
from fwrkit.agent.settings import Settings
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import FIRST_UID, check_citizen_name
from fwrkit.core.records import PeerRecord


class Peers:
    """Who serves besides, and what they and their officials may ask for. ``clock`` gives Unix seconds."""

    def __init__(
        self,
        store: Store,
        register: Register,
        enrolment: Enrolment,
        roll: Roll,
        authority: Authority,
        publisher: Publisher,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._register = register
        self._enrolment = enrolment
        self._roll = roll
        self._authority = authority
        self._publisher = publisher
        self._settings = settings
        self._clock = clock
        publisher.peers = self.all

    def is_peer(self, citizen: Citizen) -> bool:
        """Say whether a citizen's node has the right to serve now."""
        peer = self._register.peer_of(citizen.id)
        if peer is None or citizen.is_banned or citizen.role == FORMER:
            return False
        official = self._store.citizen(number=peer.by)
        return official is not None and official.role == OFFICIAL and not official.is_banned

    def all(self) -> list[PeerRecord]:
        """Return who has the right to serve and has come, the oldest first: in this order clients try them."""
        found = []
        for peer in self._register.peers():
            citizen = self._store.known_citizen(peer.citizen)
            if citizen.public_key and self.is_peer(citizen):
                found.append(PeerRecord(citizen.name, peer.host, peer.port, self._store.known_citizen(peer.by).name, peer.since))
        return found

    def serve(self, by: Citizen, name: str, host: str, port: int, server: tuple[str, int]) -> dict[str, Any]:
        """An official's node is to serve under a name of its own, reached at ``host``. Return the ``invite`` by which it comes to ``server``.

        Repeating it is harmless, and moves it to another address. Raise FwrError: USAGE, TAKEN (somebody else's name), REFUSED (it is banned).
        """
        check_citizen_name(name)
        if not is_address(host, port):
            text = f"{host[:80]!r}, port {port}, is not where others could reach a node."
            raise FwrError(ExitCode.USAGE, text, "Give a host name or an IPv4 address: --address HOST")
        citizen = self._store.citizen(name=name)
        known = self._register.peer_of(citizen.id) if citizen is not None else None
        if citizen is not None and citizen.role != FORMER and (known is None or known.by != by.id):
            raise FwrError(ExitCode.TAKEN, f"There is a citizen '{name}' already.", "Have the node serve under another name: --name")
        now = int(self._clock())
        if citizen is None:
            citizen = self._store.add_citizen(name, max(FIRST_UID - 1, self._store.highest_uid()) + 1, CITIZEN, now)
        mine = known if known is not None and known.by == by.id else Peer(citizen.id, host, port, by.id, now)
        invite = self._enrolment.invite(by.name, name, *server, DEFAULT_EXPIRY)  # raises if they are banned
        self._register.put_peer(replace(mine, host=host, port=port))
        self._publisher.audit(by.name, "serve", name, host=host, port=str(port))
        return {"invite": invite.encode()}

    def stop(self, by: Citizen, name: str) -> dict[str, Any]:
        """A peer serves no more, and its citizen is none any more. Return the ``name``. Raise FwrError (NOT_FOUND)."""
        citizen = self._store.citizen(name=name)
        peer = self._register.peer_of(citizen.id) if citizen is not None else None
        if citizen is None or peer is None:
            raise FwrError(ExitCode.NOT_FOUND, f"No node serves as '{name}'.", "See which do: fwrkit peers")
        if peer.host_key:
            self._store.revoke_key(peer.host_key, int(self._clock()))
        self._register.drop_peer(citizen.id)
        self._publisher.audit(by.name, "serve-stop", name)
        if citizen.role != FORMER:
            self._roll.leave(citizen)
        self._enrolment.write_files()
        return {"name": name}

    def certify(self, citizen: Citizen, key: str) -> dict[str, Any]:
        """Sign the host key (type and base64) of a peer. Return the ``certificate``, and the ``authorities`` and ``former`` ones to be trusted.

        Raise FwrError: REFUSED (no right to serve; a key that opens nothing any more), USAGE (no key), TAKEN (somebody else's).
        """
        peer = self._register.peer_of(citizen.id)
        if peer is None or not self.is_peer(citizen):
            text = f"{citizen.name} has no right to serve."
            raise FwrError(ExitCode.REFUSED, text, "An official gives it to a node of their own: fwrkit serve NODE")
        if not is_public_key(key):
            raise FwrError(ExitCode.USAGE, "This is no public key.", "Update the node's fwrkit.")
        self._check_own(peer, key)
        if peer.host_key and peer.host_key != key:
            self._store.revoke_key(peer.host_key, int(self._clock()))
            self._enrolment.write_files()
            self._publisher.roll_changed()
        if peer.host_key != key:
            self._register.put_peer(replace(peer, host_key=key))
        certificate = self._authority.peer_certificate(key, self._store.meta("world_id"), citizen.name, self._settings.certificate_life)
        return {"certificate": certificate, "authorities": self._authority.all_public, "former": self._authority.former}

    def _check_own(self, peer: Peer, key: str) -> None:
        """Raise FwrError unless a key may be a peer's host key: it is revoked one day, and must not be what somebody else lives by."""
        if key in self._store.revoked_keys():
            raise FwrError(
                ExitCode.REFUSED, "This host key opens nothing any more.", "Make the peer anew: fwrkit serve NODE --stop, then again"
            )
        is_citizens = any(each.public_key == key for each in self._store.citizens())
        is_peers = any(each.host_key == key for each in self._register.peers() if each.citizen != peer.citizen)
        if is_citizens or is_peers or self._authority.is_own(key):
            raise FwrError(ExitCode.TAKEN, "This host key is somebody else's.", "Make the peer anew: fwrkit serve NODE --stop, then again")
