"""What a client has for a server that was put back to an older copy: the signed head of its history, and the history up to that.

The server asks for one piece after the other; whether it believes any of it, is its own matter.
"""

from __future__ import annotations

import contextlib
import logging
import re
from pathlib import Path

from fwrkit.agent import heads
from fwrkit.agent.packing import write_pack
from fwrkit.agent.repository import SNAPSHOTS, Repository
from fwrkit.agent.wire.messages import Behind, Bring, Newest, Piece
from fwrkit.core.errors import FwrError

log = logging.getLogger("fwrkit.offering")

PIECE = 1024 * 1024  # bytes
_SINCE = re.compile(r"([0-9a-f]{40})?")


class Offering:
    """Answers from a repository; ``scratch`` is the file where a pack lies while it is brought. One question at a time."""

    def __init__(self, repository: Path, scratch: Path) -> None:
        self._repository = Repository(repository, ("nice", "-n", "10"))
        self._scratch = scratch
        self._packed: tuple[str, str] = ("", "")  # what the file has: up to which version, since which
        scratch.unlink(missing_ok=True)

    @staticmethod
    def nothing(asked: Behind | Bring) -> Newest | Piece:
        """Return the answer of who has nothing."""
        return Newest(b"") if isinstance(asked, Behind) else Piece(asked.offset, 0, b"")

    def answer(self, asked: Behind | Bring) -> Newest | Piece:
        """Return the answer to a question of the server's. What can not be read is not there."""
        try:
            return self._newest() if isinstance(asked, Behind) else self._piece(asked)
        except (FwrError, OSError, ValueError) as error:
            log.warning("what the server asks for can not be read: %s", error)
            return self.nothing(asked)

    def _newest(self) -> Newest:
        head = heads.head_of(self._repository)
        return Newest(head.data if head is not None else b"")

    def _piece(self, asked: Bring) -> Piece:
        head = heads.head_of(self._repository)
        if head is None or head.version != asked.version or not _SINCE.fullmatch(asked.since) or asked.offset < 0:
            return Piece(asked.offset, 0, b"")
        if self._packed != (asked.version, asked.since) or asked.offset == 0:
            self._let_go()
            is_descendant = not asked.since or self._repository.run("merge-base", "--is-ancestor", asked.since, asked.version).is_ok
            if not is_descendant or not write_pack(self._repository, self._scratch, self._wanted(asked.version), asked.since).is_ok:
                log.warning("the server asks for what follows %s, which is not in this node's history", asked.since[:12])
                return Piece(asked.offset, 0, b"")
            log.info("the server is behind: it is brought %d bytes of its history", self._scratch.stat().st_size)
            self._packed = (asked.version, asked.since)
        size = self._scratch.stat().st_size
        with self._scratch.open("rb") as file:
            file.seek(asked.offset)
            data = file.read(PIECE)
        if asked.offset + len(data) >= size:
            self._let_go()
        return Piece(asked.offset, size, data)

    def _wanted(self, version: str) -> list[str]:
        """Return the ids of what is packed: the version, and the snapshots of it and of all before it."""
        named, _ = self._repository.read("for-each-ref", "--format=%(objectname)", f"--merged={version}", SNAPSHOTS)
        return [version, *named.decode().split()]

    def _let_go(self) -> None:
        self._packed = ("", "")
        with contextlib.suppress(FileNotFoundError):
            self._scratch.unlink()
