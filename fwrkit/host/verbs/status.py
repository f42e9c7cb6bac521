"""`fwrkit status NODE`: how a node is."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import NodeStatus
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import addresses
from fwrkit.host.verbs.ls import state_of


@dataclass(frozen=True)
class NodeReport:
    """A node as Docker sees it, and as it sees itself (None while it does not run)."""

    node: str
    role: str
    containers: str
    urls: dict[str, str]
    status: NodeStatus | None


def status(machine: Machine, name: str) -> NodeReport:
    """Given a node's name, return how it is. Raise FwrError: NOT_FOUND, or what the agent says of itself."""
    node = machine.nodes.get(name)
    containers = machine.containers(node)
    sync = containers.get("sync")
    said = machine.agent(node).status() if sync is not None and sync.is_running else None
    return NodeReport(node.name, node.role, state_of(containers), addresses.urls(node), said)


def check_up(report: NodeReport) -> None:
    """Given a report, raise FwrError (UNREACHABLE) if the node is down, so that scripts can tell by the exit code."""
    if report.status is None:
        raise FwrError(ExitCode.UNREACHABLE, f"The node '{report.node}' is not running.", f"Start it with: fwrkit up {report.node}")
