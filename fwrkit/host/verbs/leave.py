"""`fwrkit leave NODE`: a citizen leaves a world, and keeps their copy."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.machine import Machine


@dataclass(frozen=True)
class Left:
    """Who left which world, on which node."""

    node: str
    citizen: str
    world: str


def leave(machine: Machine, name: str) -> Left:
    """Leave the world of a client. Raise FwrError: NOT_FOUND, USAGE if it is a server, REFUSED (the last official), UNREACHABLE."""
    node = machine.running(name)
    if node.is_peer:
        hint = "To end it: fwrkit serve NODE --stop, with the client that it is beside."
        raise FwrError(ExitCode.USAGE, f"'{name}' is a peer: it goes when it serves no more.", hint)
    if node.role == "server":
        hint = "To end it: fwrkit down, then fwrkit rm. To hand it to somebody else, make them official first."
        raise FwrError(ExitCode.USAGE, f"'{name}' is a server: it does not leave its own world.", hint)
    answer = machine.agent(node).ask("leave")
    return Left(name, str(answer["name"]), str(answer["world"]))
