"""The archive of a backup: a tar that is written and read from end to end, with a manifest as its last member.

Written are plain headers of regular files and directories only; reading takes nothing else: each header must be, byte for byte, what writing its
member would have made, so that whatever else tar has (links, devices, other spellings) is no member. The manifest has each member's SHA-256, and
one of all that lies before it. Source: POSIX.1-2001, pax interchange format.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fwrkit.agent.files.tree import CHUNK, Stamp
from fwrkit.agent.paths import ancestors, is_well_formed
from fwrkit.core.backups import HEADER, no_backup
from fwrkit.core.errors import ExitCode, FwrError

FIRST, KEYS, LAST = HEADER.encode(), b"keys.age", b"manifest.json"
ROOTS = (b"world", b"private", b"state", b"history")
_BLOCK = 512
_RECORD = 20 * _BLOCK  # tar files are filled up to a multiple of it
_EXTENDED_LIMIT = 65536  # bytes of a pax header: paths are 4096 at most
_BILLION = 10**9


@dataclass(frozen=True)
class Member:
    """One file or directory (then ``size`` is 0). ``time`` in Unix nanoseconds, ``mode`` without the kind."""

    name: bytes
    is_directory: bool
    size: int
    mode: int
    time: int
    owner: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, name: bytes, status: os.stat_result, is_directory: bool = False) -> Member:
        """Given a name and what the kernel says, return the member."""
        size = 0 if is_directory else status.st_size
        return cls(name, is_directory, size, status.st_mode & 0o777, status.st_mtime_ns, (status.st_uid, status.st_gid))

    def encode(self) -> bytes:
        """Return the header as it lies in the archive."""
        info = tarfile.TarInfo(self.name.decode("utf-8", "surrogateescape"))
        info.type = tarfile.DIRTYPE if self.is_directory else tarfile.REGTYPE
        info.size, info.mode, info.mtime = self.size, self.mode, max(self.time // _BILLION, 0)
        info.uid, info.gid = self.owner
        if self.time < 0 or self.time % _BILLION:  # exactly: tarfile's own number for that is a float
            seconds, rest = divmod(abs(self.time), _BILLION)
            info.pax_headers = {"mtime": f"{'-' if self.time < 0 else ''}{seconds}.{rest:09d}"}
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


@dataclass(frozen=True)
class Line:
    """What the manifest says of one member. ``is_void``: it changed while it was read, and a later one of its name counts."""

    name: bytes
    size: int
    state: str
    is_void: bool

    def encode(self) -> str:
        """Return it as a line of the manifest."""
        words = {"path": os.fsdecode(self.name), "size": self.size, "sha256": self.state, **({"void": True} if self.is_void else {})}
        return json.dumps(words, separators=(",", ":"))


def _manifest(lines: list[str], before: str) -> bytes:
    text = "\n".join([json.dumps({"members": len(lines), "before": before}), *lines]) + "\n"
    return (text + json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest()}) + "\n").encode()


class Writer:
    """Writes an archive piece by piece to ``write``. ``files`` and ``size`` (bytes) count what is in it."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._digest = hashlib.sha256()
        self._position = 0
        self._lines: list[str] = []
        self.files = self.size = self.directories = 0

    def _out(self, piece: bytes) -> None:
        self._digest.update(piece)
        self._position += len(piece)
        self._write(piece)

    def _end_member(self, line: Line, is_directory: bool = False) -> None:
        self._out(b"\0" * (-self._position % _BLOCK))
        self._lines.append(line.encode())
        self.files += not line.is_void and not is_directory
        self.size += 0 if line.is_void else line.size
        self.directories += is_directory

    def directory(self, member: Member) -> None:
        """Write a directory."""
        self._out(member.encode())
        self._end_member(Line(member.name + b"/", 0, "", False), is_directory=True)

    def content(self, member: Member, content: bytes) -> None:
        """Write a file whose content is at hand."""
        self._out(member.encode())
        self._out(content)
        self._end_member(Line(member.name, len(content), hashlib.sha256(content).hexdigest(), False))

    def file(self, member: Member, fd: int, *, is_last_try: bool) -> bool:
        """Write an open file of ``member.size`` bytes, and say whether it stayed as it was meanwhile; else it is void, except the last try."""
        before = Stamp.of(os.fstat(fd))
        self._out(member.encode())
        digest, position = hashlib.sha256(), 0
        while position < member.size:
            piece = os.pread(fd, min(CHUNK, member.size - position), position) or b"\0" * min(CHUNK, member.size - position)
            position += len(piece)
            digest.update(piece)
            self._out(piece)
        after = Stamp.of(os.fstat(fd))
        is_steady = before == after and after.size == member.size
        self._end_member(Line(member.name, member.size, digest.hexdigest(), not is_steady and not is_last_try))
        return is_steady

    def close(self) -> None:
        """Write the manifest, and what a tar ends with."""
        manifest = _manifest(self._lines, self._digest.hexdigest())
        self._out(Member(LAST, False, len(manifest), 0o644, 0).encode())
        self._out(manifest)
        self._out(b"\0" * (-self._position % _BLOCK))
        self._out(b"\0" * _end_length(self._position))


class Reader:
    """Reads an archive from ``read``, which returns as many bytes as it is asked for, fewer at the end only.

    :meth:`members` has to be gone through to its end: what it gave before is certain only then.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._digest = hashlib.sha256()
        self._position = 0
        self._last = b""
        self._lines: list[str] = []
        self.voids: list[int] = []
        self.files = self.size = 0

    def members(self) -> Iterator[tuple[Member, Iterator[bytes]]]:
        """Yield each member with its content in pieces. Raise FwrError (FAILED) where something is not as it was written."""
        while True:
            before = self._digest.hexdigest()
            member = self._header()
            self._last = member.name
            if member.name == LAST:
                if member != Member(LAST, False, member.size, 0o644, 0):
                    raise damaged("its manifest is not as it was written")
                self._finish(self._content(member), before)
                return
            content = _Content(self, member)
            yield member, iter(content)
            for _ in content:  # what was not asked for
                continue
            self._padding()
            state = "" if member.is_directory else content.digest.hexdigest()
            self._lines.append(Line(member.name + (b"/" if member.is_directory else b""), member.size, state, False).encode())

    def take(self, count: int) -> bytes:
        """Return the next bytes. Raise FwrError (FAILED) if there are not so many."""
        piece = self._read(count)
        if len(piece) < count:
            raise damaged(f"it ends in or after {_shown(self._last)}" if self._last else "it ends before its first member")
        self._digest.update(piece)
        self._position += len(piece)
        return piece

    def _padding(self) -> None:
        if any(self.take(-self._position % _BLOCK)):
            raise damaged(f"what follows {_shown(self._last)} is not as it was written")

    def _content(self, member: Member) -> bytes:
        return b"".join(_Content(self, member))

    def _header(self) -> Member:
        where = f"what follows {_shown(self._last)} is no member" if self._last else ""
        raw = self.take(_BLOCK)
        try:
            info = tarfile.TarInfo.frombuf(raw, "utf-8", "surrogateescape")
            extended: dict[str, bytes] = {}
            if info.type == tarfile.XHDTYPE and info.size <= _EXTENDED_LIMIT:
                text = self.take(info.size + -info.size % _BLOCK)
                extended = _extended(text[: info.size])
                plain = self.take(_BLOCK)
                raw += text + plain
                info = tarfile.TarInfo.frombuf(plain, "utf-8", "surrogateescape")
            name = extended.get("path", info.name.encode("utf-8", "surrogateescape"))
            seconds, _, rest = extended.get("mtime", b"%d.000000000" % info.mtime).decode("ascii").partition(".")
            time = int(seconds + rest)
            size = int(extended.get("size", b"%d" % info.size))
            owner = (int(extended.get("uid", b"%d" % info.uid)), int(extended.get("gid", b"%d" % info.gid)))
            member = Member(name.rstrip(b"/"), info.type == tarfile.DIRTYPE, size, info.mode, time, owner)
            is_exact = size >= 0 and info.mode <= 0o777 and member.encode() == raw
        except (tarfile.TarError, ValueError, KeyError, IndexError, OverflowError):
            is_exact = False
        if not is_exact:
            raise damaged(where) if where else no_backup()
        return member

    def _finish(self, manifest: bytes, before: str) -> None:
        words = manifest.decode("utf-8", "replace").split("\n")
        listed = words[1:-2]
        for seen, line in zip(self._lines, listed, strict=False):
            if line != seen and line != _void(seen):
                raise damaged(f"{_shown(_path_of(seen))} is not what was written")
        if len(listed) != len(self._lines) or manifest != _manifest(listed, before):
            raise damaged("its manifest is not the one of what is in it")
        self.voids = [number for number, (seen, line) in enumerate(zip(self._lines, listed, strict=True)) if line != seen]
        voids = set(self.voids)
        names = [_path_of(line) for number, line in enumerate(listed) if number not in voids]
        _check_names(names)
        self.files = sum(1 for name in names if not name.endswith(b"/"))
        self.size = sum(int(json.loads(line)["size"]) for number, line in enumerate(listed) if number not in voids)
        self._padding()
        rest = self.take(_end_length(self._position))
        if any(rest) or self._read(1):
            raise damaged("there is something behind its end")


class _Content:
    """A member's content, taken piece by piece, once."""

    def __init__(self, reader: Reader, member: Member) -> None:
        self._reader = reader
        self._left = member.size
        self.digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        while self._left > 0:
            piece = self._reader.take(min(CHUNK, self._left))
            self._left -= len(piece)
            self.digest.update(piece)
            yield piece


def _end_length(position: int) -> int:
    """How many zeros follow the last member, which ends at a position."""
    return 2 * _BLOCK + -(position + 2 * _BLOCK) % _RECORD


def _check_names(names: list[bytes]) -> None:
    """Raise FwrError where members get in each other's way: two of one name, or something beneath a file. Directories end with a slash."""
    files = {name for name in names if not name.endswith(b"/")}
    directories = {name[:-1] for name in names if name.endswith(b"/")}
    if len(files) + len(directories) < len(names) or files & directories:
        raise damaged("two members have one name")
    for name in (*files, *directories):
        check_name(name)
        if any(above in files for above in ancestors(name)):
            raise damaged(f"{_shown(name)} lies in a file")


def check_name(name: bytes) -> None:
    """Raise FwrError (FAILED) if a member may not have this name."""
    root, _, inner = name.partition(b"/")
    if name in (FIRST, KEYS) or (root in ROOTS and (not inner or is_well_formed(inner))):
        return
    raise damaged(f"{_shown(name)} is no name in a backup")


def damaged(why: str) -> FwrError:
    """Return the error for a backup that is not as it was written."""
    return FwrError(ExitCode.FAILED, f"This backup is damaged: {why}.", "Nothing was touched. Take another one.")


def _extended(text: bytes) -> dict[str, bytes]:
    found, position = {}, 0
    while position < len(text):
        length = int(text[position : text.index(b" ", position)])
        key, _, value = text[text.index(b" ", position) + 1 : position + length - 1].partition(b"=")
        if length <= 0:
            raise ValueError(length)
        found[key.decode("utf-8")] = value
        position += length
    return found


def _void(line: str) -> str:
    return f'{line[:-1]},"void":true}}'


def _path_of(line: str) -> bytes:
    return os.fsencode(json.loads(line)["path"])


def _shown(name: bytes) -> str:
    return repr(os.fsdecode(name))
