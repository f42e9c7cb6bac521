"""`fwrkit rm NODE [--volumes]`: forget a node, and with --volumes what it holds."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node
from fwrkit.host.verbs.stop import stop


@dataclass(frozen=True)
class Removed:
    """A node that is gone: which volumes went with it, and which stayed for a node of the same name."""

    node: str
    removed_volumes: list[str]
    kept_volumes: list[str]
    kept_directory: str


def check(machine: Machine, name: str) -> Node:
    """Given a name, return the node that would be removed. Raise FwrError: NOT_FOUND, or REFUSED if clients here still follow it."""
    node = machine.nodes.get_readable(name)
    followers = [each.name for each in machine.nodes.all(are_unreadable_passed_over=True) if each.upstream == name]
    if followers:
        hint = f"Remove them first: fwrkit rm {followers[0]}"
        raise FwrError(ExitCode.REFUSED, f"On this machine {', '.join(followers)} still follow '{name}'.", hint)
    return node


def remove(machine: Machine, node: Node, *, with_volumes: bool) -> Removed:
    """Given a node, remove its containers, networks and record, and its volumes if asked. A directory given by --world is never touched."""
    machine.report(f"Removing {node.name}")
    stop(machine, node)
    volumes = sorted(machine.engine.volumes(machine.home.project(node.name)))
    for volume in volumes if with_volumes else []:
        machine.engine.remove_volume(volume)
    machine.nodes.remove(node.name)
    return Removed(node.name, volumes if with_volumes else [], [] if with_volumes else volumes, node.world_dir)
