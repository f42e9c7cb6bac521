"""The world's authority: what it signs, ssh-keygen reads back."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from fwrkit.agent import shares
from fwrkit.agent.credentials import validity
from fwrkit.agent.keys import fingerprint, is_public_key, make_key, public_of
from fwrkit.agent.server.authority import Authority
from fwrkit.core.errors import ExitCode, FwrError


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
    certificate.write_text(authority.citizen_certificate(key, "alice", "c-alice", 7, 3600))
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
        authority.citizen_certificate("ssh-ed25519 nonsense", "alice", "c-alice", 1, 3600)
    authority.citizen_certificate(make_key(tmp_path / "node", ""), "alice", "c-alice", 1, 3600)
    assert list(work.iterdir()) == []


def signer(certificate: Path) -> str:
    return shown(certificate).partition("Signing CA: ED25519 ")[2].split()[0]


def test_a_certificate_ends(authority: Authority, tmp_path: Path) -> None:
    line = authority.citizen_certificate(make_key(tmp_path / "node", ""), "alice", "c-alice", 7, 3600)
    valid = validity(line)
    assert abs(valid.until - time.time() - 3600) < 60
    assert valid.since < time.time() - 3600, "clocks differ"


def test_while_it_changes_two_keys_are_valid_and_hosts_are_known_by_the_old_one(authority: Authority, tmp_path: Path) -> None:
    before = authority.public
    new = authority.begin_rotation()
    assert authority.is_rotating
    assert authority.public == before
    assert authority.all_public == [new, before]
    assert (tmp_path / "keys/authorities.pub").read_text().splitlines() == [new, before]
    make_key(tmp_path / "host", "")
    authority.host_certificate(tmp_path / "host", "w")
    assert signer(tmp_path / "host-cert.pub") == fingerprint(before)
    certificate = tmp_path / "node-cert.pub"
    certificate.write_text(authority.citizen_certificate(make_key(tmp_path / "node", ""), "alice", "c-alice", 1, 60))
    assert signer(certificate) == fingerprint(new)
    with pytest.raises(FwrError):
        authority.begin_rotation()
    authority.finish_rotation()
    assert authority.public == new
    assert authority.all_public == [new]
    authority.host_certificate(tmp_path / "host", "w")
    assert signer(tmp_path / "host-cert.pub") == fingerprint(new)


def test_a_change_that_was_cut_off_has_not_been(authority: Authority, tmp_path: Path) -> None:
    before = authority.public
    keys = tmp_path / "keys"
    os.rename(keys / "authority", keys / "authority-before")
    shutil.copyfile(keys / "authority.pub", keys / "authority-before.pub")
    again = Authority(keys, None)
    again.create()
    assert again.all_public == [before]
    assert not again.is_rotating


def test_shares_are_of_the_newest_key_and_were_tried(authority: Authority, openssh: None) -> None:
    assert public_of(shares.combine(authority.shares(2, 3)[1:])) == authority.public
    new = authority.begin_rotation()
    made = authority.shares(3, 5)
    assert len(made) == 5
    assert public_of(shares.combine(made[::2])) == new
    with pytest.raises(FwrError):
        authority.shares(1, 3)


def test_shares_that_do_not_give_it_back_are_not_given(authority: Authority, openssh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = shares.split(b"x" * 32, 2, 3)
    monkeypatch.setattr(shares, "split", lambda *_: wrong)
    with pytest.raises(FwrError) as raised:
        authority.shares(2, 3)
    assert raised.value.code == ExitCode.FAILED


def test_a_peer_s_certificate_is_for_its_world_and_for_a_time(authority: Authority, tmp_path: Path) -> None:
    key = make_key(tmp_path / "peer", "")
    (tmp_path / "peer-cert.pub").write_text(authority.peer_certificate(key, "world-1", "alice-peer", 3600))
    words = shown(tmp_path / "peer-cert.pub")
    assert "host certificate" in words and "Principals: world-1.alice-peer " in words
    until = time.strftime("%Y-%m-%dT%H", time.localtime(time.time() + 3600))
    assert f" to {until}" in words


def test_which_keys_are_this_server_s_own(authority: Authority, tmp_path: Path) -> None:
    before, host, other = authority.public, make_key(tmp_path / "keys/host", ""), make_key(tmp_path / "other", "")
    authority.begin_rotation()
    assert all(authority.is_own(key) for key in (before, authority.all_public[0], host))
    authority.finish_rotation()
    assert authority.is_own(before), "a former one's word on snapshots counts"
    assert not authority.is_own(other)
