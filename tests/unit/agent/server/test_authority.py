"""The world's authority: what it signs, ssh-keygen reads back."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest

from fwrkit.agent.keys import is_public_key, make_key
from fwrkit.agent.server.authority import Authority
from fwrkit.core.errors import FwrError


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    (tmp_path / "keys").mkdir()
    authority = Authority(tmp_path / "keys", None)
    authority.create()
    return authority


def shown(certificate: Path) -> str:
    done = subprocess.run(["ssh-keygen", "-L", "-f", str(certificate)], check=True, capture_output=True, text=True)
    return " ".join(done.stdout.split())


def test_the_key_is_made_once_and_is_its_owner_s(authority: Authority, tmp_path: Path) -> None:
    first = authority.public
    assert is_public_key(first)
    authority.create()
    again = Authority(tmp_path / "keys", None)
    again.create()
    assert again.public == first
    assert (tmp_path / "keys/authority").stat().st_mode & 0o077 == 0


def test_a_citizen_s_certificate_opens_one_account_and_grants_nothing(authority: Authority, tmp_path: Path) -> None:
    key = make_key(tmp_path / "node", "")
    certificate = tmp_path / "node-cert.pub"
    certificate.write_text(authority.citizen_certificate(key, "alice", "c-alice", 7))
    words = shown(certificate)
    assert "user certificate" in words
    assert 'Key ID: "alice"' in words
    assert "Serial: 7" in words
    assert "Principals: c-alice Critical Options: (none) Extensions: (none)" in words
    assert certificate.read_text().count("\n") == 1


def test_a_host_s_certificate_is_for_its_world(authority: Authority, tmp_path: Path) -> None:
    make_key(tmp_path / "host", "")
    authority.host_certificate(tmp_path / "host", "world-1")
    words = shown(tmp_path / "host-cert.pub")
    assert "host certificate" in words
    assert "Principals: world-1 " in words


def test_what_is_no_key_is_not_signed_and_nothing_is_left(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(work))
    with pytest.raises(FwrError):
        authority.citizen_certificate("ssh-ed25519 nonsense", "alice", "c-alice", 1)
    authority.citizen_certificate(make_key(tmp_path / "node", ""), "alice", "c-alice", 1)
    assert list(work.iterdir()) == []
