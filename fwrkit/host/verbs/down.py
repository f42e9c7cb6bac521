"""`fwrkit down NODE`: stop a node; everything it holds stays."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs.stop import stop


@dataclass(frozen=True)
class Stopped:
    """A node that was stopped, or was not running (``was_running`` is false)."""

    node: str
    was_running: bool


def down(machine: Machine, name: str) -> Stopped:
    """Given a node's name, stop it and remove its containers. Raise FwrError (NOT_FOUND) if there is none.

    A server keeps its networks: the clients on this machine are attached to one of them, also those that are down.
    """
    node = machine.nodes.get_readable(name)
    had_containers = bool(machine.containers(node))
    if had_containers:
        machine.report(f"Stopping {name}")
        stop(machine, node, keeps_networks=node.role == "server")
    return Stopped(name, had_containers)
