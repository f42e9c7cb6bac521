"""``fwrkit-agent backup``: everything of this node that can not be made anew, as one stream on standard output (docs/backup.md).

In this order: what of the state belongs together was kept still before; then tables, world, what is private, world again (what was moved
meanwhile from where nobody had looked to where somebody had), history. So nothing that tables name is missing, and no edit is in between.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import shutil
import sqlite3
import stat
import threading
import time
import tomllib
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fwrkit.agent.backups import holding, packing, sealing
from fwrkit.agent.backups.archive import FIRST, KEYS, Member, Writer
from fwrkit.agent.control import ask
from fwrkit.agent.files.ignore import IgnoreList
from fwrkit.agent.files.tree import Busy, NotRegular, Tree
from fwrkit.agent.paths import RECORDS, ancestors, join, name_of
from fwrkit.agent.settings import Places
from fwrkit.core.backups import Header, Made
from fwrkit.core.errors import ExitCode, FwrError

_IN_MEMORY = 4 * 1024 * 1024  # bytes of files that are read before anything is written of them
_TRIES = 5
_PAUSE = 0.05  # seconds before a file that somebody writes is looked at again, and twice as long each time
_HOLD_TIMEOUT = 600.0  # seconds
_SQLITE = b"SQLite format 3\0"
_BESIDE_SQLITE = (b"-wal", b"-shm", b"-journal")
_PRIVATE = (b"exchange", b"kept", b"refused")  # what else is there comes again by itself
_CACHES = frozenset({b"cache", b".cache", b"tmp", b"locks", b"node_modules"})
_STATE_FILES = ("audit.seen",)
_SHOWN = 20
_OBJECT_DIRECTORIES = (b"objects", b"lfs/objects")
_LISTS = 50  # times that a history's files are listed while it is repacked


class Backup:
    """One backup in the making."""

    def __init__(self, places: Places, header: Header, write: Writer, scratch: Path) -> None:
        self._places = places
        self._header = header
        self._writer = write
        self._scratch = scratch
        self._seen: set[bytes] = set()
        self._files: set[bytes] = set()
        self._left: dict[bytes, str] = {}
        self._unsteady: list[bytes] = []
        self._caches = _caches(places.world)

    def make(self, sealed: bytes | None) -> Made:
        """Write everything."""
        now = self._header.made * 10**9
        self._writer.content(Member(FIRST, False, len(self._header.encode()), 0o644, now), self._header.encode())
        if sealed is not None:
            self._writer.content(Member(KEYS, False, len(sealed), 0o600, now), sealed)
        with contextlib.closing(Tree(self._scratch)) as held:
            self._tree(held, b"state", lambda path: path == holding.REFERENCES.encode())
        self._state_files()
        with contextlib.closing(Tree(self._places.world)) as world:
            self._tree(world, b"world", self._is_cache)
            if self._places.private.is_dir():
                with contextlib.closing(Tree(self._places.private)) as private:
                    for name in _PRIVATE:
                        self._tree(private, b"private", None, beneath=name)
            self._tree(world, b"world", self._is_cache)
        self._history()
        self._writer.close()
        first = [f"{os.fsdecode(path)}: {why}" for path, why in list(self._left.items())[:_SHOWN]]
        unsteady = [os.fsdecode(path) for path in self._unsteady]
        return Made(self._writer.files, self._writer.size, self._writer.directories, len(self._left), first, unsteady)

    def _state_files(self) -> None:
        with contextlib.closing(Tree(self._places.state)) as state:
            for name in _STATE_FILES:
                self._file(state, os.fsencode(name), b"state/" + os.fsencode(name))

    def _is_cache(self, path: bytes) -> bool:
        return name_of(path) in _CACHES and self._caches.matches(path)

    def _tree(self, tree: Tree, root: bytes, skip: Any, beneath: bytes = b"") -> None:
        """Write everything beneath a directory that is not in the backup yet."""

        def closed(path: bytes) -> None:
            self._left[join(root, path)] = "may not be read"

        for path, status in tree.walk(beneath, skip, closed):
            name = join(root, path)
            if name in self._seen or any(above in self._files for above in ancestors(name)):
                continue  # there already; or what was a file is a directory now, newer than this backup
            if stat.S_ISDIR(status.st_mode):
                self._seen.add(name)
                self._writer.directory(Member.of(name, status, is_directory=True))
            elif stat.S_ISREG(status.st_mode):
                self._file(tree, path, name)
            else:
                self._left[name] = "no regular file"

    def _file(self, tree: Tree, path: bytes, name: bytes) -> bool:
        """Write a file, whole; say whether it was there."""
        self._left.pop(name, None)
        for ending in _BESIDE_SQLITE:
            if name.endswith(ending) and name.removesuffix(ending) + b"\0sqlite" in self._seen:
                return False  # what was in it is in the copy
        try:
            with self._opened(tree, path) as fd:
                if self._is_live_database(name, fd) and self._database(tree, path, name, fd):
                    return True
                self._seen.add(name)
                self._files.add(name)
                status = os.fstat(fd)
                if status.st_size <= _IN_MEMORY and self._small(tree, path, name):
                    return True
            return self._large(tree, path, name)
        except FileNotFoundError:
            self._seen.discard(name)
            return False
        except NotRegular:
            self._left[name] = "no regular file"
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.ENOTDIR):
                raise
            self._left[name] = "may not be read" if error.errno != errno.ENOTDIR else "no regular file"
        return False

    @contextlib.contextmanager
    def _opened(self, tree: Tree, path: bytes) -> Iterator[int]:
        fd = tree.open_file(path)
        try:
            yield fd
        finally:
            os.close(fd)

    def _small(self, tree: Tree, path: bytes, name: bytes) -> bool:
        """Write a file that is read while nobody writes it; say no if somebody does all the time, or it has grown."""
        for number in range(_TRIES):
            try:
                taken = tree.take(path, _IN_MEMORY)
            except Busy:
                time.sleep(_PAUSE * 2**number)
                continue
            if taken.content is None:
                return False
            with self._opened(tree, path) as fd:
                status = os.fstat(fd)
            member = dataclasses.replace(Member.of(name, status), size=len(taken.content), time=taken.stamp.time)
            self._writer.content(member, taken.content)
            return True
        return False

    def _large(self, tree: Tree, path: bytes, name: bytes) -> bool:
        """Write a file piece by piece, again if it changed meanwhile; in the end as it is, and say so."""
        for number in range(_TRIES):
            with self._opened(tree, path) as fd:
                is_last = number == _TRIES - 1
                if self._writer.file(Member.of(name, os.fstat(fd)), fd, is_last_try=is_last):
                    return True
        self._unsteady.append(name)
        return True

    def _is_live_database(self, name: bytes, fd: int) -> bool:
        """On a client, its own applications write databases; on a server, nobody does: the world is read-only there."""
        return self._header.role == "client" and name.startswith(b"world/") and os.pread(fd, len(_SQLITE), 0) == _SQLITE

    def _database(self, tree: Tree, path: bytes, name: bytes, fd: int) -> bool:
        """Write a consistent copy of a SQLite database of the world; say no if SQLite does not take it for one."""
        copy = self._scratch / "database"
        copy.unlink(missing_ok=True)
        place = urllib.parse.quote(os.path.join(tree.root, path))
        try:
            with (
                contextlib.closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True, timeout=5)) as source,
                contextlib.closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target)
        except sqlite3.Error:
            return False
        self._seen |= {name, name + b"\0sqlite"}
        self._files.add(name)
        with copy.open("rb") as file:
            member = dataclasses.replace(Member.of(name, os.fstat(fd)), size=os.fstat(file.fileno()).st_size)
            self._writer.file(member, file.fileno(), is_last_try=True)
        copy.unlink()
        return True

    # the history

    def _history(self) -> None:
        references = self._scratch / holding.REFERENCES
        if not references.exists():
            return
        content = b"# pack-refs with: sorted \n" + references.read_bytes()
        self._writer.content(Member(b"history/packed-refs", False, len(content), 0o644, self._header.made * 10**9), content)
        with contextlib.closing(Tree(self._places.state / "history.git")) as tree:
            for _ in range(_LISTS):
                if self._objects(tree):
                    return
        raise FwrError(ExitCode.FAILED, "The history is being repacked all the time.", "Try again in a moment.")

    def _objects(self, tree: Tree) -> bool:
        """Write the files of objects that are not in the backup yet; say whether none went meanwhile.

        Objects do not go, but their files do: when they have been packed, into a file that is there before. So it is listed again.
        """
        is_whole = True
        for root in _OBJECT_DIRECTORIES:
            if tree.status(root) is None:
                continue
            for path, status in tree.walk(root):
                name = join(b"history", path)
                if stat.S_ISREG(status.st_mode) and name not in self._seen and _is_object(path) and not self._file(tree, path, name):
                    self._seen.discard(name)
                    is_whole = is_whole and path.startswith(b"lfs/")  # a large content's time may be over meanwhile
        return is_whole


def _is_object(path: bytes) -> bool:
    """Say whether a file of a history holds objects: not what git makes anew from them, nor what is being written."""
    name, directory = name_of(path), path.split(b"/")[1]
    if path.startswith(b"lfs/"):
        return len(name) == 64
    return (
        len(directory) == 2
        if len(name) == 38
        else directory == b"pack" and name.startswith(b"pack-") and name.endswith((b".pack", b".idx", b".rev"))
    )


def _caches(world: Path) -> IgnoreList:
    """Return what never travels in this world: a directory of a cache's name is one only where its template says so."""
    try:
        rules = tomllib.loads((world / os.fsdecode(RECORDS) / "world.toml").read_text())
        return IgnoreList(str(pattern) for pattern in rules["ignore"])
    except (OSError, ValueError, KeyError, TypeError):
        return IgnoreList(())


def _identity(world: Path) -> dict[str, Any]:
    try:
        rules = tomllib.loads((world / os.fsdecode(RECORDS) / "world.toml").read_text())
        return {"world_id": str(rules["id"]), "world_name": str(rules["name"]), "template": str(rules["template"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def backup(request: dict[str, Any], places: Places, out: int, begun: Callable[[Path], None] = lambda _: None) -> Made:
    """Given a request (``header``, ``lock``, ``is_compressed``, ``is_alone``: no agent runs), write the backup to a descriptor.

    ``begun`` is told where what goes with it lies meanwhile. Raise FwrError.
    """
    header = dataclasses.replace(Header(**request["header"]), **_identity(places.world))
    lock = sealing.Lock.from_json(request["lock"])
    with holding.scratch(places.state) as scratch:
        begun(scratch)
        with holding.told():
            sealed = sealing.seal(places.keys, lock) if lock is not None else None
            if header.role == "server" and not request["is_alone"]:
                ask(places.control, "hold", {"target": str(scratch)}, _HOLD_TIMEOUT)
            else:
                holding.hold(places.state, scratch)
            with packing.packed(out, header, is_compressed=bool(request["is_compressed"])) as write:
                return Backup(places, header, Writer(write), scratch).make(sealed)


def end_with_input(scratch: Path) -> None:
    """End the process when nobody holds its standard input open any more: who asked for the backup is gone."""

    def listen() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                continue
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(int(ExitCode.INTERRUPTED))

    threading.Thread(target=listen, daemon=True).start()
