"""The two sockets that the gate connects to: streams of citizens, and enrolments."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Collection
from pathlib import Path
from typing import Any

from fwrkit.agent.server.enrolment import Enrolment
from fwrkit.agent.server.hub import Hub
from fwrkit.agent.server.session import Session
from fwrkit.agent.server.store import Store
from fwrkit.agent.sockets import listen, peer_uid
from fwrkit.agent.wire.channel import over_socket
from fwrkit.agent.wire.messages import FROM_CLIENT
from fwrkit.core.errors import ExitCode, FwrError

log = logging.getLogger("fwrkit.serving")

_REQUEST_LIMIT = 16384  # bytes of an enrolment


def serve_streams(path: Path, hub: Hub, store: Store) -> socket.socket:
    """Serve the streams of citizens: who connects is known by the uid of the account."""

    def serve(connection: socket.socket) -> None:
        uid = peer_uid(connection)
        citizen = hub.call(lambda: store.citizen(uid=uid))
        if citizen is None:
            log.warning("uid %d is no citizen's", uid)
            connection.close()
            return
        box: list[Session] = []

        def take(message: Any) -> None:
            session = box[0]
            session.backlog.add(message, lambda: session.channel.is_closed)
            hub.put(session, message)

        # no patience: the hub's one thread, which serves everybody, must not wait for somebody who does not read
        channel = over_socket(connection, FROM_CLIENT, take, lambda _: hub.wake(), patience=0.0)
        box.append(Session(channel, citizen))
        channel.start()

    return listen(path, 0o666, serve)


def serve_enrolments(path: Path, hub: Hub, enrolment: Enrolment, uids: Collection[int]) -> socket.socket:
    """Serve enrolments, renewals and requests: one a connection, from the gate of the accounts for that only."""

    def serve(connection: socket.socket) -> None:
        with connection:
            connection.settimeout(30)
            connection.sendall(json.dumps(_answer(connection)).encode() + b"\n")

    def _answer(connection: socket.socket) -> dict[str, Any]:
        line = connection.makefile("rb").readline(
            _REQUEST_LIMIT
        )  # read whoever asks: what is left unread when it is closed takes the answer along
        if peer_uid(connection) not in (*uids, os.geteuid()):
            return FwrError(ExitCode.REFUSED, "This account does not enrol.", "").to_json()
        try:
            data = json.loads(line)
            kind, key, request = str(data["kind"]), str(data["key"]), dict(data["request"])

            def work() -> dict[str, Any]:
                if enrolment.elsewhere is not None:
                    raise enrolment.elsewhere
                closed = hub.why_closed()  # who was let in here now would be unknown to the successor
                if closed is not None and kind != "renew":
                    raise closed
                return _done(enrolment, kind, key, request)

            result: dict[str, Any] = hub.call(work)
        except FwrError as error:
            return error.to_json()
        except (ValueError, KeyError, TypeError):
            return FwrError(ExitCode.USAGE, "The enrolment is malformed.", "Update the node's fwrkit, then join again.").to_json()
        return result

    return listen(path, 0o666, serve)


def _done(enrolment: Enrolment, kind: str, key: str, request: dict[str, Any]) -> dict[str, Any]:
    """Do what the gate passes on. ``key`` is the one by which sshd let somebody in; what they say of themselves is in ``request``."""
    if kind == "renew":
        return enrolment.renew(f"ssh-ed25519 {key}")
    if kind == "request":
        return enrolment.request({**request, "public_key": f"ssh-ed25519 {key}"})
    return enrolment.enrol(key, request)
