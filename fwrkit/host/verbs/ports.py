"""Which ports a new node gets, and what to do if somebody was quicker."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection

from fwrkit.host.adapters import ports, templates
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node, NodeStore


def http_port(machine: Machine, asked: int | None, host: str) -> int:
    """Given what ``--http-port`` said (None: nothing), return the port. Raise FwrError: USAGE or TAKEN."""
    return _port(machine.nodes, asked, host, ports.PREFERRED_HTTP, "--http-port")


def ssh_port(machine: Machine, asked: int | None, host: str) -> int:
    """Given what ``--ssh-port`` said (None: nothing), return the port. Raise FwrError: USAGE or TAKEN."""
    return _port(machine.nodes, asked, host, ports.PREFERRED_SSH, "--ssh-port")


def kept_or_other(
    machine: Machine, port: int, promised: Collection[int], host: str, choose: Callable[[Machine, int | None, str], int]
) -> int:
    """Given the port that a node had elsewhere, return it if it is free here and promised to nobody, else what ``choose`` finds."""
    is_well = 0 < port < 65536 and port not in promised and ports.is_free(port, host)
    return port if is_well else choose(machine, None, host)


def chosen_again(machine: Machine, node: Node) -> Node:
    """Given a node whose ports nobody asked for and somebody else took, give it others, record them and return it. Raise FwrError (TAKEN)."""
    host = templates.published_on(node)
    with machine.nodes.locked():
        node = dataclasses.replace(node, http_port=http_port(machine, None, host))
        if node.ssh_port:
            node = dataclasses.replace(node, ssh_port=ssh_port(machine, None, host))
        return machine.nodes.save(node)


def _port(nodes: NodeStore, asked: int | None, host: str, preferred: int, option: str) -> int:
    if asked is not None:
        return ports.check(asked, host, option)
    promised = {port for node in nodes.all() for port in (node.http_port, node.ssh_port)}
    return ports.choose(preferred, promised, host)
