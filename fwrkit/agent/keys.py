"""SSH keys as files: making them, and turning an invite's seed into one. Everything is done by ssh-keygen; source: PROTOCOL.key, RFC 8410."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

from fwrkit.core.commands import Command, check

_PKCS8_ED25519 = bytes.fromhex("302e020100300506032b657004220420")  # RFC 8410: version 0, Ed25519, then 32 bytes of seed


def make_key(path: Path, comment: str) -> str:
    """Make an Ed25519 key at a path where there is none yet, and return its public half: type and base64, no comment."""
    if not path.exists():
        temporary = path.with_name(path.name + ".new")
        for leftover in (temporary, temporary.with_name(temporary.name + ".pub")):
            leftover.unlink(missing_ok=True)
        check(Command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(temporary)]), timeout=30)
        os.rename(f"{temporary}.pub", f"{path}.pub")
        os.rename(temporary, path)  # last: a key that is there is whole
    return public_key(path)


def public_key(path: Path) -> str:
    """Return the public half of a private key's file: type and base64. Raise FwrError if it is none."""
    return bare(check(Command(["ssh-keygen", "-y", "-f", str(path)]), timeout=30).stdout.decode())


def bare(line: str) -> str:
    """Given a public-key line, return type and base64 only."""
    return " ".join(line.split()[:2])


def fingerprint(key: str) -> str:
    """Given a public key (type and base64), return its fingerprint as OpenSSH writes it: ``SHA256:`` and 43 characters."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(key.split()[1])).digest()).decode().rstrip("=")


def is_public_key(text: str) -> bool:
    """Say whether a text is one bare Ed25519 public key."""
    kind, _, body = text.partition(" ")
    try:
        raw = base64.b64decode(body, validate=True)
    except ValueError:
        return False
    return kind == "ssh-ed25519" and len(raw) == 51 and raw.startswith(b"\0\0\0\x0bssh-ed25519\0\0\0 ")


def pem_of_seed(seed: bytes) -> str:
    """Given 32 bytes, return the private key whose seed they are, in a form that OpenSSH reads."""
    body = base64.b64encode(_PKCS8_ED25519 + seed).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, in one step, durably."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
