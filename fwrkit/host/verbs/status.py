"""`fwrkit status NODE`: how a node is."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import NodeStatus
from fwrkit.host.adapters.agent import Agent, error_in
from fwrkit.host.adapters.engine import Container
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import addresses
from fwrkit.host.verbs.ls import state_of

LATELY = 86400  # seconds
_LAST_LINES = 10


@dataclass(frozen=True)
class News:
    """What somebody wants to look at: how many edits of the node were refused lately, how many filters it has, and what waits for its citizen
    to decide, if that is an official: changes to review, requests to be let in.
    """

    refused: int = 0
    filters: int = 0
    reviews: int = 0
    requests: int = 0


@dataclass(frozen=True)
class NodeReport:
    """A node as Docker sees it, and as it sees itself (None while it does not run). ``news`` is None where nobody asked for it.
    ``is_peer``: the server is one. ``fault``: what its agent said as it ended, where it does not stay up (``code``, ``message``, ``hint``)."""

    node: str
    role: str
    containers: str
    urls: dict[str, str]
    status: NodeStatus | None
    news: News | None = None
    is_peer: bool = False
    fault: dict[str, str] = field(default_factory=dict)


def status(machine: Machine, name: str, with_news: bool = False) -> NodeReport:
    """Given a node's name, return how it is. Raise FwrError: NOT_FOUND, or what the agent says of itself."""
    node = machine.nodes.get(name)
    containers = machine.containers(node)
    sync = containers.get("sync")
    said = machine.agent(node).status() if sync is not None and sync.is_running else None
    news = _news(machine.agent(node), said) if said is not None and with_news else None
    fault = _fault(machine, sync) if said is None and sync is not None else {}
    return NodeReport(node.name, node.role, state_of(containers), addresses.urls(node), said, news, node.is_peer, fault)


def _fault(machine: Machine, sync: Container) -> dict[str, str]:
    if sync.exit_code == 0 and sync.state != "restarting":
        return {}
    error = error_in(machine.engine.last_lines(sync.name, _LAST_LINES))
    return error.to_json()["error"] if error is not None else {}


def _news(agent: Agent, said: NodeStatus) -> News:
    """Return what there is; what can not be had is passed over, since the status is what was asked for."""
    refused = filters = reviews = requests = 0
    with contextlib.suppress(FwrError):
        refused = sum(each.since > time.time() - LATELY for each in agent.refused())
        filters = sum(len(words) for words in agent.filters().values())
        is_official = said.role == "server" or any(each.name == said.citizen and each.role == "official" for each in agent.roll())
        if is_official and said.state != "offline":
            reviews = int(agent.ask_briefly("reviews")["count"])
            requests = len(agent.ask_briefly("requests")["requests"])
    return News(refused, filters, reviews, requests)


def check_up(report: NodeReport) -> None:
    """Given a report, raise FwrError if the node is down (UNREACHABLE, or what its agent said as it ended), so that scripts can tell by the exit code."""
    if report.fault:
        raise FwrError.from_json(report.fault)
    if report.status is None:
        raise FwrError(ExitCode.UNREACHABLE, f"The node '{report.node}' is not running.", f"Start it with: fwrkit up {report.node}")
