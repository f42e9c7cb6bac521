"""Whether a new node's world can be kept where it is to be: looked at before anything is made."""

from __future__ import annotations

from fwrkit.host.adapters import images
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import WORLD_UID, Node, Role
from fwrkit.host.adapters.world_directory import WorldDirectory


def check(machine: Machine, role: Role, place: WorldDirectory | None) -> None:
    """Given what a new node will be, and a directory of the host for its world (None: a volume), return if a world can live there.

    Raise FwrError: REFUSED in doctor's words (a filesystem that lacks what it takes), and what getting the image raises.
    """
    image = images.ensure(machine.engine, role, "", machine.report)
    path, uid, gid = (place.path, place.uid, place.gid) if place is not None else ("", WORLD_UID, WORLD_UID)
    machine.look_at_ground(image, path, uid, gid)


def place_of(node: Node) -> WorldDirectory | None:
    """Given a node that is recorded, return the directory of the host that it keeps its world in, None if it is a volume."""
    return WorldDirectory(node.world_dir, node.uid, node.gid) if node.world_dir else None
