"""``fwrkit-agent backup-check`` and ``restore``: a backup looked at from end to end, and a node's empty volumes filled from it.

What can be made anew is left to the agent's start: canon, accounts, what sshd reads. A mark in the state says that a restore was begun; an agent
does not start while it is there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fwrkit.agent.backups import packing, sealing
from fwrkit.agent.backups.archive import FIRST, KEYS, ROOTS, Member, Reader, check_name, damaged
from fwrkit.agent.files.tree import Tree, write_all
from fwrkit.agent.paths import parent
from fwrkit.agent.settings import Node, Places
from fwrkit.core.backups import HEADER_LIMIT, Checked, Header
from fwrkit.core.commands import Command, check
from fwrkit.core.errors import ExitCode, FwrError

MARK = "restoring"  # in the state directory
BEHIND = "behind"  # in the state directory of a server: what fwrkit.agent.server.catching_up goes by
_SMALL_LIMIT = 16 * 1024 * 1024  # bytes of header and keys


def check_backup(request: dict[str, Any], source: int) -> Checked:
    """Given a request (``lock``: by what its keys are opened, None: not at all), read a backup to its end. Raise FwrError if it is not whole."""
    return _looked_at(request, source)[0]


def read_keys(request: dict[str, Any], source: int) -> dict[str, bytes]:
    """Given a request (``lock``), read a backup to its end and return the files of its keys. Raise FwrError if it is not whole, REFUSED if it has none."""
    try:
        found = _looked_at(request, source)[1]
    except FwrError as error:
        if error.code != ExitCode.REFUSED:
            raise
        raise FwrError(error.code, error.message, "Give the passphrase or the --identity that it was made with.") from error
    return found


def _looked_at(request: dict[str, Any], source: int) -> tuple[Checked, dict[str, bytes]]:
    lock = sealing.Lock.from_json(request["lock"])
    keys: dict[str, bytes] = {}
    with packing.unpacked(source) as (before, read):
        reader, header, names = Reader(read), before, []
        for member, content in reader.members():
            names.append(member.name)
            if member.name == FIRST:
                header = _header(member, content, before, is_first=len(names) == 1)
            elif len(names) == 1:
                raise damaged("it does not begin with what it is")
            elif member.name == KEYS and lock is not None:
                keys = {name: file for name, (_, file) in sealing.unseal(_small(member, content), lock).items()}
            else:
                check_name(member.name)
        if header is None:
            raise damaged("it does not say what it is")
        if lock is not None and KEYS not in names:
            raise FwrError(ExitCode.REFUSED, "There are no keys in this backup.", "Restore it without them: --without-keys")
        return Checked(header, reader.files, reader.size, reader.voids), keys


def _header(member: Member, content: Iterator[bytes], before: Header | None, *, is_first: bool) -> Header:
    header = Header.decode(_small(member, content))
    if not is_first or (before is not None and header != before):
        raise damaged("it says two things of itself")
    return header


def _small(member: Member, content: Iterator[bytes]) -> bytes:
    if member.size > (HEADER_LIMIT if member.name == FIRST else _SMALL_LIMIT):
        raise damaged("a member is too large for what it is")
    return b"".join(content)


def check_finished(state: Path) -> None:
    """Raise FwrError (HELD) if a restore into this state was begun and not finished."""
    if (state / MARK).exists():
        hint = "Repeat the `fwrkit restore`; it begins anew."
        raise FwrError(ExitCode.HELD, "This node was being restored from a backup when that was interrupted.", hint)


def restore(request: dict[str, Any], node: Node, places: Places, source: int) -> None:
    """Given a request (``lock`` as above, ``voids``), fill the node's empty volumes. Raise FwrError: TAKEN (not empty), and as before."""
    lock, voids = sealing.Lock.from_json(request["lock"]), {int(each) for each in request["voids"]}
    try:
        _begin(places, node)
        with packing.unpacked(source) as (_, read):
            _Filling(places, node, lock, voids).fill(Reader(read))
        if node.role == "client" and os.geteuid() == 0:  # where the world is in a directory of somebody's; all of a client is theirs
            for place in (places.state, places.keys, places.private):
                _own_all(place, node.owner)
        if node.role == "server" and lock is not None:  # its clients may be further: they are heard first
            (places.state / BEHIND).touch(mode=0o600)
        (places.state / MARK).unlink()
        _sync(places.state)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FwrError(ExitCode.NO_SPACE, "The disk that holds the node's volumes is full.", "Make room, then try again.") from error
        raise FwrError(ExitCode.FAILED, f"The backup could not be restored: {error}.", "See: fwrkit doctor") from error


def _begin(places: Places, node: Node) -> None:
    for place in (places.state, places.keys, places.world, places.private):
        if place.is_dir() and any(place.iterdir()):
            raise FwrError(ExitCode.TAKEN, "The node's volumes are not empty.", "Restore it under another name: --name")
    (places.state / MARK).touch(mode=0o600)
    _sync(places.state)
    places.world.mkdir(exist_ok=True)
    places.private.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(places.world, *node.owner)
    words = ["git", "init", "--quiet", "--bare", "--template=", "--initial-branch=main", "--", os.fspath(places.state / "history.git")]
    check(Command(words, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}, clean=True), timeout=60)


class _Filling:
    """Writes what an archive has to where it belongs, through trees whose links are never followed."""

    def __init__(self, places: Places, node: Node, lock: sealing.Lock | None, voids: set[int]) -> None:
        self._places = places
        self._lock = lock
        self._voids = voids
        roots = (places.world, places.private, places.state, places.state / "history.git")
        owners = (node.owner, None, None, None)
        self._trees = {name: Tree(root, owner) for name, root, owner in zip(ROOTS, roots, owners, strict=True)}
        self._directories: list[tuple[Tree, bytes, int]] = []

    def fill(self, reader: Reader) -> None:
        """Write everything; it is on disk when this returns."""
        try:
            for number, (member, content) in enumerate(reader.members()):
                if number not in self._voids:
                    self._place(member, content)
            for tree, path, mode in reversed(self._directories):
                with tree.directory(parent(path)) as fd:
                    os.chmod(path.rpartition(b"/")[2], mode, dir_fd=fd)
            for tree in self._trees.values():
                tree.sync_all()
            _sync(self._places.keys)
        finally:
            for tree in self._trees.values():
                tree.close()

    def _place(self, member: Member, content: Iterator[bytes]) -> None:
        if member.name == FIRST:
            return
        if member.name == KEYS:
            if self._lock is not None:
                self._keys(_small(member, content))
            return
        check_name(member.name)
        root, _, path = member.name.partition(b"/")
        tree = self._trees[root]
        if member.is_directory:
            tree.make_directories(path)
            if path and member.mode != 0o755:
                self._directories.append((tree, path, member.mode))
            return
        if not path:
            raise damaged("a root is a file")
        tree.make_directories(parent(path))

        def write(fd: int) -> None:
            for piece in content:
                write_all(fd, piece)
            os.fchmod(fd, member.mode)

        tree.create(path, write, member.time)

    def _keys(self, sealed: bytes) -> None:
        assert self._lock is not None
        for name, (info, content) in sealing.unseal(sealed, self._lock).items():
            fd = os.open(self._places.keys / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            try:
                write_all(fd, content)
                os.fsync(fd)
                if os.geteuid() == 0:
                    os.fchown(fd, info.uid, info.gid)
                os.fchmod(fd, stat.S_IMODE(info.mode) & 0o777)
            finally:
                os.close(fd)


def _sync(directory: Path) -> None:
    with contextlib.closing(Tree(directory)) as tree:
        tree.sync_directory(b"")


def _own_all(root: Path, owner: tuple[int, int]) -> None:
    for directory, names, files in os.walk(root):
        for path in (directory, *(os.path.join(directory, name) for name in (*names, *files))):
            os.chown(path, *owner, follow_symlinks=False)
