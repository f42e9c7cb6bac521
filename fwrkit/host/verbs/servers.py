"""Which server a command means."""

from __future__ import annotations

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node


def pick(machine: Machine, name: str | None) -> Node:
    """Given a node's name, return that server; None: the only one here. Raise FwrError: USAGE if it is none, or there are several; NOT_FOUND."""
    if name is not None:
        node = machine.nodes.get(name)
        if node.role != "server":
            raise FwrError(ExitCode.USAGE, f"'{name}' is a client; only a server does this.", "See which are servers: fwrkit ls")
        return node
    servers = [node for node in machine.nodes.all() if node.role == "server"]
    if not servers:
        raise FwrError(ExitCode.NOT_FOUND, "There is no server on this machine.", "Start one with: fwrkit up server")
    if len(servers) > 1:
        names = ", ".join(node.name for node in servers)
        raise FwrError(ExitCode.USAGE, f"There are several servers: {names}.", "Say which with --server NODE.")
    return servers[0]
