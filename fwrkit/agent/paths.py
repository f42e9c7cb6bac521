"""World-relative paths: bytes, separated by ``/``, never beginning or ending with one. Pure functions."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

NAME_LIMIT = 255  # bytes of one component, on every Linux filesystem
PATH_LIMIT = 3072  # bytes of a whole path: leaves room for the roots before it under PATH_MAX (4096)
DEPTH_LIMIT = 128  # directories above a file: far more than anybody nests by hand, and every program can walk as deep
_MARK_ROOM = 96  # bytes that every directory leaves for a name: a conflict mark and an extension fit
SENTINEL = b".fwr-sentinel"
UPSTREAM_SENTINEL = b".fwr-sentinel-upstream"  # of a peer's world, which is known to two servers: its own, and the one that it follows
RECORDS = b".fwr"
POLICY = b".fwr/policy.toml"
ROLL, AUDIT = b".fwr/citizens.toml", b".fwr/audit"  # what the server alone writes

# git's own name in any case, and the spellings that git takes for it on other filesystems; such trees do not pass `git fsck`
_GIT_NAMES = re.compile(rb"(?is)(?:\.git|git~[0-9]+)[. ]*(?::.*)?\Z")
_INVISIBLE = frozenset("\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u206a\u206b\u206c\u206d\u206e\u206f\ufeff")


def parent(path: bytes) -> bytes:
    """Given a path, return the path of its directory; empty bytes for the world's root."""
    return path.rpartition(b"/")[0]


def name_of(path: bytes) -> bytes:
    """Given a path, return its last component."""
    return path.rpartition(b"/")[2]


def join(directory: bytes, name: bytes) -> bytes:
    """Given a directory's path (empty for the root) and a name, return the path of the name in it."""
    return directory + b"/" + name if directory else name


def ancestors(path: bytes) -> Iterator[bytes]:
    """Yield the directories above a path, the outermost first, without the root."""
    position = path.find(b"/")
    while position >= 0:
        yield path[:position]
        position = path.find(b"/", position + 1)


def is_beneath(path: bytes, directory: bytes) -> bool:
    """Say whether a path lies somewhere below a directory (everything lies below the root, empty bytes)."""
    return not directory or path.startswith(directory + b"/")


def range_beneath(directory: bytes) -> tuple[bytes, bytes]:
    """Return the half-open range of paths, in byte order, that holds exactly what lies beneath a directory (not the root)."""
    return directory + b"/", directory + b"0"  # "0" follows "/" in ASCII


def is_well_formed(path: bytes) -> bool:
    """Say whether bytes from elsewhere are a path at all: no empty, ``.`` or ``..`` component, no NUL."""
    return bool(path) and b"\0" not in path and all(part not in (b"", b".", b"..") for part in path.split(b"/"))


def why_not(path: bytes) -> str | None:
    """Given a well-formed path, return why it can not travel, or None if it can."""
    if len(path) > PATH_LIMIT or len(parent(path)) + 1 + _MARK_ROOM > PATH_LIMIT:
        return f"its path is longer than {PATH_LIMIT} bytes"
    for part in path.split(b"/"):
        if len(part) > NAME_LIMIT:
            return f"a name in it is longer than {NAME_LIMIT} bytes"
        if is_git_name(part):
            return "a git repository inside a world stays where it is"
    return None


def why_too_deep(path: bytes) -> str | None:
    """Given a path, return why it is too deep to begin to travel, or None if it is not.

    It is no reason against what the world has already: that can be changed, deleted and delivered.
    """
    if path.count(b"/") > DEPTH_LIMIT:
        return f"it lies more than {DEPTH_LIMIT} directories deep. Move it further up"
    return None


def outermost_too_deep(path: bytes) -> bytes:
    """Given a path that is too deep, return the outermost one on the way to it that is."""
    return b"/".join(path.split(b"/")[: DEPTH_LIMIT + 2])


def is_git_name(part: bytes) -> bool:
    """Say whether a component is ``.git``, or what some filesystem takes for it."""
    if b"\\" in part:  # a separator elsewhere: git looks at each piece
        return any(is_git_name(piece) for piece in part.split(b"\\"))
    if part[:1] not in (b".", b"g", b"G", b"\xe2", b"\xef"):
        return False
    text = part.decode("utf-8", "surrogateescape")
    folded = "".join(char for char in text if char not in _INVISIBLE)
    return bool(_GIT_NAMES.match(folded.encode("utf-8", "surrogateescape")))


def conflict_name(path: bytes, citizen: str, when_ns: int, attempt: int = 0) -> bytes:
    """Given a path, who lost a race for it and when (Unix nanoseconds), return the path of the conflict copy.

    ``notes.txt`` becomes ``notes (conflict alice 2026-11-24 10.05.21).txt``: the extension is kept, and the stem is cut, at a
    character's boundary where it is UTF-8, so that the name fits 255 bytes. A higher ``attempt`` gives another name.
    """
    directory = parent(path)
    stem, dot, extension = _split(name_of(path))
    stamp = time.strftime("%Y-%m-%d %H.%M.%S", time.gmtime(min(max(when_ns, 0) // 10**9, 253402300799)))
    again = f" {attempt + 1}" if attempt else ""
    mark = f" (conflict {citizen} {stamp}{again})".encode()
    limit = min(NAME_LIMIT, PATH_LIMIT - len(directory) - 1)
    return join(directory, _cut(stem, limit - len(mark) - len(dot) - len(extension)) + mark + dot + extension)


_CONFLICT = re.compile(
    rb"(?s)(.*) \((conflict ([a-z0-9-]+) [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}\.[0-9]{2}\.[0-9]{2}(?: [0-9]+)?)\)(\.[^./ ]{1,16})?\Z"
)


@dataclass(frozen=True)
class ConflictMark:
    """What the name of a conflict copy says: the path that it lost (its name perhaps cut), and whose content it is."""

    path: bytes
    citizen: str


def parse_conflict(path: bytes) -> ConflictMark | None:
    """Given a path, return what :func:`conflict_name` wrote into its last component, None if it is no conflict copy."""
    match = _CONFLICT.match(name_of(path))
    if match is None:
        return None
    return ConflictMark(join(parent(path), match[1] + (match[4] or b"")), match[3].decode())


def _split(name: bytes) -> tuple[bytes, bytes, bytes]:
    """Return a name's stem, the dot and the extension; one without an extension, or with what is hardly one, is all stem."""
    stem, dot, extension = name.rpartition(b".")
    if not stem or len(extension) > 16 or b" " in extension:
        return name, b"", b""
    return stem, dot, extension


def conflict_prefix(path: bytes, citizen: str) -> bytes:
    """Given a path and who lost races for it, return how the paths of these copies begin, if their names were not cut."""
    stem, _, _ = _split(name_of(path))
    return join(parent(path), stem + f" (conflict {citizen} ".encode())


def plain_name(copy: bytes, attempt: int = 0) -> bytes:
    """Given the path of a conflict copy, return one by which it is an ordinary file: author and time stay in the name."""
    match = _CONFLICT.match(name_of(copy))
    assert match is not None
    again = f" {attempt + 1}".encode() if attempt else b""
    return join(parent(copy), match[1] + b" (" + match[2].removeprefix(b"conflict ") + again + b")" + (match[4] or b""))


def _cut(stem: bytes, limit: int) -> bytes:
    if len(stem) <= limit:
        return stem
    cut = stem[:limit]
    while cut and stem[len(cut)] & 0xC0 == 0x80 and limit - len(cut) < 4:
        cut = cut[:-1]
    return cut


def shown(path: bytes) -> str:
    """Return a path as text for JSON and logs; bytes that are no UTF-8 become surrogates, as in the rest of Python."""
    return path.decode("utf-8", "surrogateescape")


def kept(path: bytes) -> str:
    """Return a path as text for tables and messages, which hold no surrogates: bytes that are no UTF-8 are lost in it."""
    return path.decode("utf-8", "replace")
