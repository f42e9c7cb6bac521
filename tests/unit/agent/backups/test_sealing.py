"""Keys leave a node encrypted only, and come back for who can open them."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from fwrkit.agent.backups import sealing
from fwrkit.agent.backups.sealing import Lock
from fwrkit.core.commands import Command, check
from fwrkit.core.errors import ExitCode, FwrError


def identity(root: Path) -> tuple[str, str]:
    """Return a recipient and its identity."""
    check(Command(["age-keygen", "-o", str(root / "identity")]))
    text = (root / "identity").read_text()
    return next(line for line in text.splitlines() if "public key" in line).rpartition(" ")[2], text


def keys(root: Path) -> Path:
    made = root / "keys"
    made.mkdir()
    (made / "host").write_text("a secret")
    (made / "host").chmod(0o400)
    (made / "link").symlink_to("/etc/passwd")
    (made / "directory").mkdir()
    return made


def test_a_recipient_opens_them(tmp_path: Path) -> None:
    recipient, text = identity(tmp_path)
    sealed = sealing.seal(keys(tmp_path), Lock(recipients=(recipient,)))
    assert b"a secret" not in sealed
    found = sealing.unseal(sealed, Lock(identity=text))
    assert {name: content for name, (_, content) in found.items()} == {"host": b"a secret"}
    assert found["host"][0].mode & 0o777 == 0o400


def test_an_ssh_key_opens_them(tmp_path: Path) -> None:
    check(Command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "id")]))
    recipient = (tmp_path / "id.pub").read_text().strip()
    sealed = sealing.seal(keys(tmp_path), Lock(recipients=(recipient,)))
    assert set(sealing.unseal(sealed, Lock(identity=(tmp_path / "id").read_text()))) == {"host"}


def test_another_identity_does_not(tmp_path: Path) -> None:
    recipient, _ = identity(tmp_path)
    (tmp_path / "other").mkdir()
    sealed = sealing.seal(keys(tmp_path), Lock(recipients=(recipient,)))
    with pytest.raises(FwrError) as raised:
        sealing.unseal(sealed, Lock(identity=identity(tmp_path / "other")[1]))
    assert raised.value.code == ExitCode.REFUSED


def test_a_passphrase_opens_them(tmp_path: Path) -> None:
    sealed = sealing.seal(keys(tmp_path), Lock(passphrase="correct häuser \U0001f600"))
    assert set(sealing.unseal(sealed, Lock(passphrase="correct häuser \U0001f600"))) == {"host"}


def test_what_is_no_recipient_is_said(tmp_path: Path) -> None:
    with pytest.raises(FwrError) as raised:
        sealing.seal(keys(tmp_path), Lock(recipients=("bob",)))
    assert (raised.value.code, "bob" in raised.value.message) == (ExitCode.USAGE, True)


@pytest.mark.parametrize("name", ["../host", "/etc/passwd", "a/b", "link"])
def test_only_plain_files_are_keys(tmp_path: Path, name: str) -> None:
    recipient, text = identity(tmp_path)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = (tarfile.SYMTYPE, "/etc/passwd") if name == "link" else (tarfile.REGTYPE, "")
        tar.addfile(info, io.BytesIO())
    (tmp_path / "plain").write_bytes(plain.getvalue())
    check(Command(["age", "-r", recipient, "-o", str(tmp_path / "sealed"), str(tmp_path / "plain")]))
    with pytest.raises(FwrError) as raised:
        sealing.unseal((tmp_path / "sealed").read_bytes(), Lock(identity=text))
    assert raised.value.code == ExitCode.FAILED


def test_nothing_of_it_stays_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    recipient, text = identity(tmp_path)
    before = set(os.listdir(tmp_path))
    sealing.unseal(sealing.seal(keys(tmp_path), Lock(recipients=(recipient,))), Lock(identity=text))
    assert set(os.listdir(tmp_path)) - before == {"keys"}
