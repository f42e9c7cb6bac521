"""What both sides know of a backup: what it says of itself, how it begins, and what came of making or looking at one.

A backup is a tar, compressed by zstd; before that lies one of zstd's skippable frames with the header, so that a machine that has no zstd
sees what a file is. Source: RFC 8878, section 3.1.2. Uncompressed (for restic), it is the tar alone, whose first member is the header.
"""

from __future__ import annotations

import dataclasses
import json
import struct
import tarfile
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from fwrkit.core.errors import ExitCode, FwrError

FORMAT = 1
HEADER = "fwrkit.json"  # the first member
SUFFIX = ".fwrkit"
FRAME = b"\x5f\x2a\x4d\x18"  # one of the sixteen numbers of skippable frames
FRAME_START = 8  # bytes: the number, and the length of what follows
HEADER_LIMIT = 65536  # bytes


@dataclass(frozen=True)
class Header:
    """What a backup says of itself. ``made`` is in Unix seconds; ``record`` is what the machine that made it knew of the node."""

    format: int
    fwrkit: str
    made: int
    role: Literal["server", "client"]
    node: str
    node_id: str
    citizen: str
    world_id: str
    world_name: str
    template: str
    address: str
    has_keys: bool
    record: dict[str, Any]

    def encode(self) -> bytes:
        """Return it as the first member has it."""
        return json.dumps(dataclasses.asdict(self), indent=1).encode() + b"\n"

    @classmethod
    def decode(cls, content: bytes) -> Header:
        """Given what :meth:`encode` returned, return the header. Raise FwrError: FAILED (it is none), REFUSED (of a later format)."""
        try:
            data = json.loads(content)
            if data["format"] > FORMAT:
                hint = "Update fwrkit, then restore it."
                raise FwrError(ExitCode.REFUSED, f"This backup was made by a newer fwrkit ({data['fwrkit']}).", hint)
            header = cls(**{item.name: data[item.name] for item in dataclasses.fields(cls)})
        except (ValueError, KeyError, TypeError) as error:
            raise no_backup() from error
        if header.role not in ("server", "client") or not isinstance(header.record, dict):
            raise no_backup()
        return header


def frame(header: bytes) -> bytes:
    """Given an encoded header, return the frame that a compressed backup begins with."""
    return FRAME + struct.pack("<I", len(header)) + header


def frame_length(start: bytes) -> int | None:
    """Given the first eight bytes of a file, return how long the header behind them is, None if it is no compressed backup."""
    if len(start) < FRAME_START or start[:4] != FRAME:
        return None
    length = int(struct.unpack("<I", start[4:8])[0])
    return length if length <= HEADER_LIMIT else None


def read_header(file: BinaryIO) -> Header:
    """Given a file at its beginning, return its header. Raise FwrError if it is no backup."""
    start = file.read(FRAME_START)
    length = frame_length(start)
    if length is not None:
        return Header.decode(file.read(length))
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            first = tar.next()
            content = tar.extractfile(first) if first is not None and first.name == HEADER and first.size <= HEADER_LIMIT else None
            if content is None:
                raise no_backup()
            return Header.decode(content.read())
    except (tarfile.TarError, OSError) as error:
        raise no_backup() from error


def no_backup() -> FwrError:
    """Return the error for what is no backup at all."""
    return FwrError(
        ExitCode.FAILED, "This is no backup of fwrkit's, or its beginning is damaged.", "Give a file that `fwrkit backup` made."
    )


@dataclass(frozen=True)
class Made:
    """What is in a backup: files, their bytes, empty directories and others; what was left out, and what changed while it was read."""

    files: int
    size: int
    directories: int
    left: int
    left_first: list[str]
    unsteady: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Made:
        """Given the object of :meth:`to_json`, return it."""
        return cls(**{item.name: data[item.name] for item in dataclasses.fields(cls)})


@dataclass(frozen=True)
class Checked:
    """A backup that was read from end to end and is whole. ``voids`` are the numbers of members that a later one replaces."""

    header: Header
    files: int
    size: int
    voids: list[int]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Checked:
        """Given the object of :meth:`to_json`, return it."""
        return cls(Header(**data["header"]), int(data["files"]), int(data["size"]), [int(each) for each in data["voids"]])
