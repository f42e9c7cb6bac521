"""Copying a node's volumes while it works: what ``fwrkit volume copy`` runs, in a container of its own with the copies' places mounted."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fwrkit.agent.files.copying import Copier
from fwrkit.agent.files.tree import Tree
from fwrkit.agent.packing import bring_pack
from fwrkit.agent.repository import Repository
from fwrkit.agent.upkeep import large_objects
from fwrkit.core.commands import Completed
from fwrkit.core.errors import ExitCode, FwrError

_NEVER = (b"private", b"web", b"status.json")  # the agent's own and the wiki's own (drafts), beside the world


def copy_world(source: Path, target: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Given a world's volume and an empty one, copy the world; owners stay. Return how much it was, and whether it came to rest meanwhile.

    Raise FwrError: NOT_FOUND if there is no world, TAKEN if the target is not empty.
    """
    if not (source / "world" / ".fwr" / "world.toml").is_file():
        raise FwrError(ExitCode.NOT_FOUND, "There is no world in that volume yet.", "Wait until the node has joined: fwrkit status NODE")
    _check_empty(target)
    owner = os.stat(source / "world")
    os.chown(target, owner.st_uid, owner.st_gid)
    with contextlib.closing(Tree(source)) as old, contextlib.closing(Tree(target, (owner.st_uid, owner.st_gid))) as new:
        copier = Copier(old, new, lambda path: path.startswith(b"world/.fwr-sentinel") or path.split(b"/")[0] in _NEVER, report)
        is_still = copier.run()
        new.sync_all()
    files = [what for what in copier.copied.values() if what.state]
    return {"files": len(files), "bytes": sum(what.size for what in files), "is_still": is_still}


def copy_history(source: Path, target: Path) -> dict[str, Any]:
    """Given a node's state volume and an empty one, copy the history into it, large contents too. Return how many versions there are.

    Raise FwrError: NOT_FOUND if there is none, TAKEN if the target is not empty, FAILED.
    """
    repository = Repository(source / "history.git")
    if not repository.exists or not repository.head():
        raise FwrError(ExitCode.NOT_FOUND, "This node holds no history yet.", "It is fetched within seconds once the node is connected.")
    _check_empty(target)
    copy = Repository(target / "history.git")
    copy.path.mkdir()
    references = repository.references("refs/")
    _check(copy.run("init", "--bare", "--quiet", "--initial-branch=main"))
    bring_pack(repository, copy.path, references.values())
    moves = "".join(f"create refs/{name} {oid}\n" for name, oid in references.items())
    _check(copy.run("update-ref", "--stdin", stdin=moves.encode()))
    for file in large_objects(repository.path):
        place = copy.path / file.relative_to(repository.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # kept no longer, since it was listed
            shutil.copyfile(file, place)
    count, _ = copy.read("rev-list", "--count", copy.head())
    return {"versions": int(count)}


def _check(done: Completed) -> None:
    if not done.is_ok:
        raise FwrError(ExitCode.FAILED, f"The history could not be copied: {done.last_words().rstrip('.')}.", "See: fwrkit doctor")


def _check_empty(target: Path) -> None:
    if any(target.iterdir()):
        raise FwrError(ExitCode.TAKEN, "There is something in that volume already.", "Choose another name.")
