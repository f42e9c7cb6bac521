"""The line that says where a world's server is from now on.

Who answers there has to have a host certificate of the world's authority, so the place alone needs no signature: whoever changes it on its way leads
to nobody who is believed. Only where the authority itself is another one (a new *epoch*, because the old one is lost) does an official declare
it, with the key of their own node, which every citizen has in their copy of the roll.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from fwrkit.core import lines
from fwrkit.core.errors import ExitCode, FwrError

PREFIX = "fwrm1"
NAMESPACE = "fwrkit-epoch"  # of an official's signature; source: ssh-keygen(1), -Y sign


@dataclass(frozen=True)
class Declaration:
    """That a world has a new authority: its public key (type and base64), the epoch's number (Unix seconds), which official says so, and how it
    is signed."""

    world_id: str
    authority: str
    number: int
    by: str
    signature: str = ""

    @property
    def text(self) -> bytes:
        """What is signed."""
        return json.dumps([self.world_id, self.authority, self.number, self.by], separators=(",", ":")).encode()


@dataclass(frozen=True)
class Move:
    """Where the server of a world is, by which authority it is known (type and base64), and the declaration of that, None if it was always so."""

    host: str
    port: int
    world_id: str
    world_name: str
    authority: str
    declaration: Declaration | None = None

    def encode(self) -> str:
        """Return the move as one line."""
        told = self.declaration
        more = [told.number, told.by, told.signature] if told is not None else []
        return lines.encode(PREFIX, [self.host, self.port, self.world_id, self.world_name, self.authority, *more])


def is_move(text: str) -> bool:
    """Given what somebody typed, say whether it is meant as a move."""
    return text.strip().startswith(PREFIX) and len(text.strip()) > 64


def decode(text: str) -> Move:
    """Given a line, return the move. Raise FwrError (USAGE) if it is malformed."""
    try:
        host, port, world_id, world_name, authority, *more = lines.decode(PREFIX, text)
        if not all(isinstance(each, str) for each in (host, world_id, world_name, authority)) or not isinstance(port, int):
            raise TypeError("types")
        if not 0 < port < 65536 or not str(authority).startswith("ssh-ed25519 ") or "\n" in str(authority):
            raise ValueError("values")
        move = Move(str(host), port, str(world_id), str(world_name), str(authority))
        if not more:
            return move
        number, by, signature = more
        if not isinstance(number, int) or not isinstance(by, str) or not isinstance(signature, str):
            raise TypeError("types")
    except (ValueError, TypeError) as error:
        text = "This line is malformed: it was cut off or changed on its way."
        raise FwrError(ExitCode.USAGE, text, "Copy the whole line, or ask for it again (fwrkit move SERVER).") from error
    told = Declaration(move.world_id, move.authority, number, by, signature)
    return Move(move.host, move.port, move.world_id, move.world_name, move.authority, told)
