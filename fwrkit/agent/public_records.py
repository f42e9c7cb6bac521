"""What every citizen can read in ``.fwr/`` of their own copy of the world, online or not: the roll and the audit log."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import tomllib
from pathlib import Path

from fwrkit.agent import audit
from fwrkit.agent.files.tree import NotRegular, Tree
from fwrkit.agent.keys import fingerprint, is_public_key
from fwrkit.agent.paths import AUDIT, ROLL
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import check_citizen_name
from fwrkit.core.records import CitizenRecord, PeerRecord

_LIMIT = 64 * 1024 * 1024  # bytes of one file
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")  # a name or an IPv4 address: it becomes a word of ssh_config


def read_roll(world: Path) -> list[CitizenRecord]:
    """Return the roll as this copy of the world has it. Raise FwrError: NOT_FOUND if there is none, FAILED if it can not be read."""
    try:
        return roll_of(read(world, ROLL))
    except FileNotFoundError as error:
        text = "This copy of the world has no roll of citizens yet."
        raise FwrError(ExitCode.NOT_FOUND, text, "Wait until it has been in touch with the server.") from error
    except (NotRegular, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FwrError(ExitCode.FAILED, f"The roll in this copy of the world can not be read ({error}).", "See: fwrkit log .fwr") from error


def roll_of(text: bytes) -> list[CitizenRecord]:
    """Given a roll's text, return it. Raise ValueError, KeyError or TypeError if it is none."""
    return [_citizen(item) for item in tomllib.loads(text.decode()).get("citizen", [])]


def keys_of(text: bytes) -> dict[str, str]:
    """Given a roll's text, return the public keys (type and base64) of its citizens by name. Raise as :func:`roll_of`."""
    data = tomllib.loads(text.decode())
    return {str(item["name"]): str(item["key"]) for item in data.get("citizen", []) if item.get("key")}


def revoked_of(text: bytes) -> list[str]:
    """Given a roll's text, return the keys (type and base64) that open nothing any more: citizens' and peers' host keys. Raise as :func:`roll_of`."""
    return [str(key) for key in tomllib.loads(text.decode()).get("revoked", []) if is_public_key(str(key))]


def peers_of(text: bytes) -> list[PeerRecord]:
    """Given a roll's text, return the peers that it names, in their order. Raise as :func:`roll_of`, also for an address that is none."""
    found = tomllib.loads(text.decode()).get("peer", [])
    return [_peer(item) for item in found]


def is_address(host: str, port: int) -> bool:
    """Say whether something is the address of a peer: a host name or IPv4 address, and a port."""
    return bool(_HOST.match(host)) and ".." not in host and 0 < port < 65536


def _peer(item: dict[str, object]) -> PeerRecord:
    host, port = item["host"], item["port"]
    if not isinstance(host, str) or not isinstance(port, int) or isinstance(port, bool) or not is_address(host, port):
        raise ValueError(f"a peer at {host!r}:{port!r}"[:200])
    try:
        name, by = check_citizen_name(str(item["name"])), check_citizen_name(str(item["by"]))
    except FwrError as error:
        raise ValueError(error.message) from error
    return PeerRecord(name, host, port, by, _seconds(item["since"]))


def _citizen(item: dict[str, object]) -> CitizenRecord:
    ban = item.get("banned")
    ban = ban if isinstance(ban, dict) else {}
    key = str(item.get("key", ""))
    return CitizenRecord(
        name=str(item["name"]), role=str(item["role"]), since=_seconds(item["since"]), reason=str(ban.get("reason", "")),
        banned_since=_seconds(ban.get("since")), banned_until=_seconds(ban.get("until")), banned_by=str(ban.get("by", "")),
        fingerprint=fingerprint(key) if key else "",
    )  # fmt: skip


def _seconds(moment: object) -> int:
    return int(moment.timestamp()) if isinstance(moment, datetime.datetime) else 0


def read_audit(world: Path) -> audit.Chain:
    """Return the audit log as this copy of the world has it, all its files in a row, as one chain."""
    directory = world / os.fsdecode(AUDIT)
    names = sorted(os.fsencode(item.name) for item in directory.iterdir()) if directory.is_dir() else []
    lines: list[str] = []
    for name in names:
        if name.endswith(b".jsonl"):
            lines += read(world, AUDIT + b"/" + name).decode("utf-8", "replace").splitlines()
    return audit.follow(lines)


def read(world: Path, path: bytes) -> bytes:
    """Return the content of a regular file of a world; no link in its path is followed. Raise OSError."""
    with contextlib.closing(Tree(world)) as tree:
        fd = tree.open_file(path)
    with os.fdopen(fd, "rb") as file:
        return file.read(_LIMIT)
