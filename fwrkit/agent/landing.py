"""The landing places at the server: a citizen's replica, where a run brings contents, and their outbox, where a run fetches them.

Only disk work, done by run workers. What a citizen may write to is opened beneath its root, without following links.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from fwrkit.agent.paths import parent
from fwrkit.agent.states import is_file
from fwrkit.agent.tree import NotRegular, Tree, copy_all


class Landing:
    """The replica and the outbox of one citizen. ``uid`` owns the replica's directories; files of the canon stay the agent's."""

    def __init__(self, state: Path, name: str, uid: int) -> None:
        self.replica = state / "replicas" / name
        self.outbox = state / "outboxes" / name
        self.unison = state / "accounts" / name
        self._uid = uid

    def create(self) -> None:
        """Make the three directories, each for its account alone."""
        for path, owner, mode in ((self.replica, self._uid, 0o700), (self.outbox, 0, 0o750), (self.unison, self._uid, 0o700)):
            path.parent.mkdir(mode=0o711, exist_ok=True)
            path.mkdir(mode=mode, exist_ok=True)
            if os.geteuid() == 0:
                os.chown(path, owner, self._uid)
            path.chmod(mode)

    def prepare_replica(self, links: Iterable[tuple[bytes, bytes]]) -> None:
        """Empty the replica and link what the citizen is known to hold: (path, file of the canon). Links are not writable by the citizen."""
        _empty(self.replica)
        for path, source in links:
            target = os.path.join(os.fsencode(self.replica), path)
            self._make_directories(parent(path))
            try:
                os.link(source, target, follow_symlinks=False)
            except FileNotFoundError:
                continue  # the canon moved on; the run brings the whole content then

    def _make_directories(self, path: bytes) -> None:
        root, done = os.fsencode(self.replica), b""
        for part in path.split(b"/") if path else []:
            done = done + b"/" + part
            try:
                os.mkdir(root + done, 0o700)
            except FileExistsError:
                continue
            if os.geteuid() == 0:
                os.chown(root + done, self._uid, self._uid)

    def collect(self, wanted: Iterable[tuple[int, bytes, bytes]], target: Path, prefix: str) -> tuple[dict[int, str], list[int]]:
        """Given (index, path, hash) of contents that should have arrived, copy them out of the replica into ``target``.

        Return the file names by index, and the indexes whose content is not there or is another: those are asked for again. The copies
        are on disk when this returns.
        """
        tree, found, missing = Tree(self.replica), {}, []
        try:
            for index, path, state in wanted:
                name = f"{prefix}-{index}"
                if self._copy(tree, path, state, target / name):
                    found[index] = name
                else:
                    missing.append(index)
            tree.sync_all()
        finally:
            tree.close()
        return found, missing

    def _copy(self, tree: Tree, path: bytes, state: bytes, target: Path) -> bool:
        try:
            source = tree.open_file(path)
        except (OSError, NotRegular):
            return False
        try:
            fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
            try:
                is_same = copy_all(source, fd) == state
            finally:
                os.close(fd)
            if not is_same:
                target.unlink()
            return is_same
        finally:
            os.close(source)

    def empty_replica(self) -> None:
        """Remove everything from the replica."""
        _empty(self.replica)

    def fill_outbox(self, run: int, links: Iterable[tuple[bytes, bytes]]) -> tuple[int, int]:
        """Link files of the canon, (path, file), into a fresh directory of the outbox; return how many and how many bytes."""
        _empty(self.outbox)
        root = os.fsencode(self.outbox / str(run))
        os.mkdir(root, 0o755)
        count = size = 0
        for path, source in links:
            target = os.path.join(root, path)
            os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
            try:
                os.link(source, target, follow_symlinks=False)
            except FileNotFoundError:
                continue
            count += 1
            size += os.stat(target).st_size
        return count, size

    def empty_outbox(self) -> None:
        """Remove everything from the outbox."""
        _empty(self.outbox)


def wanted(entries: Iterable[tuple[int, bytes, object]]) -> list[tuple[int, bytes, bytes]]:
    """Given (index, path, state), return those that are files."""
    return [(index, path, state) for index, path, state in entries if isinstance(state, bytes) and is_file(state)]


def _empty(directory: Path) -> None:
    for item in os.scandir(directory):
        if item.is_dir(follow_symlinks=False):
            shutil.rmtree(item.path)
        else:
            os.unlink(item.path)
