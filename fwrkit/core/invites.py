"""The one line that lets a citizen in: address, authority and a one-time secret."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from fwrkit.core import lines
from fwrkit.core.errors import ExitCode, FwrError

PREFIX = "fwr1"


@dataclass(frozen=True)
class Invite:
    """What an invite says.

    ``authority`` is the world's SSH certificate authority as one public-key line without comment; ``seed`` are the 32 bytes of the
    Ed25519 key that opens the enrolment account; ``expires`` is in Unix seconds. With ``uses`` above 1 it is for several, and each comes under
    a name of their own; ``citizen`` then only says what it is for.
    """

    host: str
    port: int
    world_id: str
    world_name: str
    authority: str
    seed: bytes
    citizen: str
    expires: int
    uses: int = 1

    def encode(self) -> str:
        """Return the invite as one word that survives mail and chat: letters, digits, ``-`` and ``_`` only."""
        fields = [
            self.host,
            self.port,
            self.world_id,
            self.world_name,
            self.authority,
            base64.b64encode(self.seed).decode(),
            self.citizen,
            self.expires,
            *([self.uses] if self.uses > 1 else []),
        ]
        return lines.encode(PREFIX, fields)


def is_invite(text: str) -> bool:
    """Given what somebody typed as SERVER, say whether it is meant as an invite."""
    return text.strip().startswith(PREFIX) and len(text.strip()) > 64


def decode(text: str) -> Invite:
    """Given an invite line, return the invite. Raise FwrError (USAGE) if it is malformed."""
    try:
        return _from_fields(lines.decode(PREFIX, text))
    except (ValueError, TypeError) as error:
        raise FwrError(
            ExitCode.USAGE,
            "This invite is malformed: it was cut off or changed on its way.",
            "Copy the whole line, or ask for a new one (fwrkit invite NAME).",
        ) from error


def _from_fields(fields: list[object]) -> Invite:
    host, port, world_id, world_name, authority, seed, citizen, expires, *more = fields
    texts = (host, world_id, world_name, authority, seed, citizen)
    if not all(isinstance(text, str) for text in texts) or not isinstance(port, int) or not isinstance(expires, int):
        raise ValueError("types")
    uses = more[0] if more else 1
    if len(more) > 1 or not isinstance(uses, int) or uses < 1:
        raise ValueError("uses")
    secret = base64.b64decode(str(seed), validate=True)
    if len(secret) != 32 or not 0 < port < 65536 or not str(authority).startswith("ssh-ed25519 ") or "\n" in str(authority):
        raise ValueError("values")
    return Invite(str(host), port, str(world_id), str(world_name), str(authority), secret, str(citizen), expires, uses)
