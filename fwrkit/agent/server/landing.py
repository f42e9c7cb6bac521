"""The landing places at the server: a citizen's replica, where a run brings contents, and their outbox, where a run fetches them.

Both are flat (:mod:`fwrkit.agent.files.flat`). So no name that a citizen chose, however strange or
long, meets a filesystem here, and nothing has to be created, followed or walked but one directory. Only disk work, done by run workers.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path

from fwrkit.agent.files.flat import empty, place_name
from fwrkit.agent.files.tree import NotRegular, Tree, copy_all
from fwrkit.agent.states import is_file


class Landing:
    """The replica and the outbox of one citizen. ``uid`` owns the replica's directory; files of the canon stay the agent's."""

    def __init__(self, state: Path, name: str, uid: int) -> None:
        self.replica = state / "replicas" / name
        self.outbox = state / "outboxes" / name
        self.unison = state / "accounts" / name
        self._uid = uid

    def create(self) -> None:
        """Make the three directories, each for its account alone. Harmless when repeated."""
        for path, owner, mode in ((self.replica, self._uid, 0o700), (self.outbox, 0, 0o750), (self.unison, self._uid, 0o700)):
            path.parent.mkdir(mode=0o711, exist_ok=True)
            path.mkdir(mode=mode, exist_ok=True)
            if os.geteuid() == 0:
                os.chown(path, owner, self._uid)
            path.chmod(mode)

    def prepare_replica(self, links: Iterable[tuple[bytes, bytes]]) -> None:
        """Empty the replica and link what the citizen is known to hold: (path, file of the canon), so that only differences travel.

        A link is not writable by the citizen; Unison replaces names and never writes in place.
        """
        empty(self.replica)
        empty(self.unison)
        _link_all(self.replica, links)

    def collect(self, wanted: Iterable[tuple[int, bytes, bytes, int]], target: Path, prefix: str) -> tuple[dict[int, str], list[int]]:
        """Given (index, path, hash, size) of contents that should have arrived, copy them out of the replica into ``target``, under new names.

        Return the file names by index, and the indexes whose content is not there or is another: those are asked for again. The copies
        are on disk when this returns.
        """
        tree, found, missing = Tree(self.replica), {}, []
        try:
            for index, path, state, size in wanted:
                name = f"{prefix}-{index}"
                if _copy_verified(tree, place_name(path).encode(), state, size, target / name):
                    found[index] = name
                else:
                    missing.append(index)
            tree.sync_all()
        except BaseException:  # a full disk, mostly: it would stay full, as the next try has other names
            for name in found.values():
                (target / name).unlink()
            raise
        finally:
            tree.close()
        return found, missing

    def empty_replica(self) -> None:
        """Remove everything from the replica, and Unison's memory of it: every run begins without one."""
        empty(self.replica)
        empty(self.unison)

    def forget(self) -> None:
        """Remove Unison's memory, and its locks."""
        with contextlib.suppress(FileNotFoundError):
            empty(self.unison)

    def fill_outbox(self, run: int, links: Iterable[tuple[bytes, bytes]]) -> tuple[int, int]:
        """Link files of the canon, (path, file), into a fresh directory of the outbox; return how many and how many bytes."""
        empty(self.outbox)
        empty(self.unison)
        directory = self.outbox / str(run)
        directory.mkdir(mode=0o755)
        return _link_all(directory, links)

    def empty_outbox(self) -> None:
        """Remove everything from the outbox."""
        empty(self.outbox)
        empty(self.unison)


def wanted(entries: Iterable[tuple[int, bytes, object, int]]) -> list[tuple[int, bytes, bytes, int]]:
    """Given (index, path, state, size), return those that are files."""
    return [(index, path, state, size) for index, path, state, size in entries if isinstance(state, bytes) and is_file(state)]


def _link_all(directory: Path, links: Iterable[tuple[bytes, bytes]]) -> tuple[int, int]:
    count = size = 0
    for path, source in links:
        target = directory / place_name(path)
        try:
            os.link(source, os.fsencode(target), follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EPERM):  # EPERM: a directory is there now
                raise
            continue  # the canon moved on: what is missing is asked for again
        count += 1
        size += target.stat().st_size
    return count, size


def _copy_verified(tree: Tree, name: bytes, state: bytes, size: int, target: Path) -> bool:
    try:
        source = tree.open_file(name)
    except (OSError, NotRegular):
        return False
    try:
        if os.fstat(source).st_size != size:  # before anything is copied: what is not announced may be as large as it likes
            return False
        # what was received is never written again: the canon and the history have links to it
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        is_same = False
        try:
            is_same = copy_all(source, fd, size) == state
        finally:
            os.close(fd)
            if not is_same:
                target.unlink()
        return is_same
    finally:
        os.close(source)
