"""Through which node of this machine something is asked of a world's server."""

from __future__ import annotations

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.agent import Agent
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node


def pick(machine: Machine, name: str | None) -> Node:
    """Given a node's name, return it; None: the only server here, else the only client that has joined. Raise FwrError: NOT_FOUND, USAGE."""
    if name is not None:
        return machine.nodes.get(name)
    nodes = machine.nodes.all()
    for found in ([node for node in nodes if node.kind == "server"], [node for node in nodes if node.is_joined and not node.is_peer]):
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(node.name for node in found)
            raise FwrError(ExitCode.USAGE, f"There are several nodes: {names}.", "Say through which with --node NODE.")
    raise FwrError(ExitCode.NOT_FOUND, "There is no node of a world on this machine.", "Start one: fwrkit up server, or fwrkit join SERVER")


def check_no_peer(node: Node) -> None:
    """Raise FwrError (USAGE) if a node is a peer, which decides nothing and lets nobody in."""
    if node.is_peer:
        hint = (
            f"Name the server: {node.upstream}" if node.upstream else f"The server is at {node.remote}: through a client of it, or there."
        )
        raise FwrError(ExitCode.USAGE, f"'{node.name}' is a peer: it serves, and leaves this to its world's server.", hint)


def agent(machine: Machine, name: str | None) -> Agent:
    """Return the agent of the node that :func:`pick` returns. Raise FwrError besides: UNREACHABLE if it does not run."""
    return machine.agent(machine.running(pick(machine, name).name))
