"""`fwrkit conflicts`: what two changed at once, and ending it."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import Conflict
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node


@dataclass(frozen=True)
class NodeConflict:
    """A conflict as one node has it."""

    node: str
    conflict: Conflict


@dataclass(frozen=True)
class Resolved:
    """What became of a conflict: where the version is that was kept."""

    node: str
    kept: str


def conflicts(machine: Machine, name: str | None) -> list[NodeConflict]:
    """Given a node's name, return its conflicts; None: those of each node that runs. Raise FwrError: NOT_FOUND, UNREACHABLE."""
    nodes = [machine.running(name)] if name is not None else _running(machine)
    return [NodeConflict(node.name, item) for node in nodes for item in machine.agent(node).conflicts()]


def resolve(machine: Machine, path: str, keep: str, name: str | None) -> Resolved:
    """Given a conflict's path (or its copy's) and whose version is kept, end it at a node: the only one that has it unless named.

    Raise FwrError: NOT_FOUND if there is no such conflict, USAGE if several nodes have it, HELD if somebody works on it.
    """
    if name is None:
        having = sorted({item.node for item in conflicts(machine, None) if path in (item.conflict.path, item.conflict.copy)})
        if not having:
            raise FwrError(ExitCode.NOT_FOUND, f"There is no conflict at {path}.", "See which there are: fwrkit conflicts")
        if len(having) > 1:
            raise FwrError(ExitCode.USAGE, f"Several nodes have it: {', '.join(having)}.", "Say as whom you decide, with --node NODE.")
        name = having[0]
    return Resolved(name, machine.agent(machine.running(name)).resolve(path, keep))


def _running(machine: Machine) -> list[Node]:
    running = []
    for node in machine.nodes.all():
        sync = machine.containers(node).get("sync")
        if sync is not None and sync.is_running:
            running.append(node)
    return running
