"""The world's SSH certificate authority: one key, used by ssh-keygen under an account of its own and by nothing else."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from fwrkit.agent import shares
from fwrkit.agent.keys import make_key, public_key, public_of, seed_of
from fwrkit.agent.signatures import sign_command
from fwrkit.agent.snapshots import NAMESPACE
from fwrkit.core.commands import Command, check
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import host_of_peer

_CLOCK_SKEW = 86400  # seconds that a certificate is valid already: machines' clocks differ
_OPTIONS = ("-O", "clear")  # a certificate opens the account, and nothing that sshd could grant besides


class Authority:
    """Signs keys. ``uid`` is the account that alone reads the key; None: the process's own (tests).

    While it is being changed there are two: citizens' certificates are signed by the new one, the host's still by the one before, which is
    the one that everybody knows; :meth:`finish_rotation` ends that.
    """

    def __init__(self, keys: Path, uid: int | None) -> None:
        self._key = keys / "authority"
        self._before = keys / "authority-before"
        self._former = keys / "authorities-former.pub"
        self._trusted = keys / "authorities.pub"
        self._host = keys / "host"
        self._uid = uid

    def create(self) -> None:
        """Make the authority's key if there is none. Harmless when repeated."""
        if not self._key.exists() and self._before.exists():  # a change was cut off between its two steps
            os.replace(self._before.with_suffix(".pub"), self._key.with_suffix(".pub"))
            os.rename(self._before, self._key)
        make_key(self._key, "fwrkit world authority")
        self._own(self._key)
        self._write_trusted()

    def _own(self, key: Path) -> None:
        if self._uid is not None:
            os.chown(key, self._uid, self._uid)
            key.chmod(0o400)

    def _write_trusted(self) -> None:
        _replace(self._trusted, "".join(f"{key}\n" for key in self.all_public))

    @property
    def public(self) -> str:
        """The public key by which the server's hosts are known now: type and base64."""
        return _public_half(self._known)

    @property
    def _known(self) -> Path:
        """The key that everybody knows."""
        return self._before if self._before.exists() else self._key

    @property
    def all_public(self) -> list[str]:
        """The public keys that are valid now, the newest first."""
        return [_public_half(key) for key in (self._key, self._before) if key.exists()]

    @property
    def former(self) -> list[str]:
        """The public keys of earlier authorities, the oldest first: their signatures on snapshots still count, and on nothing else."""
        return self._former.read_text().splitlines() if self._former.exists() else []

    def trust(self, host_certificate: str, authorities: list[str], former: list[str]) -> None:
        """At a peer, which has no authority: remember the world's, its former ones, and what it has signed of the host's key."""
        _replace(self._host.with_name("host-cert.pub"), host_certificate)
        _replace(self._former, "".join(f"{key}\n" for key in former))
        _replace(self._trusted, "".join(f"{key}\n" for key in authorities))

    def begin_rotation(self) -> str:
        """Make a new key beside the one there is, and return its public half. Raise FwrError (TAKEN) if a change goes on already."""
        if self._before.exists():
            raise FwrError(ExitCode.TAKEN, "The authority is being changed already.", "Wait until that has ended, or end it: --now")
        former = dict.fromkeys([*self.former, _public_half(self._key)])
        _replace(self._former, "".join(f"{key}\n" for key in former))
        shutil.copyfile(self._key.with_suffix(".pub"), self._before.with_suffix(".pub"))
        os.rename(self._key, self._before)
        make_key(self._key, "fwrkit world authority")
        self._own(self._key)
        self._write_trusted()
        return _public_half(self._key)

    def finish_rotation(self) -> None:
        """The one before is valid no more. Harmless when repeated."""
        self._before.unlink(missing_ok=True)
        self._before.with_suffix(".pub").unlink(missing_ok=True)
        self._write_trusted()

    @property
    def is_rotating(self) -> bool:
        """Whether two keys are valid."""
        return self._before.exists()

    def host_certificate(self, key: Path, world_id: str) -> None:
        """Have a host key signed for the servers of a world; the certificate is put beside the key."""
        certificate = self._sign(public_key(key), _host_options(world_id), self._known)
        key.with_name(key.name + "-cert.pub").write_text(certificate)

    def peer_certificate(self, key: str, world_id: str, name: str, life: int) -> str:
        """Given another machine's public host key, return the certificate by which it serves a world as a peer, and not as its server, for so many seconds."""
        return self._sign(key, [*_host_options(host_of_peer(world_id, name)), "-V", _valid(life)], self._known)

    def is_own(self, key: str) -> bool:
        """Say whether a public key is an authority's, valid or former, or the host's: nobody else has that one, whatever they say."""
        host = self._host.with_suffix(".pub")
        return key in (*self.all_public, *self.former, *([_public_half(self._host)] if host.exists() else []))

    def citizen_certificate(self, key: str, citizen: str, account: str, serial: int, life: int) -> str:
        """Given a citizen's public key, return the certificate that opens their account for so many seconds."""
        return self._sign(key, ["-I", citizen, "-n", account, "-z", str(serial), "-V", _valid(life), *_OPTIONS], self._key)

    def sign_text(self, text: bytes, namespace: str = NAMESPACE) -> bytes:
        """Return the signature of a text, as git keeps it in a signed tag. ``namespace`` says for what it counts."""
        return check(self._command(sign_command(self._known, namespace), text), timeout=30).stdout

    def sealed_for(self, key: str) -> str:
        """Return the authority's private key as text that only the holder of a public key (type and base64) can read. Source: age(1)."""
        return check(self._command(["age", "--encrypt", "--armor", "-r", key, str(self._known)]), timeout=30).stdout.decode()

    def shares(self, need: int, of: int) -> list[str]:
        """Return the newest authority's private key in so many shares, any ``need`` of which give it back. They are tried before.

        Raise FwrError: USAGE, FAILED.
        """
        seed = seed_of(check(self._command(["cat", str(self._key)]), timeout=30).stdout.decode())
        made = shares.split(seed, need, of)
        if any(public_of(shares.combine(some)) != _public_half(self._key) for some in (made[:need], made[-need:])):
            raise FwrError(ExitCode.FAILED, "The shares do not give the authority's key back.", "See: fwrkit doctor")
        return made

    def _command(self, argv: list[str], stdin: bytes | None = None) -> Command:
        return Command(argv, stdin=stdin, user=self._uid, group=self._uid, clean=True, env={"PATH": "/usr/bin:/bin"})

    def _sign(self, key: str, options: list[str], signer: Path) -> str:
        work = Path(tempfile.mkdtemp(prefix="sign-"))
        try:
            subject = work / "subject.pub"
            subject.write_text(key + "\n")
            if self._uid is not None:
                os.chown(work, self._uid, self._uid)
                os.chown(subject, self._uid, self._uid)
            argv = ["ssh-keygen", "-q", "-s", str(signer), *options, str(subject)]
            check(self._command(argv), timeout=30)
            return (work / "subject-cert.pub").read_text().strip() + "\n"
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _host_options(host: str) -> list[str]:
    return ["-h", "-I", f"host of {host}", "-n", host]


def _valid(life: int) -> str:
    return f"-{_CLOCK_SKEW}s:+{life}s"


def _public_half(key: Path) -> str:
    return " ".join(key.with_suffix(".pub").read_text().split()[:2])


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text)
    temporary.chmod(0o644)
    os.replace(temporary, path)
