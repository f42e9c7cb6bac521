"""What citizens ask the server for, over the gate or on its own machine: a fixed table of verbs, and who may use each.

One JSON line each way: ``{"verb": …, "arguments": {…}}`` and the answer's object, or ``{"error": …}``. A verb is a function of the citizen who asks and
of the arguments; it runs in the hub's thread, inside its transaction, and what it changed is durable before its answer leaves.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fwrkit.agent.server.hub import Hub
from fwrkit.agent.server.register import Register
from fwrkit.agent.server.roll import CITIZEN, OFFICIAL, READER, why_banned
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.sockets import listen, peer_uid
from fwrkit.core.errors import ExitCode, FwrError

log = logging.getLogger("fwrkit.asking")

REQUEST_LIMIT = 1024 * 1024  # bytes of a request: a policy fits
_TIMEOUT = 60.0  # seconds
EVERYBODY = (OFFICIAL, CITIZEN, READER)
WRITERS = (OFFICIAL, CITIZEN)
OFFICIALS = (OFFICIAL,)

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Verb:
    """Something that may be asked for, and by which roles. ``is_slow``: it does not need the hub, and may take its time. ``is_harmless``: also
    of a server that takes nothing any more.
    """

    do: Callable[[Citizen, Arguments], dict[str, Any]]
    roles: tuple[str, ...]
    is_slow: bool = False
    is_harmless: bool = False


class Asking:
    """Answers what citizens ask for."""

    def __init__(self, hub: Hub, store: Store, register: Register, verbs: Mapping[str, Verb]) -> None:
        self._hub = hub
        self._store = store
        self._register = register
        self._verbs = dict(verbs)
        self.elsewhere: FwrError | None = None  # why everything but what is harmless is to be asked for elsewhere

    def ask(self, uid: int, verb: str, arguments: Arguments) -> dict[str, Any]:
        """Answer a citizen, known by the uid of their account. Raise FwrError: REFUSED, USAGE, or what the verb raises."""
        known = self._verbs.get(verb)
        if known is None:
            raise FwrError(
                ExitCode.USAGE, f"The server does not know the verb '{verb[:40]}'.", "Update the older of the two, server or node."
            )
        if known.is_slow:
            citizen: Citizen = self._hub.call(lambda: self._entitled(uid, verb, known))
            return self._do(known, citizen, arguments)
        answer: dict[str, Any] = self._hub.call(lambda: self._do_whole(known, self._entitled(uid, verb, known), arguments), _TIMEOUT)
        return answer

    def _do_whole(self, verb: Verb, citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        with self._store.savepoint():  # what fails half-way has done nothing
            return self._do(verb, citizen, arguments)

    def _do(self, verb: Verb, citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        try:
            return verb.do(citizen, arguments)
        except (KeyError, TypeError, ValueError, UnicodeError) as error:
            log.warning("%s asked in a way that is not understood: %r", citizen.name, error)
            raise FwrError(ExitCode.USAGE, "The server did not understand this.", "Update the older of the two, server or node.") from error

    def _entitled(self, uid: int, verb: str, known: Verb) -> Citizen:
        citizen = self._store.citizen(uid=uid)
        if citizen is None:
            raise FwrError(ExitCode.REFUSED, "This account is no citizen's.", "")
        if citizen.is_banned:
            ban = self._register.ban_of(citizen.id)
            raise why_banned(ban) if ban is not None else FwrError(ExitCode.REFUSED, "You are banned from this world.", "Ask an official.")
        if citizen.role not in known.roles:
            who = "Only officials may do this" if known.roles == OFFICIALS else "Readers only read"
            raise FwrError(ExitCode.REFUSED, f"{who} ({verb}); {citizen.name} is {citizen.role}.", "See who is what: fwrkit citizens")
        closed = self.elsewhere or self._hub.why_closed()
        if closed is not None and not known.is_harmless:
            raise closed
        return citizen

    def serve(self, path: Path) -> socket.socket:
        """Serve the socket that the gate joins a citizen's channel to: one request a connection."""

        def serve(connection: socket.socket) -> None:
            with connection:
                connection.settimeout(30)
                line = connection.makefile("rb").readline(REQUEST_LIMIT)
                answer = self._answer(peer_uid(connection), line)
                connection.settimeout(_TIMEOUT)
                connection.sendall(json.dumps(answer).encode() + b"\n")

        return listen(path, 0o666, serve)

    def _answer(self, uid: int, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            return self.ask(uid, str(request["verb"]), dict(request.get("arguments", {})))
        except FwrError as error:
            return error.to_json()
        except (ValueError, KeyError, TypeError, RecursionError):
            return FwrError(ExitCode.USAGE, "The server did not understand this.", "Update the older of the two, server or node.").to_json()
        except TimeoutError:
            return FwrError(ExitCode.TIMED_OUT, "The server did not answer in time.", "Try again.").to_json()
