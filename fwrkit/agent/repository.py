"""A git repository as it is read: the git command with nothing of anybody's configuration, bounded in time and output.

What citizens wrote is in the repository's trees: a ``.gitattributes`` must not hide a change, a ``.mailmap`` not lend an author's name.
Paths are literal, no shell, pager, filter or external program is ever started. Source: git(1), git-config(1), gitattributes(5), 2.47.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fwrkit.core.commands import Command, Completed, run, stream
from fwrkit.core.errors import ExitCode, FwrError

BRANCH = "refs/heads/main"
SNAPSHOTS = "refs/tags/"
SIGNED = "refs/signed/"  # which version is the newest, by the authority's word (heads.py)
KEPT = "refs/kept/"  # where a history ends that the server's did not continue
TIMEOUT = 60.0  # seconds
LIMIT = 16 * 1024 * 1024  # bytes of output
_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize ([0-9]+)\n\Z")
_POINTER_LIMIT = 200  # bytes
_UP_TO = re.compile(r"\n+Fwrkit-Version: ([0-9]{1,18})\n*\Z")

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1", "GIT_LITERAL_PATHSPECS": "1", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat", "GIT_NO_LAZY_FETCH": "1",  # a repository that came from elsewhere says in its own configuration where, and by which program
}  # fmt: skip
_SETTINGS = (
    f"attr.tree={_EMPTY_TREE}", "core.attributesFile=/dev/null", "mailmap.blob=refs/none", "mailmap.file=/dev/null", "core.quotePath=false",
    "core.fsmonitor=false", "core.hooksPath=/dev/null", "log.showSignature=false", "gc.auto=0", "maintenance.auto=false", "pack.threads=1",
    "pack.windowMemory=64m", "core.bigFileThreshold=16m",
)  # fmt: skip


@dataclass(frozen=True)
class Pointer:
    """What stands in the history for a large file: the content's SHA-256, and its size in bytes."""

    state: bytes
    size: int


@dataclass(frozen=True)
class Repository:
    """One bare repository. ``prefix`` goes before every command: what confines it, or makes it wait for others."""

    path: Path
    prefix: Sequence[str] = ()

    @property
    def exists(self) -> bool:
        """Whether there is one."""
        return (self.path / "HEAD").exists()

    def command(self, *words: str | bytes, settings: Iterable[str] = (), stdin: bytes = b"") -> Command:
        """Return a git command on this repository."""
        options = [word for value in (f"safe.directory={self.path}", *_SETTINGS, *settings) for word in ("-c", value)]
        argv = [*self.prefix, "git", "--no-pager", f"--git-dir={self.path}", *options, *words]
        return Command(argv, stdin=stdin, env=ENVIRONMENT, clean=True, cwd="/")

    def run(self, *words: str | bytes, stdin: bytes = b"", timeout: float = TIMEOUT, settings: Iterable[str] = ()) -> Completed:
        """Run a command whose output is small, whatever comes of it."""
        return run(self.command(*words, stdin=stdin, settings=settings), timeout)

    def read(self, *words: str | bytes, stdin: bytes = b"", limit: int = LIMIT, timeout: float = TIMEOUT) -> tuple[bytes, bool]:
        """Return what a command prints, ``limit`` bytes at most, and whether it was cut there. Raise FwrError (FAILED) if it fails."""
        output = bytearray()

        def take(piece: bytes) -> bool:
            output.extend(piece)
            return len(output) <= limit

        done = stream(self.command(*words, stdin=stdin), take, timeout)
        if not done.is_ok:
            raise FwrError(
                ExitCode.FAILED,
                f"The history can not be read: {done.last_words().rstrip('.')}.",
                "Look at it: fwrkit doctor, fwrkit logs NODE",
            )
        return bytes(output[:limit]), len(output) > limit

    def references(self, prefix: str) -> dict[str, str]:
        """Return the references below a prefix: what follows the prefix, and the id (hex) that it names."""
        output, _ = self.read("for-each-ref", "--format=%(objectname) %(refname)", prefix)
        found = (line.decode().split(" ", 1) for line in output.splitlines())
        return {name.removeprefix(prefix): oid for oid, name in found}

    def head(self) -> str:
        """Return the newest version's id, empty if there is none."""
        return self.references(BRANCH).get("", "")

    def number(self) -> int:
        """Return the server's id of the newest version that is in the history for sure, 0 if that is not known."""
        head = self.head()
        message = self.read("cat-file", "commit", head)[0].decode("utf-8", "replace") if head else ""
        return split_number(message)[1]

    def kinds(self, oids: Iterable[str]) -> dict[str, tuple[str, int]]:
        """Given ids (hex), return the kind and the size in bytes of those that there are."""
        stdin = "".join(f"{oid}\n" for oid in oids).encode()
        output, _ = self.read("cat-file", "--batch-check", stdin=stdin)
        rows = (line.decode().split() for line in output.splitlines())
        return {row[0]: (row[1], int(row[2])) for row in rows if len(row) == 3}

    def blob(self, oid: str, limit: int = LIMIT) -> bytes:
        """Return the content of a blob. Raise FwrError (FAILED) if it can not be read, or is larger than ``limit`` bytes."""
        output, is_cut = self.read("cat-file", "blob", oid, limit=limit)
        if is_cut:
            raise FwrError(ExitCode.FAILED, f"An object of the history is larger than {limit} bytes.", "")
        return output

    def sizes(self, oids: Iterable[str]) -> dict[str, int]:
        """Given ids of blobs, return how large the files are that they stand for, in bytes."""
        found = {oid: size for oid, (kind, size) in self.kinds(set(oids)).items() if kind == "blob"}
        for oid, pointer in self.pointers(oid for oid, size in found.items() if size <= _POINTER_LIMIT).items():
            found[oid] = pointer.size
        return found

    def pointers(self, oids: Iterable[str]) -> dict[str, Pointer]:
        """Given ids of blobs, return those that stand for a large file."""
        output, _ = self.read("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in oids).encode())
        found, position = {}, 0
        while position < len(output):
            end = output.index(b"\n", position)
            words = output[position:end].split()
            if len(words) != 3:
                position = end + 1
                continue
            size = int(words[2])
            pointer = parse_pointer(output[end + 1 : end + 1 + size])
            if pointer is not None:
                found[words[0].decode()] = pointer
            position = end + size + 2
        return found


def with_number(message: str, number: int) -> str:
    """Return a commit's message with the id of the server's newest version that is in the history with this commit."""
    return f"{message}\nFwrkit-Version: {number}\n"


def split_number(message: str) -> tuple[str, int]:
    """Given a commit's message, return it without the server's id of a version, and that; 0 if there is none."""
    match = _UP_TO.search(message)
    return (message[: match.start()], int(match[1])) if match else (message, 0)


def parse_pointer(content: bytes) -> Pointer | None:
    """Given a blob's content, return what it stands for if it is the pointer of a large file."""
    match = _POINTER.match(content) if len(content) <= _POINTER_LIMIT else None
    return Pointer(bytes.fromhex(match[1].decode()), int(match[2])) if match else None


def pointer_text(pointer: Pointer) -> bytes:
    """Return what stands in the history for a large file. Source: the specification of Git LFS, version 1."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{pointer.state.hex()}\nsize {pointer.size}\n".encode()


def pointer_oid(pointer: Pointer) -> bytes:
    """Return the raw id that git gives to a pointer."""
    text = pointer_text(pointer)
    return hashlib.sha1(b"blob %d\0" % len(text) + text, usedforsecurity=False).digest()


def large_path(repository: Path, state: bytes) -> Path:
    """Return where a repository keeps the content of a large file, by its SHA-256."""
    text = state.hex()
    return repository / "lfs" / "objects" / text[:2] / text[2:4] / text
