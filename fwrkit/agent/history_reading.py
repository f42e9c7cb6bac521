"""Reading the history, on any node and without any other: what was changed when and by whom, and any content of any version.

Everything goes through the git command (:mod:`fwrkit.agent.repository`); what comes back are records of :mod:`fwrkit.core.history`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from fwrkit.agent import moments, paths
from fwrkit.agent.repository import SNAPSHOTS, Repository, parse_pointer, split_number
from fwrkit.agent.snapshots import is_snapshot_name
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.history import BlamedLine, Difference, LogEntry, PathChange, Shown
from fwrkit.core.names import check_citizen_name

_NO_BLOB = "0" * 40
_LISTED = 100  # changes of one version that a log lists
_LISTED_ALONE = 10_000  # that are listed where one version, or one difference, is looked at
_MOST = 10_000  # entries of a log
_PATCH_LIMIT = 1024 * 1024  # bytes
_WHOLE_LIMIT = 1 << 30  # bytes of a log of everything
_WHOLE_TIMEOUT = 3600.0  # seconds
_BLAME_LIMIT = 1024 * 1024  # bytes of a file whose lines are looked at
_HEX = re.compile(r"[0-9a-f]{4,40}\Z")
_FORMAT = "%H%x00%ct%x00%an%x00%B%x00"
_KINDS = {"A": "added", "D": "deleted"}
_PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")


@dataclass(frozen=True)
class Filter:
    """Which versions a log is about; empty or None: all. ``since`` and ``until`` as people write times."""

    path: bytes = b""
    by: str = ""
    since: str = ""
    until: str = ""
    limit: int = 50


@dataclass(frozen=True)
class Content:
    """A file of a version: its blob, or what the blob stands for if the file is large. ``size`` in bytes."""

    path: bytes
    version: str
    oid: str
    size: int
    large: bytes | None


def resolve(repository: Repository, text: str, now: float | None = None) -> str:
    """Given a snapshot's name, an id or the unique beginning of one, or a time, return the version's id (40 hex digits).

    Empty: the newest. Raise FwrError: NOT_FOUND, or USAGE if several versions begin so.
    """
    newest = _newest(repository)
    if not text:
        return newest
    if is_snapshot_name(text):
        tagged = repository.references(SNAPSHOTS).get(text)
        if tagged is not None:
            peeled = repository.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{tagged}^{{commit}}").stdout.decode().strip()
            if peeled:
                return peeled
    found = _by_prefix(repository, text.lower()) if _HEX.match(text.lower()) else []
    if len(found) > 1:
        raise FwrError(ExitCode.USAGE, f"{len(found)} versions begin with {text}.", "Give more digits.")
    if found:
        return found[0]
    moment = moments.parse(text, time.time() if now is None else now, is_end=True)
    if moment is None:
        hint = "Use a snapshot's name (fwrkit snapshots), an id (fwrkit log), or a time: 2026-11-20, 2026-11-20T10:00, '3 days ago'."
        raise FwrError(ExitCode.NOT_FOUND, f"There is no version {text!r}.", hint)
    listed, _ = repository.read("rev-list", "-1", f"--min-age={moment}", newest)
    if not listed.strip():
        raise FwrError(ExitCode.NOT_FOUND, f"The history has nothing as old as {text}.", "See: fwrkit log")
    return listed.decode().strip()


def _newest(repository: Repository) -> str:
    head = repository.head() if repository.exists else ""
    if not head:
        raise FwrError(ExitCode.NOT_FOUND, "This node holds no history yet.", "It is fetched within seconds once the node is connected.")
    return head


def _by_prefix(repository: Repository, prefix: str) -> list[str]:
    listed = repository.run("rev-parse", f"--disambiguate={prefix}").stdout.decode().split()
    return [oid for oid, (kind, _) in repository.kinds(listed).items() if kind == "commit"]


def checked_path(text: bytes) -> bytes:
    """Given a path in the world as somebody typed it, return it as the history has it. Raise FwrError (USAGE) if it is none."""
    path = text.removeprefix(b"./").rstrip(b"/")
    if path and not paths.is_well_formed(path):
        raise FwrError(ExitCode.USAGE, f"{paths.shown(text)!r} is no path in the world.", "Give it from the world's root: www/index.html")
    return path


def log(repository: Repository, wanted: Filter) -> list[LogEntry]:
    """Return the versions that a filter lets through, the newest first. Raise FwrError (USAGE) if it is malformed."""
    words = [f"--max-count={min(max(wanted.limit, 1), _MOST)}"]
    if wanted.by:
        words.append(f"--author=^{check_citizen_name(wanted.by)} <")
    for option, text, is_end in (("--max-age", wanted.since, False), ("--min-age", wanted.until, True)):
        if text:
            words.append(f"{option}={_moment(text, is_end)}")
    return _entries(repository, [*words, _newest(repository)], checked_path(wanted.path), _LISTED)


def _moment(text: str, is_end: bool) -> int:
    moment = moments.parse(text, time.time(), is_end=is_end)
    if moment is None:
        raise FwrError(ExitCode.USAGE, f"{text!r} is no time.", "Write 2026-11-20, 2026-11-20T10:00 (UTC), or '3 days ago'.")
    return moment


def _entries(repository: Repository, words: list[str], path: bytes, listed: int) -> list[LogEntry]:
    options = ["--no-abbrev", "--raw", "-z", "--root", "--no-show-signature", f"--format={_FORMAT}", *_PLAIN]
    output, is_cut = repository.read("log", *options, *words, "--", *([path] if path else []))
    found = list(_parsed(output.split(b"\0")))
    if is_cut and len(found) > 1:
        found.pop()  # perhaps not all of it
    sizes = repository.sizes(oid for _, changes in found for _, _, oid in changes[:listed] if oid != _NO_BLOB)
    return [
        LogEntry(
            version=oid.decode(),
            time=int(when),
            author=author.decode("utf-8", "surrogateescape"),
            message=split_number(message.decode("utf-8", "surrogateescape"))[0].rstrip("\n"),
            count=len(changes),
            changes=[_change(change, sizes) for change in changes[:listed]],
        )
        for (oid, when, author, message), changes in found
    ]


def _parsed(words: list[bytes]) -> Iterator[tuple[list[bytes], list[tuple[str, bytes, str]]]]:
    """Given the words between the NULs of ``git log --raw -z``, yield four fields and the changes of each version.

    It is read from the front, word by word: a path or a message may hold anything but NUL, and must not be taken for more than that.
    """
    position = 0
    while position + 4 < len(words):
        fields, position = words[position : position + 4], position + 5
        begin = position
        while position + 1 < len(words) and words[position].lstrip(b"\n").startswith(b":"):
            position += 2
        yield fields, list(_raw(words[begin:position]))


def _raw(words: list[bytes]) -> Iterator[tuple[str, bytes, str]]:
    """Given pairs of words that ``--raw -z`` printed, yield (kind, path, id of the new blob)."""
    for meta, path in zip(words[::2], words[1::2], strict=False):
        fields = meta.strip(b"\n").split()
        if len(fields) == 5:
            yield fields[4].decode(), path, fields[3].decode()


@dataclass(frozen=True)
class Step:
    """One version as it lies in the repository: its id, when (Unix seconds), by whom, and (path, id of the new blob in hex; empty: deleted)."""

    version: str
    time: int
    author: str
    changes: list[tuple[bytes, str]]


def steps(repository: Repository, version: str) -> list[Step]:
    """Return every version up to one (its id), the oldest first."""
    options = ["--reverse", "--no-abbrev", "--raw", "-z", "--root", "--no-show-signature", f"--format={_FORMAT}", *_PLAIN]
    output, is_cut = repository.read("log", *options, version, limit=_WHOLE_LIMIT, timeout=_WHOLE_TIMEOUT)
    if is_cut:
        raise FwrError(ExitCode.FAILED, "The history is too long to be read at once.", "Take the world without its history.")
    return [
        Step(
            version.decode(),
            int(when),
            author.decode("utf-8", "replace"),
            [(path, oid if oid != _NO_BLOB else "") for _, path, oid in changes],
        )
        for (version, when, author, _), changes in _parsed(output.split(b"\0"))
    ]


def _change(change: tuple[str, bytes, str], sizes: dict[str, int]) -> PathChange:
    kind, path, oid = change
    return PathChange(paths.shown(path), _KINDS.get(kind, "changed"), sizes.get(oid, 0))


def show(repository: Repository, text: str) -> Shown:
    """Given a version as people name it, return it with what it changed. Raise FwrError as :func:`resolve` does."""
    version = resolve(repository, text)
    entry = _entries(repository, ["--max-count=1", version], b"", _LISTED_ALONE)[0]
    output, is_cut = repository.read("diff-tree", "-p", "--root", "--no-commit-id", "-r", *_PLAIN, version, "--", limit=_PATCH_LIMIT)
    is_named = is_snapshot_name(text) and text in repository.references(SNAPSHOTS)
    return Shown(entry, output.decode("utf-8", "surrogateescape"), is_cut, text if is_named else "")


def diff(repository: Repository, before: str, after: str, path: bytes) -> Difference:
    """Given two versions as people name them (the second empty: the newest) and a path or none, return what lies between them."""
    first, second = resolve(repository, before), resolve(repository, after)
    limited = [path] if path else []
    raw, _ = repository.read("diff-tree", "-r", "-z", "--raw", "--no-abbrev", *_PLAIN, first, second, "--", *limited)
    changes = list(_raw(raw.split(b"\0")))[:_LISTED_ALONE]
    sizes = repository.sizes(oid for _, _, oid in changes if oid != _NO_BLOB)
    output, is_cut = repository.read("diff-tree", "-r", "-p", *_PLAIN, first, second, "--", *limited, limit=_PATCH_LIMIT)
    return Difference(first, second, [_change(change, sizes) for change in changes], output.decode("utf-8", "surrogateescape"), is_cut)


def split_diff(repository: Repository, before: str, after: str, path: str) -> tuple[str, str, bytes]:
    """Given the words after ``diff``, return (before, after, path): a second word that is no version is a path."""
    if after and not path:
        try:
            resolve(repository, after)
        except FwrError:
            return before, "", checked_path(path_bytes(after))
    return before, after, checked_path(path_bytes(path))


def blame(repository: Repository, path: bytes, text: str = "") -> tuple[str, list[BlamedLine]]:
    """Given a file's path and a version (empty: the newest), return the version's id and for each line where it comes from.

    Raise FwrError: NOT_FOUND, USAGE if it has no lines.
    """
    content = find(repository, path, text)
    if content.large is not None or content.size > _BLAME_LIMIT:
        raise FwrError(
            ExitCode.USAGE, f"{paths.shown(path)} is too large to be looked at line by line.", "See who changed it: fwrkit log PATH"
        )
    if b"\0" in repository.blob(content.oid):
        raise FwrError(ExitCode.USAGE, f"{paths.shown(path)} is no text.", "See who changed it: fwrkit log PATH")
    output, _ = repository.read("blame", "--line-porcelain", content.version, "--", content.path)
    return content.version, list(_blamed(output))


def _blamed(output: bytes) -> Iterator[BlamedLine]:
    version, number, author, moment = "", 0, "", 0
    for line in output.split(b"\n"):
        word, _, rest = line.partition(b" ")
        if line.startswith(b"\t"):
            yield BlamedLine(number, version, author, moment, line[1:].decode("utf-8", "surrogateescape"))
        elif len(word) == 40 and re.match(rb"[0-9a-f]{40}\Z", word):
            version, number = word.decode(), int(rest.split()[1])
        elif word == b"author":
            author = rest.decode("utf-8", "surrogateescape")
        elif word == b"committer-time":
            moment = int(rest)


def split_target(text: str) -> tuple[bytes, str]:
    """Given ``PATH@VERSION`` or ``PATH``, return the path and the version, empty for the newest."""
    path, at, version = text.rpartition("@")
    return (checked_path(path_bytes(path)), version) if at else (checked_path(path_bytes(text)), "")


def path_bytes(text: str) -> bytes:
    """Return a path from JSON or the command line as bytes."""
    return text.encode("utf-8", "surrogateescape")


def find(repository: Repository, path: bytes, text: str) -> Content:
    """Given a path and a version as people name it, return the file. Raise FwrError: NOT_FOUND, USAGE if it is a directory."""
    version = resolve(repository, text)
    listed, _ = repository.read("ls-tree", "-z", "--full-tree", version, "--", path) if path else (b"", False)
    for row in listed.split(b"\0"):
        meta, _, name = row.partition(b"\t")
        if name == path and meta:
            _, kind, oid = meta.decode().split()
            if kind != "blob":
                break
            size = repository.kinds([oid])[oid][1]
            pointer = parse_pointer(repository.blob(oid)) if size <= 200 else None
            return Content(path, version, oid, pointer.size if pointer else size, pointer.state if pointer else None)
    else:
        message = f"Version {version[:10]} has no {paths.shown(path)!r}."
        raise FwrError(ExitCode.NOT_FOUND, message, f"See when it was there: fwrkit log {paths.shown(path)}")
    raise FwrError(ExitCode.USAGE, f"{paths.shown(path)} is a directory.", "Name a file.")
