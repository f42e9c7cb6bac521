"""Which node a command that reads the history means."""

from __future__ import annotations

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node


def pick(machine: Machine, name: str | None) -> Node:
    """Given a node's name, return that node; None: the only one that runs here, or the only server among several.

    Raise FwrError: NOT_FOUND, UNREACHABLE (it does not run, or none does), USAGE if it could be several.
    """
    if name is not None:
        return machine.running(name)
    running = [node for node in machine.nodes.all() if machine.is_running(node)]
    running = [node for node in running if not node.is_peer] or running  # a peer is beside a client that has the same
    if not running:
        raise FwrError(ExitCode.UNREACHABLE, "No node runs on this machine.", "See which there are: fwrkit ls")
    if len(running) > 1:
        servers = [node for node in running if node.role == "server"]
        if len(servers) != 1:
            names = ", ".join(node.name for node in running)
            raise FwrError(ExitCode.USAGE, f"Several nodes run here: {names}.", "Say which with --node NODE.")
        return servers[0]
    return running[0]
