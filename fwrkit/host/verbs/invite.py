"""`fwrkit invite CITIZEN`: one line that lets a citizen join from another machine."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import check_citizen_name
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import through


@dataclass(frozen=True)
class Invited:
    """An invite: the line to hand over, for whom it is, and until when (Unix seconds)."""

    invite: str
    citizen: str
    server: str
    expires: int
    uses: int = 1


def invite(machine: Machine, citizen: str, name: str | None = None, expires: int | None = None, uses: int | None = None) -> Invited:
    """Given a citizen's name, return an invite, made through a node of this machine; ``expires`` is in seconds from now.

    With ``uses`` it is for several, and each comes under a name of their own. Raise FwrError: USAGE for a malformed name or a number that makes no
    sense, REFUSED if the server is for its own machine only or the node's citizen is no official, UNREACHABLE.
    """
    check_citizen_name(citizen)
    node = through.pick(machine, name)
    through.check_no_peer(node)
    if node.role == "server" and not node.address:
        hint = "Make one that others reach: fwrkit up server --address HOST. On this machine no invite is needed: fwrkit join " + node.name
        raise FwrError(ExitCode.REFUSED, f"The server '{node.name}' is for this machine only.", hint)
    place = {"host": node.address, "port": node.ssh_port} if node.role == "server" else {}
    answer = through.agent(machine, node.name).ask("invite", name=citizen, expires=expires, uses=uses, **place)
    return Invited(str(answer["invite"]), citizen, node.name, int(answer["expires"]), int(answer.get("uses", 1)))
