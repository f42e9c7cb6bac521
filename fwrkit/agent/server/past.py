"""The history that a world is founded with: brought from another repository, as it was up to one version of it.

Objects come as one pack, so that what the other one is repacked into meanwhile makes no difference. What the tables know of versions (which
content a path had, and when) is read from the commits: no table of the other server is looked at.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fwrkit.agent import history_reading, paths
from fwrkit.agent.files.copying import Copied
from fwrkit.agent.files.tree import NotRegular, Tree, copy_all, write_all
from fwrkit.agent.packing import bring_pack
from fwrkit.agent.repository import SNAPSHOTS, Pointer, Repository, large_path, pointer_oid, pointer_text
from fwrkit.agent.server.history import CommittedFile, History
from fwrkit.agent.server.store import Store
from fwrkit.agent.settings import Settings
from fwrkit.agent.snapshots import Tag, is_snapshot_name, tag_of
from fwrkit.agent.states import ABSENT, DIRECTORY, State, file_state
from fwrkit.core.errors import ExitCode, FwrError

_LISTED = 3
# DokuWiki takes a page for edited by hand whose time is not that of its changelog's last line
_CHANGELOG = re.compile(rb"(?s)(.+)/data/(meta|media_meta)/(.+)\.changes\Z")


@dataclass(frozen=True)
class Head:
    """What a path has in the version: the file, by whom it was changed last and when (Unix nanoseconds)."""

    file: CommittedFile
    author: str
    time: int


class Past:
    """One version of a repository, and all before it. ``world`` is the tree beside it, where large contents may lie that the repository lacks.

    ``large_limit``: the size in bytes up to which a file is no large one; ``number``: the server's id of the newest version in it, as far as it
    says; ``heads``: the version's files; ``count``: how many versions there are; ``lost``: large contents of old versions that are not to be had;
    ``snapshots``: the names that versions up to this one have in the other world.
    Raise FwrError from the constructor: NOT_FOUND or USAGE if there is no such version.
    """

    def __init__(self, source: Repository, world: Path, wanted: str) -> None:
        self._source = source
        self._world = world
        self.version = history_reading.resolve(source, wanted)
        self.heads: dict[bytes, Head] = {}
        self.large_limit = Settings.large_limit
        self.count = 0
        self.lost = 0
        self.number = source.number() if self.version == source.head() else 0
        self.snapshots: list[Tag] = []
        self._large: dict[bytes, int] = {}
        self._target: History | None = None

    def bring(self, history: History, store: Store, report: Callable[[str], None], with_tags: bool = False) -> None:
        """Bring it into an empty repository and empty tables, with the snapshots as they are signed if asked.

        Raise FwrError (FAILED) if it can not be read as a whole.
        """
        bring_pack(self._source, history.path, [self.version])
        history.start_at(self.version)
        self._target = history
        report("Reading the history")
        self._remember(history, store)
        if with_tags and self.snapshots:
            tags = self._source.references(SNAPSHOTS)
            bring_pack(self._source, history.path, [tags[each.name] for each in self.snapshots], without=self.version)
            history.point_at({SNAPSHOTS + each.name: tags[each.name] for each in self.snapshots})
        report(f"{self.count:,} versions are here; copying {len(self._large):,} contents of large files")
        for state, size in self._large.items():
            self._bring_large(history, state, size)

    def _remember(self, history: History, store: Store) -> None:
        known: dict[str, CommittedFile] = {}
        rows: list[tuple[bytes, State, int, int, str, bytes | None]] = []
        named = _tags(self._source)
        for step in history_reading.steps(Repository(history.path), self.version):
            self.count += 1
            self.snapshots += named.get(step.version, [])
            moment = step.time * 10**9
            for path, oid in step.changes:
                if not paths.is_well_formed(path):
                    text = f"The history there has what is no path in a world: {paths.shown(path)!r}."
                    raise FwrError(ExitCode.FAILED, text, "Take the world without its history: leave --history out.")
                if not oid:
                    self.heads.pop(path, None)
                    rows.append((path, ABSENT, 0, moment, step.author, None))
                    continue
                file = known.get(oid)
                if file is None:
                    file = known[oid] = self._file(history, bytes.fromhex(oid))
                    if pointer_oid(Pointer(file.state, file.size)) == file.oid:
                        self._large[file.state] = file.size
                self.heads[path] = Head(file, step.author, moment)
                rows.append((path, file.state, file.size, moment, step.author, file.oid))
        with store.transaction():
            store.add_past(rows)

    def _file(self, history: History, oid: bytes) -> CommittedFile:
        """Return what a blob stands for. A small text that looks like a pointer, with nothing behind it, is what somebody wrote."""
        file = history.committed(oid)
        is_pointer = pointer_oid(Pointer(file.state, file.size)) == oid
        if not is_pointer or file.size > self.large_limit or large_path(self._source.path, file.state).exists():
            return file
        text = pointer_text(Pointer(file.state, file.size))
        return CommittedFile(file_state(text), len(text), oid)

    def _bring_large(self, history: History, state: bytes, size: int) -> None:
        source = large_path(self._source.path, state)
        try:
            fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return  # an old one that is kept no longer, or never was: of a current one, the world has it
        try:
            _write_large(history, state, size, fd)
        finally:
            os.close(fd)

    def check_out(self, target: Tree, leave_out: Callable[[bytes], bool], directories: Sequence[bytes]) -> dict[bytes, Copied]:
        """Fill a tree with the version's files, and with some directories in any case. Raise FwrError (NOT_FOUND) where a large content lacks."""
        copied: dict[bytes, Copied] = {}
        for directory in directories:
            _make_directory(target, directory, copied)
        missing = []
        for path, head in sorted(self.heads.items()):
            if leave_out(path):
                continue
            _make_directory(target, paths.parent(path), copied)
            if not self._write(target, path, head):
                missing.append(path)
                continue
            copied[path] = Copied(head.file.state, head.file.size, head.time)
        if missing:
            names = ", ".join(paths.shown(path) for path in missing[:_LISTED])
            text = f"{len(missing)} large files of that version are not on this node: {names}."
            raise FwrError(ExitCode.NOT_FOUND, text, "Read them there first (fwrkit cat PATH@VERSION), or fork from the server.")
        self._set_times(target, copied)
        return copied

    def complete(self, target: Tree, copied: dict[bytes, Copied]) -> None:
        """Put into a tree what the version has and the copy lacks: what a node leaves out, or has not got yet, is not deleted.

        Raise FwrError (REFUSED) where a large content is not to be had.
        """
        missing = []
        for path, head in sorted(self.heads.items()):
            in_the_way = [above for above in paths.ancestors(path) if above in copied and copied[above].state != DIRECTORY]
            if path in copied or in_the_way:
                continue
            _make_directory(target, paths.parent(path), copied)
            if self._write(target, path, head):
                copied[path] = Copied(head.file.state, head.file.size, head.time)
            else:
                missing.append(path)
        if missing:
            names = ", ".join(paths.shown(path) for path in missing[:_LISTED])
            text = f"{len(missing)} large files of the world are not on this node: {names}."
            raise FwrError(ExitCode.REFUSED, text, "Promote a node that has them: one that leaves nothing out (fwrkit filters).")

    def read(self, path: bytes) -> bytes:
        """Return a small file of the version, which strangers' programs can not have written. Raise FwrError (NOT_FOUND)."""
        return self._source.blob(history_reading.find(self._source, path, self.version).oid)

    def _write(self, target: Tree, path: bytes, head: Head) -> bool:
        history, file = self._target, head.file
        assert history is not None
        if file.state not in self._large:
            content = history.read(file.oid, file.state)
            target.create(path, lambda fd: write_all(fd, content), head.time)
            return True
        if history.large_object(file.state) is None:
            with contextlib.closing(Tree(self._world)) as world, contextlib.suppress(OSError, NotRegular):
                fd = world.open_file(path)
                try:
                    _write_large(history, file.state, file.size, fd)
                finally:
                    os.close(fd)
        large = history.large_object(file.state)
        if large is None:
            return False
        fd = os.open(large, os.O_RDONLY)
        try:
            target.create(path, lambda out: (copy_all(fd, out), None)[1], head.time)
        finally:
            os.close(fd)
        return True

    def _set_times(self, target: Tree, copied: dict[bytes, Copied]) -> None:
        """Give pages of a wiki the times that their changelogs say: a commit may be some seconds younger than what it holds."""
        for path in list(copied):
            page = page_of(path)
            moment = _last_time(target, path) if page else 0
            if page in copied and copied[page].state != DIRECTORY and moment:
                os.utime(os.path.join(target.root, page), ns=(moment, moment), follow_symlinks=False)
                copied[page] = Copied(copied[page].state, copied[page].size, moment)

    def count_lost(self, history: History, store: Store) -> None:
        """When everything is here that is to be had: have the tables know which contents of old versions are not."""
        for state in self._large:
            if history.large_object(state) is None:
                self.lost += store.drop_content(state)


def _tags(source: Repository) -> dict[str, list[Tag]]:
    """Return the snapshots of a repository by version."""
    found: dict[str, list[Tag]] = {}
    for name, oid in source.references(SNAPSHOTS).items():
        tag = tag_of(source, oid)
        if tag is not None and tag.name == name and is_snapshot_name(name):
            found.setdefault(tag.version, []).append(tag)
    return found


def _make_directory(target: Tree, path: bytes, copied: dict[bytes, Copied]) -> None:
    if not path or path in copied:
        return
    target.make_directories(path)
    for each in (*paths.ancestors(path), path):
        copied.setdefault(each, Copied(DIRECTORY))


def _write_large(history: History, state: bytes, size: int, fd: int) -> None:
    """Put a large content into the repository if an open file has it."""
    if os.fstat(fd).st_size != size or history.large_object(state) is not None:
        return
    path = large_path(history.path, state)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with open(temporary, "wb") as file:
        is_it = copy_all(fd, file.fileno()) == state
    if is_it:
        os.replace(temporary, path)
    else:
        temporary.unlink()


def page_of(path: bytes) -> bytes:
    """Given a path, return that of the wiki's page or medium of which it is the changelog, empty if it is none."""
    match = _CHANGELOG.match(path)
    if match is None:
        return b""
    site, kind, name = match.groups()
    return bytes(site + (b"/data/pages/" + name + b".txt" if kind == b"meta" else b"/data/media/" + name))


def _last_time(target: Tree, path: bytes) -> int:
    """Return the time of a changelog's last line in Unix nanoseconds, 0 if it says none."""
    fd = target.open_file(path)
    with os.fdopen(fd, "rb") as file:
        file.seek(max(0, os.fstat(fd).st_size - 8192))
        return last_moment(file.read())


def last_moment(changelog: bytes) -> int:
    """Given the end of a changelog, return the time of its last line in Unix nanoseconds, 0 if it says none."""
    lines = changelog.splitlines()
    word = lines[-1].split(b"\t")[0] if lines else b""
    return int(word) * 10**9 if word.isdigit() and len(word) <= 12 else 0
