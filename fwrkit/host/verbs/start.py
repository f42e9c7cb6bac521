"""Bringing a recorded node to life: what `up` and `join` have in common. Every step may be repeated."""

from __future__ import annotations

import dataclasses
import time

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import NodeStatus
from fwrkit.host.adapters import images, ports, templates, world_directory
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node

_AGENT_DEADLINE = 90.0  # seconds until the agent must have answered
_POLL = 0.2
_RESTARTS_TOLERATED = 2


def start(machine: Machine, node: Node) -> NodeStatus:
    """Given a recorded node, make sure that its image, compose file and containers are there; return the status once the agent answers.

    Raise FwrError: TAKEN if a port is in use, NOT_FOUND if the world directory or the image's sources are gone, TIMED_OUT or FAILED
    if the agent does not come up.
    """
    world_directory.check_present(node.world_dir, node.name)
    if not machine.is_running(node):
        _check_ports(node)
    node = dataclasses.replace(node, image=images.ensure(machine.engine, node.role, node.image, machine.report))
    machine.nodes.save(node)
    machine.nodes.save_compose(node, templates.render(node, machine.home))
    if node.upstream:
        network = machine.home.network(node.upstream, "uplink")
        machine.engine.ensure_network(network, machine.home.project(node.upstream), "uplink")
    machine.report(f"Starting {node.name}")
    _bring_up(machine, node)
    return wait_for_agent(machine, node)


def wait_for_agent(machine: Machine, node: Node) -> NodeStatus:
    """Given a node that was started, return its status as soon as the agent says one. Raise FwrError: TIMED_OUT, or FAILED if it keeps ending."""
    machine.report(f"Waiting for the agent of {node.name}")
    deadline = time.monotonic() + _AGENT_DEADLINE
    while True:
        try:
            return machine.agent(node).status()
        except FwrError as error:
            _check_alive(machine, node)
            if time.monotonic() > deadline:
                message = f"The agent of node '{node.name}' did not answer within {_AGENT_DEADLINE:.0f} s."
                raise FwrError(ExitCode.TIMED_OUT, message, f"See its log: fwrkit logs {node.name}") from error
        time.sleep(_POLL)


def _bring_up(machine: Machine, node: Node) -> None:
    project = machine.project(node)
    try:
        project.up()
    except FwrError:
        if not machine.containers(node):
            raise
        project.recreate()  # left-over containers may refer to a network that is gone


def _check_alive(machine: Machine, node: Node) -> None:
    sync = machine.containers(node).get("sync")
    if sync is not None and sync.is_running and sync.restarts <= _RESTARTS_TOLERATED:
        return
    if sync is not None and sync.state == "restarting" and sync.restarts <= _RESTARTS_TOLERATED:
        return
    lines = machine.engine.last_lines(machine.home.container(node.name, "sync"), 1)
    said = f" Its last words: {lines[-1]}" if lines else ""
    message = f"The agent of node '{node.name}' does not stay up.{said}"
    raise FwrError(ExitCode.FAILED, message, f"See its log: fwrkit logs {node.name}")


def _check_ports(node: Node) -> None:
    host = templates.published_on(node)
    for port, option in ((node.ssh_port, "--ssh-port"), (node.http_port, "--http-port")):
        if port and not ports.is_free(port, host):
            hint = f"See who: ss -ltnp 'sport = :{port}'. To give the node another port: fwrkit up {node.name} {option} N"
            raise FwrError(ExitCode.TAKEN, f"Port {port}, which node '{node.name}' uses, is in use on this machine.", hint)
