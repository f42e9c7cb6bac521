"""A directory of the host that a node shall use as its world's place (``--world DIR``)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.nodes import WORLD_UID, Node


@dataclass(frozen=True)
class WorldDirectory:
    """The directory's real path and whom the world's files will belong to."""

    path: str
    uid: int
    gid: int


def prepare(text: str) -> WorldDirectory:
    """Given the directory as typed, return it with its owner; an empty one of root's is given to the world's own uid.

    Raise FwrError: USAGE if its name is not plain text, NOT_FOUND if it does not exist, REFUSED if it is root's and not empty.
    """
    if not text.isprintable():  # bytes that are no UTF-8 are not, either
        raise FwrError(ExitCode.USAGE, f"{text!r} cannot be written into a compose file.", "Use a directory whose name is plain text.")
    path = Path(text).expanduser()
    if not path.is_dir():
        raise FwrError(ExitCode.NOT_FOUND, f"There is no directory {text}.", f"Make it first: mkdir -p {text}")
    real = os.path.realpath(path)
    owner = os.stat(real)
    if owner.st_uid != 0:
        return WorldDirectory(real, owner.st_uid, owner.st_gid)
    if os.listdir(real):
        hint = f"Give it to the one who edits it: chown -R USER {text}"
        raise FwrError(ExitCode.REFUSED, f"{text} belongs to root and is not empty.", hint)
    try:
        os.chown(real, WORLD_UID, WORLD_UID)
    except OSError as error:  # a filesystem without owners: exFAT, say
        hint = "Mount it with an owner (uid=…), or give another directory."
        raise FwrError(ExitCode.REFUSED, f"{text} belongs to root and can not be given away ({error.strerror}).", hint) from error
    return WorldDirectory(real, WORLD_UID, WORLD_UID)


def check_unshared(directory: str, others: Iterable[Node]) -> None:
    """Given a world directory's real path and the other nodes, raise FwrError (TAKEN) if one of them has it, or one in or around it."""
    for other in others:
        if other.world_dir and os.path.commonpath([directory, other.world_dir]) in (directory, other.world_dir):
            message = f"The node '{other.name}' keeps its world in {other.world_dir}."
            raise FwrError(ExitCode.TAKEN, message, "Two nodes cannot share files: give another directory with --world.")


def check_present(directory: str, node: str, *, had_world: bool = False) -> None:
    """Given a node's world directory (empty: it has none), raise FwrError if it vanished (NOT_FOUND), or nothing is left in it of the world that the
    node has had there (HELD): the directory below a mount point, say, in which the whole world would be fetched once more.
    """
    if directory and not os.path.isdir(directory):
        hint = f"Mount it or put it back, then: fwrkit up {node}"
        raise FwrError(ExitCode.NOT_FOUND, f"The world directory {directory} of node '{node}' is gone.", hint)
    if directory and had_world and not os.path.isdir(os.path.join(directory, "world")):
        hint = f"Mount its disk or put it back, then: fwrkit up {node}. If it is lost, and all of it is to be fetched again: mkdir {directory}/world"
        raise FwrError(ExitCode.HELD, f"The world of node '{node}' is not where it was: nothing of it is in {directory}.", hint)
