"""By what a world, a record and a server's base recognise that they belong together.

The sentinel is a small file in the world that never travels; the record remembers its generation, inode and change time. A copy of the
world that was put in its place, a lost record, or a server from a backup do not match, and then nothing is taken for deleted.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from fwrkit.agent.citizen.record import Record
from fwrkit.agent.files.tree import NotRegular, Tree, write_all
from fwrkit.agent.paths import SENTINEL

_LIMIT = 4096  # bytes of a sentinel


@dataclass(frozen=True)
class Generations:
    """What a client says of itself in its hello: ``id:counter`` of world and record, empty if there is none or it is another's."""

    world: str
    record: str


def look(tree: Tree, record: Record, sentinel: bytes = SENTINEL) -> Generations:
    """Return the generations of a world and its record as they are on disk."""
    written, stamp = _read(tree, sentinel)
    recorded = record.meta("generation")
    pending = record.meta("pending_generation")
    if pending and written == pending != recorded:
        # the agent ended between writing the sentinel and remembering it; the server chose that generation for that connection alone
        _remember(record, pending, stamp)
        recorded = pending
    if written and record.meta("sentinel") != stamp:
        written = ""  # a copy: the same words in another file
    return Generations(written, recorded)


def advance(tree: Tree, record: Record, generation: str, sentinel: bytes = SENTINEL) -> None:
    """Write a new generation into world and record; both are on disk when this returns."""
    record.set_meta("pending_generation", generation)
    record.sync()
    temporary = sentinel + b".new"
    tree.unlink(temporary)
    text = json.dumps({"generation": generation, "about": "fwrkit knows this copy of the world by this file; it never travels"})
    tree.create(temporary, lambda fd: _write_synced(fd, text.encode()), 0)
    os.rename(temporary, sentinel, src_dir_fd=tree.fd, dst_dir_fd=tree.fd)
    tree.sync_directory(b"")
    _remember(record, generation, _stamp(tree, sentinel))


def is_present(tree: Tree, sentinel: bytes = SENTINEL) -> bool:
    """Say whether the world is there at all: its sentinel is where it was written."""
    return tree.status(sentinel) is not None and is_in_place(tree)


def is_in_place(tree: Tree) -> bool:
    """Say whether the directory that was opened as the world is still at its path: nothing was mounted over it, or put in its place."""
    try:
        return os.path.samestat(os.fstat(tree.fd), os.stat(tree.root))
    except FileNotFoundError:
        return False


def _remember(record: Record, generation: str, stamp: str) -> None:
    record.set_meta("generation", generation)
    record.set_meta("sentinel", stamp)
    record.set_meta("claimed_by", generation)  # also while the record begins anew with another server
    record.set_meta("pending_generation", "")
    record.sync()


def _stamp(tree: Tree, sentinel: bytes) -> str:
    status = tree.status(sentinel)
    return f"{status.st_ino}:{status.st_ctime_ns}" if status is not None else ""


def _read(tree: Tree, sentinel: bytes) -> tuple[str, str]:
    try:
        fd = tree.open_file(sentinel)
    except (OSError, NotRegular):
        return "", ""
    try:
        status = os.fstat(fd)
        text = os.pread(fd, _LIMIT, 0)
    finally:
        os.close(fd)
    try:
        return str(json.loads(text)["generation"]), f"{status.st_ino}:{status.st_ctime_ns}"
    except (ValueError, KeyError, TypeError):
        return "", ""


def _write_synced(fd: int, content: bytes) -> None:
    write_all(fd, content)
    os.fdatasync(fd)
