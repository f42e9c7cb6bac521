"""Conflict copies in a world: finding them by their names, and ending them as a person decides. Used by the engine's thread only.

A conflict is over when its copy is gone, by whatever hand: what is done here are ordinary edits of this node's citizen.
"""

from __future__ import annotations

import errno
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from fwrkit.agent import paths, public_records
from fwrkit.agent.citizen.placing import Placer, PutBack
from fwrkit.agent.citizen.record import Record
from fwrkit.agent.files import linux
from fwrkit.agent.files.ignore import IgnoreList
from fwrkit.agent.files.tree import NotRegular, Tree
from fwrkit.agent.states import ABSENT
from fwrkit.core.errors import ExitCode, FwrError

MINE, THEIRS, BOTH = "mine", "theirs", "both"


@dataclass(frozen=True)
class Conflict:
    """A path and the copy beside it. ``author`` wrote the copy; ``other`` what is at the path, empty if nothing is or it is not known."""

    path: bytes
    copy: bytes
    author: str
    other: str


def made_by_programs(world: Path, templates: Path) -> IgnoreList:
    """Given a world and where templates are, return which files programs make of what people write: a copy of one is nothing to decide about.

    Its content is another file's, too (a wiki's old version: the page's). The template says which they are (``made``); without a template, none.
    """
    try:
        name = tomllib.loads(public_records.read(world, b".fwr/world.toml").decode())["template"]
        rules = tomllib.loads((templates / os.path.basename(str(name)) / "template.toml").read_text())
        return IgnoreList(str(pattern) for pattern in rules.get("made", []))
    except (OSError, NotRegular, ValueError, KeyError):
        return IgnoreList(())


def find(record: Record) -> list[Conflict]:
    """Return the conflicts of a world as it was last agreed on, in path order; a directory that is a copy is one."""
    found = []
    inside: bytes | None = None
    for entry in record.existing():
        if inside is not None and paths.is_beneath(entry.path, inside):
            continue
        mark = paths.parse_conflict(entry.path)
        if mark is None:
            continue
        inside = entry.path
        path = _original(record, entry.path, mark)
        original = record.get(path)
        found.append(Conflict(path, entry.path, mark.citizen, original.author if original is not None else ""))
    return found


def _original(record: Record, copy: bytes, mark: paths.ConflictMark) -> bytes:
    """Return the path that a copy lost: its name may have been cut so that the mark fits."""
    if record.state(mark.path) is not ABSENT or len(paths.name_of(copy)) < paths.NAME_LIMIT - 3:
        return mark.path
    stem = paths.name_of(mark.path).rpartition(b".")[0] or paths.name_of(mark.path)
    for name in record.names_in(paths.parent(copy)):
        if name.startswith(stem) and paths.parse_conflict(name) is None:
            return paths.join(paths.parent(copy), name)
    return mark.path


def pick(conflicts: list[Conflict], path: bytes) -> Conflict:
    """Given the conflicts of a world, return that of a path, or of a copy's path. Raise FwrError: NOT_FOUND, USAGE if there are several."""
    found = [item for item in conflicts if path in (item.path, item.copy)]
    if not found:
        raise FwrError(ExitCode.NOT_FOUND, f"There is no conflict at {paths.shown(path)}.", "See which there are: fwrkit conflicts")
    if len(found) > 1:
        copies = ", ".join(paths.shown(item.copy) for item in found)
        raise FwrError(ExitCode.USAGE, f"There are several copies: {copies}.", "Name the copy that is meant.")
    return found[0]


def is_copy_kept(conflict: Conflict, keep: str, me: str) -> bool:
    """Given whose version is kept (``mine``, ``theirs`` or a citizen's name), say whether that is the copy. Raise FwrError (USAGE)."""
    authors = {conflict.author, conflict.other}
    if keep in authors - {""}:
        if len(authors) == 1:
            raise FwrError(ExitCode.USAGE, f"Both versions are {keep}'s.", "Delete the one that is not wanted, or keep both.")
        return keep == conflict.author
    if keep not in (MINE, THEIRS):
        raise FwrError(ExitCode.USAGE, f"Neither version is {keep}'s.", "Keep mine, theirs, both, or name one of the authors.")
    if me not in authors and conflict.other:
        hint = f"Say whose is kept: --keep {conflict.other} or --keep {conflict.author}."
        raise FwrError(ExitCode.USAGE, "Neither version is yours.", hint)
    return (conflict.author == me) == (keep == MINE)


def resolve(conflict: Conflict, keep: str, me: str, tree: Tree, record: Record, placer: Placer) -> bytes:
    """End a conflict in this world and return the path of what was kept (for both: where the copy is now).

    Only what every node knows goes. Raise FwrError: USAGE, or HELD if somebody works on one of the two just now.
    """
    try:
        if keep == BOTH:
            return _keep_both(conflict, tree)
        if is_copy_kept(conflict, keep, me):
            _put_copy_in_place(conflict, tree, record, placer)
        else:
            _remove(conflict.copy, conflict.copy, record, placer)
    except (PutBack, OSError) as error:
        message = f"Somebody works on {paths.shown(conflict.path)} or its copy just now, or it has not travelled yet ({error})."
        raise FwrError(
            ExitCode.HELD, message, "Nothing was changed there. Save and close it, wait for fwrkit sync, then try again."
        ) from error
    return conflict.path


def _keep_both(conflict: Conflict, tree: Tree) -> bytes:
    attempt = 0
    while True:
        place = paths.plain_name(conflict.copy, attempt)
        with tree.directory(paths.parent(conflict.copy)) as directory:
            try:
                linux.rename(directory, paths.name_of(conflict.copy), directory, paths.name_of(place), linux.RENAME_NOREPLACE)
            except FileExistsError:
                attempt += 1
                continue
            return place


def _put_copy_in_place(conflict: Conflict, tree: Tree, record: Record, placer: Placer) -> None:
    names = (paths.name_of(conflict.copy), paths.name_of(conflict.path))
    with tree.directory(paths.parent(conflict.copy)) as directory:
        try:
            linux.rename(directory, names[0], directory, names[1], linux.RENAME_NOREPLACE)
        except FileExistsError:
            linux.rename(directory, names[0], directory, names[1], linux.RENAME_EXCHANGE)
        else:
            return
        try:
            _remove(conflict.copy, conflict.path, record, placer)
        except PutBack:
            linux.rename(directory, names[0], directory, names[1], linux.RENAME_EXCHANGE)
            raise


def _remove(place: bytes, recorded_as: bytes, record: Record, placer: Placer) -> None:
    """Remove what lies at a place if it is what the record says of ``recorded_as``. Raise PutBack."""
    if record.get(recorded_as) is None:
        raise PutBack("changed")
    for entry in reversed([*record.beneath(recorded_as)]):
        placer.delete(place + entry.path[len(recorded_as) :], entry.state)
    placer.delete(place, record.state(recorded_as))
    if placer.is_there(place):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
