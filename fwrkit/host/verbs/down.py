"""`fwrkit down NODE`: stop a node; everything it holds stays."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.host.adapters.machine import Machine


@dataclass(frozen=True)
class Stopped:
    """A node that was stopped, or was not running (``was_running`` is false)."""

    node: str
    was_running: bool


def down(machine: Machine, name: str) -> Stopped:
    """Given a node's name, stop it and remove its containers. Raise FwrError (NOT_FOUND) if there is none.

    A server keeps its networks: the clients on this machine are attached to one of them, also those that are down.
    """
    node = machine.nodes.get(name)
    had_containers = bool(machine.containers(node))
    project = machine.project(node)
    if had_containers:
        machine.report(f"Stopping {name}")
        if node.role == "server":
            project.remove_containers()
        else:
            project.down()
    return Stopped(name, had_containers)
