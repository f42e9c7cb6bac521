"""The history: a bare git repository, one commit per settled batch and author.

Trees are written as raw objects: libgit2's index takes no names that are not UTF-8, git itself does. Files above a size go in as Git LFS
pointers, with their content in the LFS layout (``lfs/objects/aa/bb/<sha256>``). Directories that are empty live in the server's tables only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pygit2

from fwrkit.agent.files import linux
from fwrkit.agent.paths import ancestors, join
from fwrkit.agent.repository import BRANCH, Pointer, large_path, parse_pointer, pointer_text, split_number, with_number
from fwrkit.agent.states import State, file_state, is_file

_FILE_MODE = b"100644"
_TREE_MODE = b"40000"


class Damaged(Exception):
    """Something in the repository that is needed can not be read."""


@dataclass(frozen=True)
class Version:
    """One change of one path, as it goes into a commit. ``received`` is in Unix nanoseconds."""

    id: int
    path: bytes
    state: State
    author: str
    received: int
    note: str


@dataclass(frozen=True)
class CommittedFile:
    """A file of a commit: its content's SHA-256, size in bytes, and the raw id of its blob (a pointer's, if it is large)."""

    state: bytes
    size: int
    oid: bytes


@dataclass
class _Node:
    """A tree that is being changed: its entries as they were read, and the subtrees that were opened."""

    entries: dict[bytes, tuple[bytes, bytes]]
    opened: dict[bytes, _Node]


class History:
    """One repository. Not safe for two writers; reading from other threads is."""

    def __init__(self, path: Path, world: str) -> None:
        self.path = path
        self.domain = world
        pygit2.settings.enable_caching(False)  # every tree and commit would stay in memory, up to 256 MiB; none is read often
        if not (path / "HEAD").exists():
            pygit2.init_repository(str(path), bare=True, initial_head="main")
        self._repository = pygit2.Repository(str(path))

    def reopen(self) -> None:
        """Forget what was read: objects were changed behind the library's back."""
        self._repository = pygit2.Repository(str(self.path))

    def head(self) -> str:
        """Return the newest commit's id as hex, empty if there is none."""
        reference = self._repository.references.get(BRANCH)
        return str(reference.target) if reference is not None else ""

    def read(self, oid: bytes, state: bytes = b"") -> bytes:
        """Given a blob's raw id, return the content, a large object's too, unless the pointer's own text is wanted. Raise KeyError."""
        data = self._object(oid)
        pointer = parse_pointer(data)
        if pointer is None or file_state(data) == state:
            return data
        large = self.large_object(pointer.state)
        if large is None:  # kept no longer: the pointer's text must not be taken for the content
            raise KeyError(pointer.state.hex())
        return large.read_bytes()

    def large_object(self, state: bytes) -> Path | None:
        """Return the file of a large object by its SHA-256, None if it is not there."""
        path = large_path(self.path, state)
        return path if path.exists() else None

    def write(self, content: bytes) -> bytes:
        """Write a content as a blob and return its raw id."""
        return bytes(self._repository.create_blob(content).raw)

    def write_large(self, state: bytes, size: int, source: Path) -> bytes:
        """Write a content that lies in a file as a large object and its pointer; return the pointer's raw blob id."""
        target = large_path(self.path, state)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_suffix(".tmp")
            temporary.unlink(missing_ok=True)
            try:
                os.link(source, temporary)  # received files are never written again
            except OSError:
                shutil.copyfile(source, temporary)
            os.replace(temporary, target)
        return self.write(pointer_text(Pointer(state, size)))

    def commit(self, versions: list[Version], blob_of: Callable[[Version], bytes], number: int = 0) -> str:
        """Commit versions of one author as one commit and return its id. The repository is on disk when this returns.

        ``blob_of`` gives the raw blob id of a version that is a file. ``number``: every version up to this id is in the history then;
        by it, a client knows that it has fetched what it has heard of.
        """
        reference = self._repository.references.get(BRANCH)
        parents = [reference.target] if reference is not None else []
        blobs = [blob_of(version) if is_file(version.state) else None for version in versions]
        try:
            root = self._read_tree(self._tree_of(parents[0])) if parents else _Node({}, {})
            for version, blob in zip(versions, blobs, strict=True):
                self._set(root, version.path.split(b"/"), blob, version.state)
        except (KeyError, ValueError, pygit2.GitError) as error:
            raise Damaged(str(error)) from error
        tree = pygit2.Oid(raw=self._write_tree(root))
        author, seconds = versions[0].author, versions[-1].received // 10**9
        message = message_of(versions)
        return self._commit(tree, author, seconds, with_number(message, number) if number else message, parents)

    def _commit(self, tree: pygit2.Oid, author: str, seconds: int, message: str, parents: list[pygit2.Oid]) -> str:
        signature = pygit2.Signature(author, f"{author}@{self.domain}", seconds, 0)
        commit = self._repository.create_commit(None, signature, signature, message, tree, parents)
        self.sync()
        self._repository.references.create(BRANCH, commit, force=True)
        self.sync()
        return str(commit)

    def commit_tree(self, files: Iterable[tuple[bytes, bytes]], author: str, seconds: int, message: str, number: int = 0) -> str:
        """Commit a whole tree, (path, raw blob id), on top of the newest commit, and return the commit's id; ``number`` as in :meth:`commit`."""
        root = self._whole(files)
        parents = [pygit2.Oid(hex=self.head())] if self.head() else []
        return self._commit(pygit2.Oid(raw=self._write_tree(root)), author, seconds, with_number(message, number), parents)

    def _whole(self, files: Iterable[tuple[bytes, bytes]]) -> _Node:
        """Return the tree that has these files, (path, raw blob id), and nothing else."""
        root = _Node({}, {})
        for path, oid in files:
            self._set(root, path.split(b"/"), oid, b"f")
        return root

    def start_at(self, commit: str) -> None:
        """Make a commit (hex) whose objects were put here the newest one."""
        self.point_at({BRANCH: commit})

    def point_at(self, references: Mapping[str, str]) -> None:
        """Make references to objects (hex) that were put here."""
        self.reopen()
        for name, oid in references.items():
            self._repository.references.create(name, pygit2.Oid(hex=oid), force=True)

    def has(self, oid: bytes) -> bool:
        """Say whether an object is here, by its raw id."""
        return pygit2.Oid(raw=oid) in self._repository

    def add_tag(self, reference: str, text: bytes) -> None:
        """Write a tag's object and a reference to it, durably. Raise pygit2.AlreadyExistsError if there is such a reference."""
        if reference in self._repository.references:
            raise pygit2.AlreadyExistsError(reference)
        oid = self._repository.write(pygit2.GIT_OBJECT_TAG, text)
        self.sync()
        self._repository.references.create(reference, oid)
        self.sync()

    def move_tag(self, reference: str, text: bytes) -> str:
        """Write a tag's object and have a reference name it, durably; return the id (hex) of what it named before, empty if nothing."""
        known = self._repository.references.get(reference)
        before = str(known.target) if known is not None else ""
        oid = self._repository.write(pygit2.GIT_OBJECT_TAG, text)
        self.sync()
        self._repository.references.create(reference, oid, force=True)
        self.sync()
        return before if before != str(oid) else ""

    def number(self) -> int:
        """Return the server's id of the newest version that is in the history by the newest commit's word, 0 if it says none. Raise as :meth:`committed`."""
        head = self.head()
        message = self._object(bytes.fromhex(head)).partition(b"\n\n")[2] if head else b""
        return split_number(message.decode("utf-8", "replace"))[1]

    def begin_anew(self, files: Iterable[tuple[bytes, bytes]], author: str, seconds: int, message: str, parent: str) -> str:
        """Commit a whole tree, (path, raw blob id), where the newest commit's can not be read any more; return the commit's id.

        It follows the newest commit if that one can be read, else ``parent`` (hex; empty: none).
        """
        root = self._whole(files)
        parents = [pygit2.Oid(hex=parent)] if parent else []
        try:
            self._tree_of(pygit2.Oid(hex=self.head()))
            parents = [pygit2.Oid(hex=self.head())]
        except (KeyError, ValueError, pygit2.GitError):
            self._repository.references.delete(BRANCH)
        return self._commit(pygit2.Oid(raw=self._write_tree(root)), author, seconds, message, parents)

    def files(self, states: Mapping[bytes, bytes]) -> dict[bytes, CommittedFile]:
        """Return the files of the newest commit by path. ``states`` (raw blob id to SHA-256) spares reading what is known."""
        head, found = self.head(), {}
        if head:
            for path, oid in self._blobs(self._tree_of(pygit2.Oid(hex=head)), b""):
                found[path] = self._committed(oid, states)
        return found

    def _blobs(self, tree: bytes, directory: bytes) -> Iterator[tuple[bytes, bytes]]:
        waiting = [(bytes(tree), directory)]
        while waiting:
            oid, place = waiting.pop()
            for name, (mode, inner) in self._read_tree(oid).entries.items():
                if mode == _TREE_MODE:
                    waiting.append((inner, join(place, name)))
                else:
                    yield join(place, name), inner

    def committed(self, oid: bytes) -> CommittedFile:
        """Given a blob's raw id, return the file that it stands for. Raise KeyError or ValueError if it can not be read."""
        return self._committed(oid, {})

    def _committed(self, oid: bytes, states: Mapping[bytes, bytes]) -> CommittedFile:
        data = self._object(oid)
        state = states.get(oid)
        pointer = parse_pointer(data)
        if pointer is not None and state in (None, pointer.state):
            return CommittedFile(pointer.state, pointer.size, oid)
        return CommittedFile(state or file_state(data), len(data), oid)

    def is_readable(self) -> bool:
        """Say whether the newest commit and all its directories can be read."""
        try:
            return not self.head() or all(oid for _, oid in self._blobs(self._tree_of(pygit2.Oid(hex=self.head())), b""))
        except (KeyError, ValueError, pygit2.GitError):
            return False

    def last_change(self, path: bytes, oid: bytes) -> tuple[str, int]:
        """Return (author, time in Unix nanoseconds) of the commit that gave a path the blob that it has in the newest one."""
        last = self._repository[self.head()]
        for commit in self._repository.walk(self.head(), pygit2.GIT_SORT_TOPOLOGICAL):
            if self._blob_at(bytes(commit.tree_id.raw), path.split(b"/")) != oid:
                break
            last = commit
        return str(last.author.name), int(last.author.time) * 10**9

    def _blob_at(self, tree: bytes, parts: list[bytes]) -> bytes | None:
        for part in parts[:-1]:
            mode, tree = self._read_tree(tree).entries.get(part, (b"", b""))
            if mode != _TREE_MODE:
                return None
        return self._read_tree(tree).entries.get(parts[-1], (b"", None))[1]

    def sync(self) -> None:
        """Bring the repository to the disk."""
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            linux.syncfs(fd)
        finally:
            os.close(fd)

    def _object(self, oid: bytes) -> bytes:
        """Return an object's data by its raw id. Raise KeyError, or ValueError if it is damaged.

        One that lies in a file of its own is not read by libgit2, which never returns from one full of zeros, as power cuts leave them.
        """
        name = oid.hex()
        try:
            packed = (self.path / "objects" / name[:2] / name[2:]).read_bytes()
        except FileNotFoundError:
            return bytes(self._repository[pygit2.Oid(raw=oid)].read_raw())
        try:
            data = zlib.decompress(packed)
        except zlib.error as error:
            raise ValueError(f"object {name}: {error}") from error
        if hashlib.sha1(data, usedforsecurity=False).digest() != oid:
            raise ValueError(f"object {name} is another")
        return data[data.index(b"\0") + 1 :]

    def time_of(self, commit: str) -> int:
        """Return when a commit (hex) was made, in Unix seconds."""
        return int(self._repository[commit].commit_time)

    def _tree_of(self, commit: pygit2.Oid) -> bytes:
        return bytes.fromhex(self._object(bytes(commit.raw))[5:45].decode())

    def _read_tree(self, oid: bytes) -> _Node:
        data, entries, position = self._object(oid), {}, 0
        while position < len(data):
            space = data.index(b" ", position)
            end = data.index(b"\0", space)
            entries[data[space + 1 : end]] = (data[position:space], data[end + 1 : end + 21])
            position = end + 21
        return _Node(entries, {})

    def _write_tree(self, root: _Node) -> bytes:
        """Write a tree with the subtrees that were opened, and return its id. Empty subtrees are left out: git has none."""
        ordered = [root]  # parents first
        for node in ordered:
            ordered.extend(node.opened.values())
        written: dict[int, bytes] = {}
        for node in reversed(ordered):
            for name, inner in node.opened.items():
                node.entries.pop(name, None)
                if inner.entries:
                    node.entries[name] = (_TREE_MODE, written[id(inner)])
            node.opened.clear()
            if node.entries or node is root:
                written[id(node)] = self._write_one(node)
        return written[id(root)]

    def _write_one(self, node: _Node) -> bytes:
        ordered = sorted(node.entries.items(), key=lambda item: item[0] + (b"/" if item[1][0] == _TREE_MODE else b""))
        data = b"".join(mode + b" " + name + b"\0" + oid for name, (mode, oid) in ordered)
        return bytes(self._repository.write(pygit2.GIT_OBJECT_TREE, data).raw)

    def _set(self, node: _Node, parts: list[bytes], blob: bytes | None, state: State) -> None:
        """Set or remove one path. A directory's state only makes room: git has no empty ones."""
        *above, name = parts
        for part in above:
            inner = node.opened.get(part)
            if inner is None:
                mode, oid = node.entries.get(part, (b"", b""))
                if mode != _TREE_MODE and blob is None:
                    return
                inner = self._read_tree(oid) if mode == _TREE_MODE else _Node({}, {})
                node.opened[part] = inner
            node = inner
        if blob is not None:
            node.opened.pop(name, None)
            node.entries[name] = (_FILE_MODE, blob)
        elif state is None or node.entries.get(name, (b"",))[0] == _FILE_MODE:
            node.opened.pop(name, None)
            node.entries.pop(name, None)


def message_of(versions: list[Version]) -> str:
    """Given the versions of a commit, return its message: what happened in one line, then notes."""
    names = [version.path.decode("utf-8", "replace").replace("\n", " ") for version in versions]
    first = (
        f"{_verb(versions[0])} {names[0]}"
        if len(versions) == 1
        else f"{len(versions)} changes: {', '.join(names[:3])}" + ("…" if len(names) > 3 else "")
    )
    notes = [f"{name}: {version.note}" for name, version in zip(names, versions, strict=True) if version.note]
    return "\n".join([first, *(["", *notes[:50]] if notes else [])]) + "\n"


def _verb(version: Version) -> str:
    return "delete" if version.state is None else "edit" if version.state else "make directory"


def group_by_author(versions: Iterable[Version]) -> list[list[Version]]:
    """Given versions in order, return the commits to make of them: one author each, as few as keep every version.

    A version joins its author's last commit unless a later commit, or that one itself, has touched the path already: then the state in
    between would be in no tree and could not be brought back.
    """
    groups: list[list[Version]] = []
    last_of_author: dict[str, int] = {}
    last_of_path: dict[bytes, int] = {}
    last_beneath: dict[bytes, int] = {}
    for version in versions:
        above = list(ancestors(version.path))
        group = last_of_author.get(version.author, -1)
        related = max([last_of_path.get(path, -1) for path in above] + [last_beneath.get(version.path, -1)])
        if group < 0 or last_of_path.get(version.path, -1) >= group or related > group:
            group = len(groups)
            groups.append([])
            last_of_author[version.author] = group
        groups[group].append(version)
        last_of_path[version.path] = group
        for path in above:
            last_beneath[path] = max(group, last_beneath.get(path, -1))
    return groups
