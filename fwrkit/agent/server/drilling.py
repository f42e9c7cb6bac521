"""``fwrkit-agent drill``: a server that was made on copies is looked at, as if the world had only what lies here.

It reads files and the history alone, and asks nothing of the agent that runs beside it: what that remembers is not what is to be found out.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fwrkit.agent import audit, paths, public_records
from fwrkit.agent.files.tree import CHUNK, NotRegular, Tree
from fwrkit.agent.keys import fingerprint
from fwrkit.agent.repository import Pointer, Repository, pointer_oid
from fwrkit.agent.server.history import History
from fwrkit.agent.server.mending import damaged
from fwrkit.agent.server.roll import OFFICIAL
from fwrkit.agent.settings import Places
from fwrkit.core.errors import FwrError
from fwrkit.core.records import Finding

_TIMEOUT = 3600.0  # seconds
_LIMIT = 1 << 30  # bytes of a list of paths
_PATIENCE = 10.0  # seconds for the server to commit what it wrote at its start
_PAUSE = 0.5
_SHOWN = 3  # paths that a sentence names
_AGAIN = "Take another node's copy: fwrkit drill succession there. See too: fwrkit doctor"


def examine(places: Places, since: str, operator: str, trusted: Sequence[str]) -> list[Finding]:
    """Return one finding for each thing that a world needs to go on.

    ``since`` is the newest version of what the copies were made from, ``operator`` the server's own account, ``trusted`` the authorities' keys.
    """
    repository = Repository(places.state / "history.git")
    checks: list[tuple[str, Callable[[], Finding]]] = [
        ("files", lambda: _files(places.world, repository)),
        ("deletions", lambda: _deletions(repository, since)),
        ("history", lambda: _history(repository.path)),
        ("audit log", lambda: _audit(places.world)),
        ("officials", lambda: _officials(places.world, operator)),
        ("authority", lambda: _authority(places.world, trusted)),
    ]
    return [_guarded(name, check) for name, check in checks]


def _guarded(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except FwrError as error:
        return Finding(name, False, error.message, error.hint)


def _files(world: Path, repository: Repository) -> Finding:
    until = time.monotonic() + _PATIENCE
    while True:
        listed = _listed(repository)
        with contextlib.closing(Tree(world)) as tree:
            wrong = [path for path, oid in listed if not _is_there(tree, path, oid)]
        if not wrong:
            return Finding("files", True, f"All {len(listed):,} files of the newest version are there, byte for byte.")
        if time.monotonic() > until:
            return Finding(
                "files", False, f"{len(wrong):,} of {len(listed):,} files are not as in the newest version: {_some(wrong)}.", _AGAIN
            )
        time.sleep(_PAUSE)


def _listed(repository: Repository) -> list[tuple[bytes, bytes]]:
    """Return path and raw blob id of the newest version's files, but for those that the server itself writes all the time."""
    output, _ = repository.read("ls-tree", "-r", "-z", "HEAD", limit=_LIMIT, timeout=_TIMEOUT)
    found = []
    for line in output.split(b"\0")[:-1]:
        words, _, path = line.partition(b"\t")
        if path != paths.ROLL and not path.startswith(paths.AUDIT + b"/"):
            found.append((path, bytes.fromhex(words.split()[2].decode())))
    return found


def _is_there(tree: Tree, path: bytes, oid: bytes) -> bool:
    try:
        fd = tree.open_file(path)
    except (OSError, NotRegular):
        return False
    with os.fdopen(fd, "rb") as file:
        size = os.fstat(fd).st_size
        own, large = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False), hashlib.sha256()
        while piece := file.read(CHUNK):
            own.update(piece)
            large.update(piece)
    return oid in (own.digest(), pointer_oid(Pointer(large.digest(), size)))


def _deletions(repository: Repository, since: str) -> Finding:
    """What the history has and the copied world had not: with nobody else's copy it would be gone from the newest version."""
    if not since:
        return Finding("deletions", False, "There is no history: who wrote what, and what was before, would be lost.", _AGAIN)
    words = ("diff", "--name-only", "--no-renames", "--diff-filter=D", "-z", since, "HEAD", "--")
    output, _ = repository.read(*words, limit=_LIMIT, timeout=_TIMEOUT)
    gone = output.split(b"\0")[:-1]
    if not gone:
        return Finding("deletions", True, "No file of the history was missing in the world that was copied.")
    hint = "The node leaves some out (fwrkit filters), or what it deletes is on its way; they stay in the history. Drill again when it is in sync."
    return Finding(
        "deletions", False, f"{len(gone):,} files of the history were missing in the world that was copied: {_some(gone)}.", hint
    )


def _history(path: Path) -> Finding:
    objects = damaged(History(path, ""), _TIMEOUT)
    if not objects:
        return Finding("history", True, "Every object of the history is whole.")
    return Finding("history", False, f"{len(objects):,} objects of the history are damaged: {objects[0][:12]}, …", _AGAIN)


def _audit(world: Path) -> Finding:
    chain = public_records.read_audit(world)
    promoted = next((entry for entry in reversed(chain.entries) if entry.event == "promote"), None)
    fault = chain.fault or (promoted.details.get("log before", "") if promoted is not None else "")  # a log that is not whole begins anew
    if fault:
        return Finding(
            "audit log", False, f"The audit log is not whole: {fault.rstrip('.')}.", "Compare it with other nodes: fwrkit audit --verify"
        )
    return Finding("audit log", True, f"The audit log is whole, {len(chain.entries):,} lines.")


def _officials(world: Path, operator: str) -> Finding:
    roll = public_records.read_roll(world)
    able = [each.name for each in roll if each.role == OFFICIAL and not each.banned_since and each.fingerprint and each.name != operator]
    if able:
        return Finding("officials", True, f"Who could promote their node: {', '.join(able)}.")
    hint = "Make somebody one who has a node: fwrkit role CITIZEN official"
    return Finding("officials", False, "There is no official with a node of their own: nobody could promote theirs.", hint)


def _authority(world: Path, trusted: Sequence[str]) -> Finding:
    made = audit.shares_of(public_records.read_audit(world).entries, {fingerprint(key) for key in trusted})
    if made:
        last = made[-1].details
        words = f"Any {last.get('need')} of those who hold the {last.get('of')} shares bring the authority: nobody has to accept anything."
        return Finding("authority", True, words, "Whether they still have them, only they know: ask them.")
    words = (
        "The log knows of no shares of the authority. Unless somebody kept it (a backup with --keys), each citizen has to accept a new one."
    )
    return Finding("authority", True, words, "While the server is there: fwrkit shares SERVER --need 2 --of 3")


def _some(found: Sequence[bytes]) -> str:
    words = [paths.shown(path) for path in found[:_SHOWN]]
    return ", ".join([*words, *(["…"] if len(found) > _SHOWN else [])])
