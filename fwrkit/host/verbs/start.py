"""Bringing a recorded node to life: what `up` and `join` have in common. Every step may be repeated."""

from __future__ import annotations

import dataclasses
import time

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import NodeStatus
from fwrkit.host.adapters import images, ports, templates, world_directory
from fwrkit.host.adapters.agent import error_in
from fwrkit.host.adapters.engine import Container
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node
from fwrkit.host.verbs import founding
from fwrkit.host.verbs.ports import chosen_again

_AGENT_DEADLINE = 90.0  # seconds until the agent must have answered
_PAGE_DEADLINE = 30.0  # seconds until the web server should have answered
_POLL = 0.2
_RESTARTS_TOLERATED = 2
_LAST_LINES = 10


def start(machine: Machine, node: Node, authority: bytes | None = None) -> NodeStatus:
    """Given a recorded node, make sure that its image, compose file and containers are there; return the status once agent and pages answer.

    Raise FwrError: TAKEN if a port is in use, NOT_FOUND if the world directory or the image's sources are gone, TIMED_OUT or FAILED
    if the agent does not come up.
    """
    check_ports(node, machine.containers(node))
    node = prepare(machine, node)
    if node.origin:
        node = founding.ensure(machine, node, authority)
        machine.nodes.save_compose(node, templates.render(node, machine.home))
    machine.report(f"Starting {node.name}")
    _bring_up(machine, node)
    status = wait_for_agent(machine, node)
    if node.world_dir and not node.had_world:
        machine.nodes.save(dataclasses.replace(machine.nodes.get(node.name), had_world=True))
    for alert in status.alerts:
        machine.report(alert)
    wait_for_page(machine, node)
    return status


def prepare(machine: Machine, node: Node, *, is_recorded: bool = True) -> Node:
    """Given a node, see to it that its image, compose file and upstream's network are there; return it as it is recorded now (if it is).

    Raise FwrError (NOT_FOUND) if the world directory or the image's sources are gone.
    """
    world_directory.check_present(node.world_dir, node.name, had_world=node.had_world)
    node = dataclasses.replace(node, image=images.ensure(machine.engine, node.role, node.image, machine.report))
    if is_recorded:
        machine.nodes.save(node)
    machine.nodes.save_compose(node, templates.render(node, machine.home))
    if node.upstream:
        network = machine.home.network(node.upstream, "uplink")
        machine.engine.ensure_network(network, machine.home.project(node.upstream), "uplink")
    return node


def start_new(machine: Machine, node: Node, *, are_ports_asked_for: bool, authority: bytes | None = None) -> tuple[Node, NodeStatus]:
    """Like :func:`start`, for a node that was just recorded: where somebody (another checkout, say) was quicker, it takes other ports.

    Return the node, as it was recorded at last, with its status.
    """
    try:
        status = start(machine, node, authority)
    except FwrError as error:
        if error.code != ExitCode.TAKEN or are_ports_asked_for:
            raise
        status = start(machine, chosen_again(machine, node), authority)
    return machine.nodes.get(node.name), status


def wait_for_agent(machine: Machine, node: Node) -> NodeStatus:
    """Given a node that was started, return its status as soon as it is ready (a server serves, a client's agent answers).

    Raise FwrError: TIMED_OUT, or the agent's own (else FAILED) if it keeps ending; the last lines of its log are reported before.
    """
    machine.report(f"Waiting for the agent of {node.name}")
    deadline = time.monotonic() + _AGENT_DEADLINE
    while True:
        try:
            said = machine.agent(node).status()
            if not is_starting(said) or (node.is_peer and not node.is_joined):  # a peer serves once it has come to its server
                return said
            silence = said.detail
        except FwrError as error:
            silence = error.message
            _check_alive(machine, node)
        if time.monotonic() > deadline:
            show_log(machine, node)
            message = f"The agent of node '{node.name}' was not ready within {_AGENT_DEADLINE:.0f} s: {silence}"
            raise FwrError(ExitCode.TIMED_OUT, message, f"See its log: fwrkit logs {node.name}")
        time.sleep(_POLL)


def wait_for_page(machine: Machine, node: Node) -> None:
    """Given a node that was started, return when its web server answers. Where it does not in time, that is reported: the node goes on without.

    A drill has no page, and an override may have left ``web`` out.
    """
    deadline = time.monotonic() + _PAGE_DEADLINE
    while not node.is_drill and "web" in machine.containers(node) and not machine.is_page_served(node):
        if time.monotonic() > deadline:
            machine.report(f"The pages of {node.name} do not answer after {_PAGE_DEADLINE:.0f} s. See why: fwrkit logs {node.name}")
            return
        time.sleep(_POLL)


def is_starting(said: NodeStatus) -> bool:
    """Given a status, say whether there is something to wait for; a client that has not joined yet stays as it is."""
    return said.role == "server" and said.state == "starting"


def check_ports(node: Node, containers: dict[str, Container]) -> None:
    """Given a node and its containers, raise FwrError (TAKEN) if somebody else has one of its ports."""
    host = templates.published_on(node)
    for service, port, option in (("sync", node.ssh_port, "--ssh-port"), ("web", node.http_port, "--http-port")):
        is_own = service in containers and containers[service].state in ("running", "restarting")
        if port and not is_own and not ports.is_free(port, host):
            hint = f"See who: ss -ltnp 'sport = :{port}'. To give the node another port: fwrkit up {node.name} {option} N"
            raise FwrError(ExitCode.TAKEN, f"Port {port}, which node '{node.name}' uses, is in use on this machine.", hint)


def show_log(machine: Machine, node: Node) -> list[str]:
    """Given a node, report the last lines of its agent's log, and return them."""
    lines = machine.engine.last_lines(machine.home.container(node.name, "sync"), _LAST_LINES)
    for line in lines:
        machine.report(f"  {line}")
    return lines


def _bring_up(machine: Machine, node: Node) -> None:
    project = machine.project(node)
    try:
        project.up()
    except FwrError:
        containers = machine.containers(node)
        check_ports(node, containers)  # somebody may have taken one since they were looked at
        if not containers:
            raise
        project.recreate()  # left-over containers may refer to a network that is gone


def _check_alive(machine: Machine, node: Node) -> None:
    sync = machine.containers(node).get("sync")
    if sync is not None and sync.state in ("running", "restarting") and sync.restarts <= _RESTARTS_TOLERATED:
        return
    lines = show_log(machine, node)
    said = f" Its last words: {lines[-1]}" if lines else ""
    message = f"The agent of node '{node.name}' does not stay up.{said}"
    raise error_in(lines) or FwrError(ExitCode.FAILED, message, f"See its log: fwrkit logs {node.name}")
