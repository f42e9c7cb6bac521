"""The record of a client that is to join: made new, or brought up to date where an interrupted join left it."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import templates, world_directory
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node, new_node_id
from fwrkit.host.verbs import ports, remains


@dataclass(frozen=True)
class ClientPlan:
    """Who a client will be and whom it will follow: ``upstream`` on this machine or ``remote`` elsewhere."""

    name: str
    citizen: str
    upstream: str = ""
    remote: str = ""
    world_id: str = ""
    world_name: str = ""


def planned(machine: Machine, plan: ClientPlan, http_port: int | None, world: str | None) -> Node:
    """Given a plan, return the node to record. Raise FwrError: USAGE or TAKEN for the port, and NOT_FOUND, REFUSED or TAKEN for the directory."""
    node = machine.nodes.find(plan.name) or _new(machine, plan, http_port)
    check_world(node, world)
    node = dataclasses.replace(node, citizen=plan.citizen, upstream=plan.upstream, remote=plan.remote)
    node = dataclasses.replace(node, world_id=plan.world_id or node.world_id, world_name=plan.world_name or node.world_name)
    if http_port not in (None, node.http_port):
        node = dataclasses.replace(node, http_port=ports.http_port(machine, http_port, templates.LOOPBACK))
    if world is not None and not node.world_dir:
        place = world_directory.prepare(world)
        world_directory.check_unshared(place.path, (each for each in machine.nodes.all() if each.name != plan.name))
        node = dataclasses.replace(node, world_dir=place.path, uid=place.uid, gid=place.gid)
    return node


def check_world(node: Node, world: str | None) -> None:
    """Given a node and what ``--world`` said, raise FwrError (TAKEN) if it has its world in another directory."""
    if world is not None and node.world_dir and os.path.realpath(os.path.expanduser(world)) != node.world_dir:
        hint = "A node keeps its directory for life: leave --world out, or choose another --name."
        raise FwrError(ExitCode.TAKEN, f"The node '{node.name}' keeps its world in {node.world_dir}.", hint)


def _new(machine: Machine, plan: ClientPlan, http_port: int | None) -> Node:
    return Node(
        name=plan.name,
        role="client",
        node_id=remains.node_id(machine, plan.name) or new_node_id(),
        citizen=plan.citizen,
        http_port=ports.http_port(machine, http_port, templates.LOOPBACK),
    )
