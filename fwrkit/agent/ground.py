"""The ground that a world stands on, looked at before anything is made there: the filesystem, and whether it is the one that it was."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from fwrkit.agent.doctor import atomic_exchange, landlock, leases
from fwrkit.agent.settings import Node, Places
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import Finding

DIRECTORY = "FWRKIT_WORLD_DIRECTORY"  # in the environment: the world is kept in this directory of the host
_MEMORIES = ("record.sqlite", "hub.sqlite")  # in the state directory: whoever has one of these has had a world


def look(place: Path) -> list[Finding]:
    """Given where a world is to be kept, return what its filesystem and the kernel offer. Raise FwrError (REFUSED) if no world can live there."""
    try:
        found = [atomic_exchange(place), leases(place)]
    except OSError as error:
        hint = "Look at its owner, its mode and how it is mounted, or give another directory with --world."
        raise FwrError(ExitCode.REFUSED, f"The world's owner may not write into its directory ({error.strerror}).", hint) from error
    for finding in found:
        if not finding.ok and not finding.is_weaker:
            raise FwrError(ExitCode.REFUSED, finding.message, finding.hint)
    return [*found, landlock()]


def check_place(node: Node, places: Places, environment: Mapping[str, str] = os.environ) -> None:
    """Raise FwrError (HELD) if the node has had a world in a directory of the host, and that directory has nothing of it now.

    Its disk is not mounted yet, say. All would be fetched once more below the mount point, while the world itself lies on the disk, and ages. The
    engine starts the container again and again, and each time with what is in the directory then.
    """
    directory = environment.get(DIRECTORY, "")
    has_had_one = any((places.state / name).exists() for name in _MEMORIES)
    if directory and has_had_one and not places.world.is_dir():
        hint = f"Mount its disk or put it back: the node goes on by itself. If it is lost, and all of it is to be fetched again: mkdir {directory}/world"
        raise FwrError(ExitCode.HELD, f"The world of node '{node.name}' is not where it was: nothing of it is in {directory}.", hint)
