"""Snapshots: annotated tags that the world's authority signed, as git signs tags with SSH keys.

Every node reads and verifies them by itself, with the authority's public key that it was given when it joined. Source: git's
``gpg.format=ssh``: the signature (namespace ``git``) is of everything before it in the tag's object; ssh-keygen(1), -Y.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fwrkit.agent import signatures
from fwrkit.agent.keys import is_public_key
from fwrkit.agent.repository import SNAPSHOTS, Repository
from fwrkit.core.errors import FwrError
from fwrkit.core.history import Snapshot
from fwrkit.core.names import check_snapshot_name

NAMESPACE = "git"
SIGNATURE = b"-----BEGIN SSH SIGNATURE-----"
_TAG_LIMIT = 65536  # bytes of one tag's object
_OBJECT = re.compile(rb"object ([0-9a-f]{40})\ntype commit\ntag ([!-~]+)\ntagger ([^<>\n]*) <([^<>\n]*)> ([0-9]+) [+-][0-9]{4}\n\n")


@dataclass(frozen=True)
class Tag:
    """What a tag's object says."""

    version: str
    name: str
    by: str
    time: int
    payload: bytes
    signature: bytes


def tag_text(version: str, name: str, by: str, domain: str, time: int) -> bytes:
    """Given what a snapshot says (``time`` in Unix seconds), return the text of its tag that is to be signed."""
    return f"object {version}\ntype commit\ntag {name}\ntagger {by} <{by}@{domain}> {time} +0000\n\nsnapshot {name}\n".encode()


def parse_tag(data: bytes) -> Tag | None:
    """Given the data of a tag's object, return what it says, None if it is no snapshot."""
    match = _OBJECT.match(data)
    position = data.find(SIGNATURE)
    if match is None or position < 0:
        return None
    oid, name, by, _, time = match.groups()
    return Tag(oid.decode(), name.decode(), by.decode("utf-8", "replace"), int(time), data[:position], data[position:])


def is_signed(tag: Tag, authorities: Sequence[str]) -> bool:
    """Say whether a tag's text was signed by one of some public keys (type and base64)."""
    return signatures.is_signed(tag.payload, tag.signature, NAMESPACE, authorities)


def snapshots(repository: Repository, authorities: Sequence[str]) -> list[Snapshot]:
    """Return the snapshots that a repository has, the newest first, each verified with the authority's public keys."""
    found = [look(repository, name, oid, authorities) for name, oid in repository.references(SNAPSHOTS).items()]
    return sorted(found, key=lambda item: (-item.time, item.name))


def look(repository: Repository, name: str, oid: str, authorities: Sequence[str]) -> Snapshot:
    """Given a tag's name and the id (hex) of what it names, return it, verified with the authority's public keys."""
    kind, _ = repository.kinds([oid]).get(oid, ("", 0))
    if kind == "commit":
        return Snapshot(name, oid, 0, "", False, "it is a tag that nobody signed")
    tag = tag_of(repository, oid)
    if tag is None:
        return Snapshot(name, "", 0, "", False, "it is no snapshot")
    said = Snapshot(name, tag.version, tag.time, tag.by, False)
    if tag.name != name:
        return replace(said, note=f"it was signed as {tag.name}")
    if not authorities:
        return replace(said, note="this node does not know the world's authority")
    if not is_signed(tag, authorities):
        return replace(said, note="the world's authority did not sign it")
    return replace(said, is_verified=True)


def tag_of(repository: Repository, oid: str) -> Tag | None:
    """Given the id (hex) of what a reference names, return what the tag there says, unverified; None if it is no snapshot."""
    kind, size = repository.kinds([oid]).get(oid, ("", 0))
    if kind != "tag" or size > _TAG_LIMIT:
        return None
    return parse_tag(repository.read("cat-file", "tag", oid, limit=_TAG_LIMIT)[0])


def known_authorities(keys: Path) -> list[str]:
    """Return the public keys that a node knows as the world's authority's, earlier ones too: a server's own, or what a client's server said."""
    found: list[str] = []
    for name in ("authorities.pub", "authorities-former.pub"):
        try:
            found += (keys / name).read_text().splitlines()
        except OSError:
            continue
    try:
        upstream = json.loads((keys / "upstream.json").read_text())
        found += [upstream["authority"], *upstream.get("authorities", ()), *upstream.get("former", ())]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return list(dict.fromkeys(key for key in found if is_public_key(str(key))))


def is_snapshot_name(text: str) -> bool:
    """Say whether a text could be a snapshot's name."""
    try:
        return bool(check_snapshot_name(text))
    except FwrError:
        return False
