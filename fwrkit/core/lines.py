"""Secrets and announcements as one word that survives mail and chat: letters, digits, ``-`` and ``_`` only, with a check against typing errors."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence

_CHECK_BYTES = 4  # enough to tell a line that lost a character from one that did not


def encode(prefix: str, fields: Sequence[object]) -> str:
    """Given a prefix and what JSON can hold, return the line."""
    body = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    return prefix + base64.urlsafe_b64encode(_check(body) + body).decode().rstrip("=")


def decode(prefix: str, text: str) -> list[object]:
    """Given a line of :func:`encode`, wherever it was broken, return its fields. Raise ValueError or TypeError if it is none, or was changed on its way."""
    word = "".join(text.split())
    if not word.startswith(prefix):
        raise ValueError("prefix")
    word = word[len(prefix) :]
    try:
        raw = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("letters") from error
    body = raw[_CHECK_BYTES:]
    if raw[:_CHECK_BYTES] != _check(body):
        raise ValueError("checksum")
    fields = json.loads(body.decode())
    if not isinstance(fields, list):
        raise TypeError("fields")
    return fields


def _check(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_CHECK_BYTES]
