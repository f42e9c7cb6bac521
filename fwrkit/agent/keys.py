"""SSH keys as files: making them, and turning an invite's seed into one. Everything is done by ssh-keygen; source: PROTOCOL.key, RFC 8410."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import struct
import tempfile
from pathlib import Path

from fwrkit.core.commands import Command, check
from fwrkit.core.errors import ExitCode, FwrError

_PKCS8_ED25519 = bytes.fromhex("302e020100300506032b657004220420")  # RFC 8410: version 0, Ed25519, then 32 bytes of seed
_OPENSSH = b"openssh-key-v1\0"
_OPENSSH_BLOCK = 8  # bytes, to a multiple of which the private part is filled up


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


def seed_of(text: str) -> bytes:
    """Given an Ed25519 private key that no passphrase locks, in OpenSSH's own form or as :func:`pem_of_seed` writes it, return its 32 bytes of seed.

    Raise FwrError (USAGE) if it is none. Source: PROTOCOL.key.
    """
    try:
        body = base64.b64decode("".join(line for line in text.splitlines() if not line.startswith("-----")), validate=True)
        if body.startswith(_PKCS8_ED25519) and len(body) == len(_PKCS8_ED25519) + 32:
            return body[-32:]
        if not body.startswith(_OPENSSH):
            raise ValueError
        cipher, kdf, options, rest = _strings(body[len(_OPENSSH) :], 3)
        (count,) = struct.unpack_from(">I", rest)
        public, private, _ = _strings(rest[4:], 2)
        kind, point, both, _ = _strings(private[8:], 3)  # behind two equal numbers
        is_whole = (cipher, kdf, options, count, kind) == (b"none", b"none", b"", 1, b"ssh-ed25519") and private[:4] == private[4:8]
        if not is_whole or len(both) != 64 or both[32:] != point or not public.endswith(point):
            raise ValueError
    except (ValueError, struct.error) as error:
        raise FwrError(
            ExitCode.USAGE, "This is no Ed25519 private key, or a passphrase locks it.", "Give the key itself, decrypted."
        ) from error
    return both[:32]


def _strings(data: bytes, count: int) -> list[bytes]:
    """Return so many strings from the beginning of some data, each behind its length, and what follows them."""
    found = []
    for _ in range(count):
        (length,) = struct.unpack_from(">I", data)
        if len(data) < 4 + length:
            raise ValueError(length)
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    return [*found, data]


def private_text(seed: bytes, public: str, comment: str) -> str:
    """Given a seed and its public half (type and base64), return the private key in OpenSSH's own form. Source: PROTOCOL.key."""

    def string(content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + content

    blob = base64.b64decode(public.split()[1])
    point = blob[-32:]
    private = secrets.token_bytes(4) * 2 + string(b"ssh-ed25519") + string(point) + string(seed + point) + string(comment.encode())
    private += bytes(range(1, -len(private) % _OPENSSH_BLOCK + 1))
    whole = _OPENSSH + string(b"none") * 2 + string(b"") + struct.pack(">I", 1) + string(blob) + string(private)
    body = base64.b64encode(whole).decode()
    lines = "\n".join(body[start : start + 70] for start in range(0, len(body), 70))
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{lines}\n-----END OPENSSH PRIVATE KEY-----\n"


def public_of(seed: bytes) -> str:
    """Given a seed, return the public half of its key: type and base64."""
    with tempfile.TemporaryDirectory(prefix="key-") as work:
        place = Path(work) / "key"
        write_private(place, pem_of_seed(seed))
        return public_key(place)


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
