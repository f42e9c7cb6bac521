"""`fwrkit invite CITIZEN`: one line that lets a citizen join from another machine."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import check_citizen_name
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node


@dataclass(frozen=True)
class Invited:
    """An invite: the line to hand over, for whom it is, and until when (Unix seconds)."""

    invite: str
    citizen: str
    server: str
    expires: int


def invite(machine: Machine, citizen: str, server: str | None = None, expires: int | None = None) -> Invited:
    """Given a citizen's name, return an invite by the server (the only one here unless named); ``expires`` is in seconds from now.

    Raise FwrError: USAGE for a malformed name, REFUSED if the server is for this machine only, UNREACHABLE if it does not run.
    """
    check_citizen_name(citizen)
    node = _server(machine, server)
    if not node.address:
        hint = "Make one that others reach: fwrkit up server --address HOST. On this machine no invite is needed: fwrkit join " + node.name
        raise FwrError(ExitCode.REFUSED, f"The server '{node.name}' is for this machine only.", hint)
    answer = machine.agent(machine.running(node.name)).invite(citizen, node.address, node.ssh_port, expires)
    return Invited(str(answer["invite"]), citizen, node.name, int(answer["expires"]))


def _server(machine: Machine, name: str | None) -> Node:
    if name is not None:
        node = machine.nodes.get(name)
        if node.role != "server":
            raise FwrError(ExitCode.USAGE, f"'{name}' is a client; only a server invites.", "See which are servers: fwrkit ls")
        return node
    servers = [node for node in machine.nodes.all() if node.role == "server"]
    if not servers:
        raise FwrError(ExitCode.NOT_FOUND, "There is no server on this machine.", "Start one with: fwrkit up server")
    if len(servers) > 1:
        names = ", ".join(node.name for node in servers)
        raise FwrError(ExitCode.USAGE, f"There are several servers: {names}.", "Say which with --server NODE.")
    return servers[0]
