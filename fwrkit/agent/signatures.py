"""Signatures with SSH keys: made and verified by ssh-keygen(1), ``-Y sign`` and ``-Y verify``; a namespace says what they are for."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from fwrkit.core.commands import Command, check, run

_SIGNER = "signer"


def sign_command(key: Path, namespace: str) -> list[str]:
    """Return the command that prints the signature of its standard input."""
    return ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key)]


def sign(key: Path, namespace: str, text: bytes) -> str:
    """Return the signature of a text. Raise FwrError (FAILED) if the key can not be used."""
    return check(Command(sign_command(key, namespace), stdin=text), timeout=30).stdout.decode()


def is_signed(text: bytes, signature: bytes, namespace: str, keys: Sequence[str]) -> bool:
    """Say whether a text was signed by one of some public keys (type and base64)."""
    with tempfile.TemporaryDirectory(prefix="verify-") as work:
        signers, signed = Path(work) / "signers", Path(work) / "signature"
        signers.write_text("".join(f'{_SIGNER} namespaces="{namespace}" {key}\n' for key in keys))
        signed.write_bytes(signature)
        argv = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", _SIGNER, "-n", namespace, "-s", str(signed)]
        return run(Command(argv, stdin=text), timeout=30).is_ok
