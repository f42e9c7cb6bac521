"""`fwrkit doctor`: whether this machine and its nodes have what they need."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import fwrkit
from fwrkit.core.errors import FwrError
from fwrkit.core.records import Finding
from fwrkit.host.adapters import compose, context, images, world_directory
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node

_WANTED_SPACE = 2 << 30  # bytes: images and a first world


def doctor(machine: Machine) -> list[Finding]:
    """Return what was checked, on this machine and inside each running node; nothing is changed."""
    findings = [
        _checked("docker engine", lambda: f"Docker Engine {machine.engine.version()} answers."),
        _checked("compose plugin", lambda: f"Docker Compose {compose.version()} is there."),
        _checked("images", lambda: _images(machine)),
        _checked("home", lambda: _home(machine)),
        _space(machine),
    ]
    for node in machine.nodes.all():
        findings += _node(machine, node)
    return findings


def _checked(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, check())
    except FwrError as error:
        return Finding(name, False, error.message, error.hint)


def _images(machine: Machine) -> str:
    identity = context.load().identity
    missing = [tag for tag in (images.tag_of(role, identity) for role in images.ROLES) if not machine.engine.has_image(tag)]
    return f"{', '.join(missing)}: built by the next `up`, `join` or `images build`." if missing else "The images are there."


def _home(machine: Machine) -> str:
    with machine.nodes.locked():
        return f"Nodes are kept in {machine.home.path}."


def _space(machine: Machine) -> Finding:
    place = machine.home.path
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    hint = "Make room: docker system df shows what Docker holds." if free < _WANTED_SPACE else ""
    return Finding("disk space", free >= _WANTED_SPACE, f"{free / (1 << 30):.1f} GiB are free.", hint)


def _node(machine: Machine, node: Node) -> list[Finding]:
    findings = []
    if node.world_dir:
        findings.append(_checked(f"{node.name}: world directory", lambda: _world(node)))
    try:
        if not machine.is_running(node):
            return [*findings, Finding(f"{node.name}: running", True, "It is down.", f"Start it with: fwrkit up {node.name}")]
        agent = machine.agent(node)
        findings.append(_version(node, agent.status().version))
        inside = agent.doctor()
    except FwrError as error:
        return [*findings, Finding(f"{node.name}: agent", False, error.message, error.hint)]
    return findings + [Finding(f"{node.name}: {each.check}", each.ok, each.message, each.hint) for each in inside]


def _version(node: Node, running: str) -> Finding:
    is_same = running == fwrkit.__version__
    hint = "" if is_same else f"This fwrkit is {fwrkit.__version__}; start the node with it: fwrkit up {node.name}"
    return Finding(f"{node.name}: version", is_same, f"It runs fwrkit {running}.", hint)


def _world(node: Node) -> str:
    world_directory.check_present(node.world_dir, node.name, had_world=node.had_world)
    owner = os.stat(node.world_dir).st_uid
    return f"{node.world_dir} belongs to uid {owner}, the node runs as {node.uid}."
