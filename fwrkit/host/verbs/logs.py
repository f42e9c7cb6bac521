"""`fwrkit logs NODE`: what its containers wrote."""

from __future__ import annotations

from fwrkit.core.commands import Command
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.machine import Machine


def logs(machine: Machine, name: str, *, follow: bool, lines: int | None) -> Command:
    """Given a node's name, return the command that shows its logs. Raise FwrError: NOT_FOUND if there is no node, UNREACHABLE if it is down."""
    node = machine.nodes.get(name)
    if not machine.containers(node):
        raise FwrError(ExitCode.UNREACHABLE, f"The node '{name}' is down and has no log.", f"Start it with: fwrkit up {name}")
    tail = [] if lines is None else ["--tail", str(lines)]
    return machine.project(node).command("logs", *(["--follow"] if follow else []), *tail)
