"""The world's SSH certificate authority: one key, used by ssh-keygen under an account of its own and by nothing else."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from fwrkit.agent.keys import make_key, public_key
from fwrkit.agent.snapshots import NAMESPACE
from fwrkit.core.commands import Command, check

_OPTIONS = ("-O", "clear")  # a certificate opens the account, and nothing that sshd could grant besides


class Authority:
    """Signs keys. ``uid`` is the account that alone reads the key; None: the process's own (tests)."""

    def __init__(self, keys: Path, uid: int | None) -> None:
        self._key = keys / "authority"
        self._keys = keys
        self._uid = uid

    def create(self) -> None:
        """Make the authority's key if there is none. Harmless when repeated."""
        make_key(self._key, "fwrkit world authority")
        if self._uid is not None:
            os.chown(self._key, self._uid, self._uid)
            self._key.chmod(0o400)

    @property
    def public(self) -> str:
        """The authority's public key: type and base64."""
        text = self._key.with_suffix(".pub").read_text()
        return " ".join(text.split()[:2])

    def host_certificate(self, key: Path, world_id: str) -> None:
        """Have a host key signed for the servers of a world; the certificate is put beside the key."""
        certificate = self._sign(public_key(key), ["-h", "-I", f"host of {world_id}", "-n", world_id])
        key.with_name(key.name + "-cert.pub").write_text(certificate)

    def citizen_certificate(self, key: str, citizen: str, account: str, serial: int) -> str:
        """Given a citizen's public key, return the certificate that opens their account."""
        return self._sign(key, ["-I", citizen, "-n", account, "-z", str(serial), *_OPTIONS])

    def sign_text(self, text: bytes) -> bytes:
        """Return the signature of a text, as git keeps it in a signed tag."""
        argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(self._key)]
        return check(self._command(argv, text), timeout=30).stdout

    def _command(self, argv: list[str], stdin: bytes | None = None) -> Command:
        return Command(argv, stdin=stdin, user=self._uid, group=self._uid, clean=True, env={"PATH": "/usr/bin:/bin"})

    def _sign(self, key: str, options: list[str]) -> str:
        work = Path(tempfile.mkdtemp(prefix="sign-"))
        try:
            subject = work / "subject.pub"
            subject.write_text(key + "\n")
            if self._uid is not None:
                os.chown(work, self._uid, self._uid)
                os.chown(subject, self._uid, self._uid)
            argv = ["ssh-keygen", "-q", "-s", str(self._key), *options, str(subject)]
            check(self._command(argv), timeout=30)
            return (work / "subject-cert.pub").read_text().strip() + "\n"
        finally:
            shutil.rmtree(work, ignore_errors=True)
