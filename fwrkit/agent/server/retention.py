"""Large files' old contents: kept while anybody may want them, then let go. The pointers stay in the history.

Kept are: what is in the canon, what a snapshot holds, and what was in the canon within the retention. The table ``dropped`` says what is not
there any more, before it goes: the fold asks for such a content again. Only the thread that commits calls this.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil

from fwrkit.agent.repository import SNAPSHOTS, Pointer, Repository, large_path, pointer_oid
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.history import History
from fwrkit.agent.server.store import Store
from fwrkit.agent.upkeep import large_objects

log = logging.getLogger("fwrkit.retention")

_TREE_LIMIT = 1 << 28  # bytes of a snapshot's listing


def drop_old(store: Store, history: History, retention: float, now: float) -> tuple[int, int]:
    """Let go what is older than the retention (``now`` in Unix seconds, ``retention`` in seconds). Return how many contents and bytes."""
    old = {}
    for file in large_objects(history.path):
        state, status = bytes.fromhex(file.name), file.stat()
        since = store.superseded(state)
        if since is None:
            continue
        is_known = store.is_dropped(state)  # a crash came between the table and the file
        if is_known or max(since / 10**9, status.st_ctime if since == 0 else 0) < now - retention:
            old[state] = status.st_size
    kept = _in_snapshots(history, old) if old else set()
    count = freed = 0
    for state, size in old.items():
        if state in kept:
            continue
        with store.transaction():
            is_dropped = store.drop_content(state)
        if is_dropped:
            large_path(history.path, state).unlink(missing_ok=True)
            count, freed = count + 1, freed + size
    if count:
        log.info("%d old contents of large files (%d bytes) are kept no longer", count, freed)
    return count, freed


def _in_snapshots(history: History, sizes: dict[bytes, int]) -> set[bytes]:
    repository = Repository(history.path)
    states = {pointer_oid(Pointer(state, size)).hex(): state for state, size in sizes.items()}
    found: set[bytes] = set()
    for name in repository.references(SNAPSHOTS):
        listed, is_cut = repository.read("ls-tree", "-r", "-z", "--full-tree", SNAPSHOTS + name, limit=_TREE_LIMIT)
        if is_cut:
            return set(sizes)  # nobody knows: everything stays
        found |= {states[oid] for oid in (row[12:52].decode("ascii", "replace") for row in listed.split(b"\0")) if oid in states}
    return found


def look_for_lost(store: Store, history: History, canon: Canon) -> int:
    """Where a large content is not where the tables say: bring it back from the canon, else say so. Return how many were not to be had."""
    lost = 0
    for state, size, oid in list(store.committed_contents()):
        if pointer_oid(Pointer(state, size)) != oid or history.large_object(state) is not None:
            continue
        if _from_canon(store, history, canon, state, size):
            continue
        with store.transaction():
            lost += store.drop_content(state)
    return lost


def _from_canon(store: Store, history: History, canon: Canon, state: bytes, size: int) -> bool:
    for path in store.paths_with(state):
        copied = large_path(history.path, state).with_suffix(".mended")
        copied.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(canon.path_of(path), copied)
            with open(copied, "rb") as file:
                is_same = hashlib.file_digest(file, "sha256").digest() == state
            if is_same:
                os.replace(copied, large_path(history.path, state))
                return True
        except OSError:
            continue
        finally:
            copied.unlink(missing_ok=True)
    return False
