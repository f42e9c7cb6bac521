"""The content of a file of some version, byte for byte, wherever this node finds it.

What is large is in no commit (a pointer stands for it): it comes from the node's own store of large files, else from its world if that has
just this content, else from the server. Nothing that came from elsewhere is handed on before its hash is known.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from fwrkit.agent import paths
from fwrkit.agent.files.tree import NotRegular, Tree, copy_all, write_all
from fwrkit.agent.history_reading import Content
from fwrkit.agent.repository import Repository, large_path
from fwrkit.core.commands import Command, stream
from fwrkit.core.errors import ExitCode, FwrError

_TIMEOUT = 3600.0  # seconds
_PIECE = 1024 * 1024  # bytes
_SSH_FAILED = 255  # exit status of ssh itself

Write = Callable[[bytes], object]


class Fetch(Protocol):
    """How a large content comes from elsewhere: given its hash, its size in bytes and a file that is open for writing."""

    def __call__(self, state: bytes, size: int, target: int, /) -> None:
        """Write the content to the file. Raise FwrError: NOT_FOUND if it is kept no longer, UNREACHABLE."""


def write_content(repository: Repository, content: Content, world: Path, fetch: Fetch | None, write: Write) -> None:
    """Write a file's content piece by piece. ``fetch`` is None where there is nobody to ask.

    Raise FwrError: NOT_FOUND if it is kept no longer, UNREACHABLE if the server would have to be asked and can not be.
    """
    if content.large is None:
        write(repository.blob(content.oid, limit=max(content.size, 1)))
        return
    stored = large_path(repository.path, content.large)
    if not _is_whole(stored, content.large):
        _store(stored, content, world, fetch)
    with open(stored, "rb") as file:
        while piece := file.read(_PIECE):
            write(piece)


def gone(content: Content) -> FwrError:
    """Return the error that says that a large file's old content is kept no longer."""
    message = f"The content of {paths.shown(content.path)!r} in version {content.version[:10]} ({content.size} bytes) is kept no longer."
    return FwrError(ExitCode.NOT_FOUND, message, "Old versions of large files go after a time; a snapshot keeps those that it holds.")


def _is_whole(path: Path, state: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest() == state
    except FileNotFoundError:
        return False


def _store(stored: Path, content: Content, world: Path, fetch: Fetch | None) -> None:
    """Bring a large content into the store, from the world or from elsewhere."""
    assert content.large is not None
    stored.parent.mkdir(parents=True, exist_ok=True)
    temporary = stored.with_name(f"{stored.name}.{os.getpid()}.tmp")
    fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        if not _copy_from_world(world, content.path, content.large, fd):
            if fetch is None:
                raise gone(content)
            os.ftruncate(fd, 0)
            os.lseek(fd, 0, os.SEEK_SET)
            try:
                fetch(content.large, content.size, fd)
            except FwrError as error:
                raise (gone(content) if error.code is ExitCode.NOT_FOUND else error) from error
            if not _is_whole(temporary, content.large):
                raise FwrError(ExitCode.FAILED, "What came from the server is another content.", "Try again; see: fwrkit doctor")
        os.fsync(fd)
        os.replace(temporary, stored)
    finally:
        os.close(fd)
        temporary.unlink(missing_ok=True)


def _copy_from_world(world: Path, path: bytes, state: bytes, target: int) -> bool:
    if not world.is_dir():
        return False
    tree = Tree(world)
    try:
        source = tree.open_file(path)
    except (OSError, NotRegular):
        return False
    finally:
        tree.close()
    try:
        return copy_all(source, target) == state
    finally:
        os.close(source)


def over(ssh: list[str]) -> Fetch:
    """Given the command that opens a channel to the server's gate, return how a large content comes from there."""

    def fetch(state: bytes, size: int, target: int, /) -> None:
        left = size

        def take(piece: bytes) -> bool:
            nonlocal left
            left -= len(piece)
            if left >= 0:
                write_all(target, piece)
            return left >= 0

        done = stream(Command([*ssh, f"object {state.hex()}"]), take, _TIMEOUT)
        if done.status == _SSH_FAILED:
            raise FwrError(
                ExitCode.UNREACHABLE, "This large file is on the server only, which is out of reach.", "Try again when connected."
            )
        if not done.is_ok:
            raise FwrError(ExitCode.NOT_FOUND, "The server does not have it.", "")

    return fetch
