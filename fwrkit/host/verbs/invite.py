"""`fwrkit invite CITIZEN`: one line that lets a citizen join from another machine."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import check_citizen_name
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import servers


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
    node = servers.pick(machine, server)
    if not node.address:
        hint = "Make one that others reach: fwrkit up server --address HOST. On this machine no invite is needed: fwrkit join " + node.name
        raise FwrError(ExitCode.REFUSED, f"The server '{node.name}' is for this machine only.", hint)
    answer = machine.agent(machine.running(node.name)).invite(citizen, node.address, node.ssh_port, expires)
    return Invited(str(answer["invite"]), citizen, node.name, int(answer["expires"]))
