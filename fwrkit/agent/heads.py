"""The signed head: which version of the history is the newest one, by the word of the world's authority.

It is an annotated tag that moves (``refs/signed/head``), in a namespace of its own: a snapshot's signature never passes for it, nor the other way round.
A server that was put back to an older copy believes it, and nothing else, when a client says that there is more. Source: as
:mod:`fwrkit.agent.snapshots`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fwrkit.agent import signatures
from fwrkit.agent.repository import SIGNED, Repository
from fwrkit.agent.snapshots import SIGNATURE

NAMESPACE = "fwrkit-head"
NAME = "head"
REFERENCE = SIGNED + NAME
LIMIT = 8192  # bytes of a head's text with its signature
_TEXT = re.compile(
    rb"object ([0-9a-f]{40})\ntype commit\ntag head\ntagger fwrkit <fwrkit@[!-=?-~]+> ([0-9]{1,12}) \+0000\n\n"
    rb"world ([0-9A-Za-z_-]{1,64})\nnumber ([0-9]{1,18})\n"
)


@dataclass(frozen=True)
class SignedHead:
    """What a signed head says: of the world's history, ``version`` (hex) is the newest, up to the server's version ``number``. ``time`` in Unix seconds."""

    version: str
    world: str
    number: int
    time: int
    payload: bytes
    signature: bytes

    @property
    def data(self) -> bytes:
        """The tag's whole text."""
        return self.payload + self.signature


def head_text(version: str, world: str, number: int, time: int) -> bytes:
    """Given what a head says (``time`` in Unix seconds), return the text of its tag that is to be signed."""
    return f"object {version}\ntype commit\ntag {NAME}\ntagger fwrkit <fwrkit@{world}> {time} +0000\n\nworld {world}\nnumber {number}\n".encode()


def parse_head(data: bytes) -> SignedHead | None:
    """Given the text of a tag, return what it says, unverified; None if it is no head."""
    position = data.find(SIGNATURE)
    match = _TEXT.fullmatch(data[:position]) if position >= 0 and len(data) <= LIMIT else None
    if match is None:
        return None
    version, time, world, number = (group.decode() for group in match.groups())
    return SignedHead(version, world, int(number), int(time), data[:position], data[position:])


def is_signed(head: SignedHead, authorities: Sequence[str]) -> bool:
    """Say whether a head was signed as one by one of some public keys (type and base64)."""
    return signatures.is_signed(head.payload, head.signature, NAMESPACE, authorities)


def head_at(repository: Repository, oid: str) -> SignedHead | None:
    """Given the id (hex) of an object, return the head that it is, unverified; None if it is none."""
    kind, size = repository.kinds([oid]).get(oid, ("", 0))
    if kind != "tag" or size > LIMIT:
        return None
    return parse_head(repository.read("cat-file", "tag", oid, limit=LIMIT)[0])


def head_of(repository: Repository) -> SignedHead | None:
    """Return the signed head that a repository has, None if it has none."""
    oid = repository.references(SIGNED).get(NAME, "") if repository.exists else ""
    return head_at(repository, oid) if oid else None


def let_go(repository: Path, oid: str) -> None:
    """Remove the tag of a head (hex) that another one took the place of: each would take a file's room for ever. One in a pack stays."""
    with contextlib.suppress(FileNotFoundError):
        (repository / "objects" / oid[:2] / oid[2:]).unlink()
