"""`fwrkit volume copy NODE NAME`: a copy of a node's world in a volume of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import images, one_shot
from fwrkit.host.adapters.machine import Machine

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_HISTORY = "-history"


@dataclass(frozen=True)
class Copied:
    """A copy: the volume with the world, how many files and bytes it has, and the volume with the history, empty without one."""

    node: str
    world: str
    files: int
    bytes: int
    is_still: bool
    history: str = ""
    versions: int = 0


def copy(machine: Machine, name: str, target: str, *, with_history: bool) -> Copied:
    """Given a node and a volume's name, copy the world into that new volume, and the history into ``NAME-history`` if asked.

    The node may go on working. What was begun goes again if it fails. Raise FwrError: NOT_FOUND, USAGE, TAKEN.
    """
    node = machine.nodes.get(name)
    if not _NAME.match(target):
        raise FwrError(ExitCode.USAGE, f"{target!r} is not a name for a volume.", "Use letters, digits, dots, dashes and underscores.")
    made = [target, *([target + _HISTORY] if with_history else [])]
    for volume in made:
        if machine.engine.has_volume(volume):
            raise FwrError(ExitCode.TAKEN, f"There is a volume '{volume}' already.", "Choose another name.")
    image = images.ensure(machine.engine, node.role, node.image, machine.report)
    try:
        machine.report(f"Copying the world of {name}")
        machine.engine.make_volume(target)
        files = one_shot.copy(image, "world", machine.volume(node, "world"), target, machine.report)
        versions: dict[str, object] = {"versions": 0}
        if with_history:
            machine.report(f"Copying the history of {name}")
            machine.engine.make_volume(target + _HISTORY)
            versions = one_shot.copy(image, "history", machine.volume(node, "state"), target + _HISTORY, machine.report)
    except BaseException:
        for volume in made:
            machine.engine.remove_volume(volume)
        raise
    return Copied(
        name, target, int(str(files["files"])), int(str(files["bytes"])), files["is_still"] is True, made[1] if with_history else "",
        int(str(versions["versions"])),
    )  # fmt: skip
