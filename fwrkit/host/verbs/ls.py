"""`fwrkit ls`: the nodes of this machine."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.host.adapters.engine import Container
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node
from fwrkit.host.verbs import addresses


@dataclass(frozen=True)
class ListedNode:
    """One line of the list. ``state`` is ``up``, ``down``, ``unhealthy`` or what Docker says. ``is_peer``: the server is one."""

    node: str
    role: str
    state: str
    citizen: str
    world: str
    server: str
    url: str
    is_peer: bool = False


def ls(machine: Machine) -> list[ListedNode]:
    """Return the nodes of this machine, by name, and behind them what drills have made and not removed yet."""
    return [_listed(node, machine.containers(node)) for node in (*machine.nodes.all(), *machine.nodes.drills())]


def state_of(containers: dict[str, Container]) -> str:
    """Given a node's containers by service, return its state in one word."""
    parts = [containers[service] for service in ("sync", "web") if service in containers]
    if not any(part.is_running for part in parts):
        return next((part.state for part in parts if part.state == "restarting"), "down")
    broken = next((part for part in parts if not part.is_running), None)
    if broken is not None:
        return f"{broken.service} {broken.state}"
    return "unhealthy" if any(part.health == "unhealthy" for part in parts) else "up"


def _listed(node: Node, containers: dict[str, Container]) -> ListedNode:
    links = addresses.urls(node)
    url = links.get("citizens", links["tourist"])
    server = node.upstream or node.remote
    return ListedNode(node.name, node.role, state_of(containers), node.citizen, node.world_name, server, url, node.is_peer)
