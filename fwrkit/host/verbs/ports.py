"""Which ports a new node gets."""

from __future__ import annotations

from fwrkit.host.adapters import ports
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import NodeStore


def http_port(machine: Machine, asked: int | None, host: str) -> int:
    """Given what ``--http-port`` said (None: nothing), return the port. Raise FwrError: USAGE or TAKEN."""
    return _port(machine.nodes, asked, host, ports.PREFERRED_HTTP, "--http-port")


def ssh_port(machine: Machine, asked: int | None, host: str) -> int:
    """Given what ``--ssh-port`` said (None: nothing), return the port. Raise FwrError: USAGE or TAKEN."""
    return _port(machine.nodes, asked, host, ports.PREFERRED_SSH, "--ssh-port")


def _port(nodes: NodeStore, asked: int | None, host: str, preferred: int, option: str) -> int:
    if asked is not None:
        return ports.check(asked, host, option)
    promised = {port for node in nodes.all() for port in (node.http_port, node.ssh_port)}
    return ports.choose(preferred, promised, host)
