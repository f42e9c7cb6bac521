"""A node's keys in a backup: encrypted by age, for recipients or by a passphrase. Source: age(1), version 1.2.

age takes a passphrase from a terminal and from nothing else, so it is given one. (An age key that is itself encrypted would need the same; a
cipher of our own would be one that nobody else can open.)
"""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fwrkit.core.commands import Command, Completed, converse, run
from fwrkit.core.errors import ExitCode, FwrError

_TIMEOUT = 120.0  # seconds: a passphrase is made slow to guess on purpose
_PROMPT = b"assphrase"  # in each of age's questions, before the colon
_LIMIT = 16 * 1024 * 1024  # bytes of keys


@dataclass(frozen=True)
class Lock:
    """By what keys are encrypted or opened: a passphrase, or else recipients (to encrypt) or an identity's text (to open)."""

    passphrase: str = ""
    recipients: tuple[str, ...] = ()
    identity: str = ""

    @classmethod
    def from_json(cls, data: dict[str, Any] | None) -> Lock | None:
        """Given what a request says, return it; None stays None."""
        if data is None:
            return None
        return cls(str(data.get("passphrase", "")), tuple(map(str, data.get("recipients", []))), str(data.get("identity", "")))


def seal(keys: Path, lock: Lock) -> bytes:
    """Return a directory's regular files, encrypted. Raise FwrError (USAGE) if age does not take a recipient."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(keys.iterdir()):
            if path.is_file() and not path.is_symlink():
                info = tar.gettarinfo(path, arcname=path.name)
                info.type, info.linkname, info.size = tarfile.REGTYPE, "", path.stat().st_size
                with path.open("rb") as file:
                    tar.addfile(info, file)
    with tempfile.TemporaryDirectory(prefix="seal-") as work:
        source, target = Path(work) / "keys", Path(work) / "keys.age"
        source.write_bytes(plain.getvalue())
        if lock.passphrase:
            done = _age(["-e", "-p", "-o", str(target), str(source)], lock)
        else:
            to = [word for recipient in lock.recipients for word in ("-r", recipient)]
            done = _age(["-e", *to, "-o", str(target), str(source)], lock)
        if not done.is_ok:
            hint = "Recipients look like age1… (age-keygen) or ssh-ed25519 …"
            raise FwrError(ExitCode.USAGE, f"The keys could not be encrypted: {_words(done)}.", hint)
        return target.read_bytes()


def unseal(sealed: bytes, lock: Lock) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """Return the files of encrypted keys, by name. Raise FwrError (REFUSED) if passphrase or identity is not the one."""
    with tempfile.TemporaryDirectory(prefix="seal-") as work:
        source, target, identity = (Path(work) / name for name in ("keys.age", "keys", "identity"))
        source.write_bytes(sealed)
        if lock.identity:
            identity.touch(mode=0o600)
            identity.write_text(lock.identity)
        done = _age(["-d", *(["-i", str(identity)] if lock.identity else []), "-o", str(target), str(source)], lock)
        if not done.is_ok:
            hint = "Give the passphrase or the --identity that it was made with, or leave the keys out: --without-keys"
            raise FwrError(ExitCode.REFUSED, f"The keys in the backup can not be opened: {_words(done)}.", hint)
        plain = target.read_bytes()
    found = {}
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
        for info in tar:
            content = tar.extractfile(info) if info.isreg() and os.path.basename(info.name) == info.name and info.size <= _LIMIT else None
            if content is None or info.name in ("", ".", ".."):
                raise FwrError(ExitCode.FAILED, "The keys in the backup are damaged.", "Leave them out with --without-keys.")
            found[info.name] = (info, content.read())
    return found


def _age(words: list[str], lock: Lock) -> Completed:
    command = Command(["age", *words], clean=True, env={"PATH": "/usr/bin:/bin", "TERM": "dumb", "HOME": "/nonexistent"})
    if lock.passphrase:
        return converse(command, _PROMPT, lock.passphrase.encode(), _TIMEOUT)
    return run(command, _TIMEOUT)


def _words(done: Completed) -> str:
    lines = done.stderr.decode(errors="replace").splitlines()
    said = next((line.removeprefix("age: error: ") for line in lines if line.startswith("age: error: ")), done.last_words())
    return said.strip().rstrip(".")
