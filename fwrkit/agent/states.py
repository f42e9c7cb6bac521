"""What a path can be: absent, a directory, or a file of a certain content."""

from __future__ import annotations

import enum
import hashlib

State = bytes | None
"""None: absent. Empty bytes: a directory. 32 bytes: a file whose content has this SHA-256."""

ABSENT: State = None
DIRECTORY = b""
HASH_SIZE = 32


class Unknown(enum.Enum):
    """The type of UNKNOWN: what a citizen's machine holds at a path is not known."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN
Base = State | Unknown


def file_state(content: bytes) -> bytes:
    """Given a file's content, return its state."""
    return hashlib.sha256(content).digest()


def is_file(state: Base) -> bool:
    """Say whether a state is a file's."""
    return isinstance(state, bytes) and len(state) == HASH_SIZE


def is_directory(state: Base) -> bool:
    """Say whether a state is a directory's."""
    return state == DIRECTORY


def is_state(value: object) -> bool:
    """Say whether a value from elsewhere is a state at all."""
    return value is None or (isinstance(value, bytes) and len(value) in (0, HASH_SIZE))


def shown(state: Base) -> str:
    """Return a state as a word for logs."""
    if state is UNKNOWN:
        return "unknown"
    if state is None:
        return "absent"
    assert isinstance(state, bytes)
    return state.hex()[:12] if state else "directory"
