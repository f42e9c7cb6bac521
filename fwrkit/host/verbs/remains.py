"""What a removed node left behind: volumes that were kept remember whose they are."""

from __future__ import annotations

from fwrkit.host.adapters import labels
from fwrkit.host.adapters.machine import Machine


def node_id(machine: Machine, name: str) -> str:
    """Given the name of a node that is to be made, return the id of the one whose volumes are still here, or nothing.

    The new node takes them up, and Unison's archives in them are keyed by that id.
    """
    for marks in machine.engine.volumes(machine.home.project(name)).values():
        if marks.get(labels.NODE_ID):
            return marks[labels.NODE_ID]
    return ""
