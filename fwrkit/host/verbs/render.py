"""`fwrkit render NODE`: the compose file, to read or to keep."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from fwrkit.core.errors import FwrError
from fwrkit.host.adapters import context, images, templates
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node


@dataclass(frozen=True)
class Rendered:
    """A node's compose file as `up` would write it now."""

    node: str
    project: str
    text: str


def render(machine: Machine, name: str) -> Rendered:
    """Given a node's name, return its compose file; nothing is written and Docker is not asked. Raise FwrError (NOT_FOUND)."""
    node = machine.nodes.get(name)
    current = dataclasses.replace(node, image=_image(node))
    return Rendered(name, machine.home.project(name), templates.render(current, machine.home))


def _image(node: Node) -> str:
    try:
        return images.tag_of(node.role, context.load().identity)
    except FwrError:
        return node.image
