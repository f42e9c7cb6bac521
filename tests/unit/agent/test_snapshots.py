"""Snapshots: only what the world's authority signed under just this name is verified."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from fwrkit.agent.repository import SNAPSHOTS
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.snapshots import make_snapshot
from fwrkit.agent.snapshots import known_authorities, parse_tag, snapshots, tag_text
from tests.unit.agent.past import Past

NOW = 1_800_000_000


class Seal:
    """A history whose authority signs."""

    def __init__(self, root: Path) -> None:
        self.past = Past(root)
        self.first = self.past.put(a=b"1")
        self.authority = self.authority_of(root / "keys")
        self.stranger = self.authority_of(root / "other")

    @staticmethod
    def authority_of(keys: Path) -> Authority:
        keys.mkdir()
        made = Authority(keys, None)
        made.create()
        return made

    def notes(self, authority: str | None = None) -> dict[str, str]:
        found = snapshots(self.past.repository, [self.authority.public] if authority is None else [authority] if authority else [])
        assert all(item.is_verified is (not item.note) for item in found)
        return {item.name: item.note for item in found}


@pytest.fixture
def seal(tmp_path: Path) -> Seal:
    return Seal(tmp_path)


def test_a_signed_one_is_verified_by_whoever_knows_the_authority(seal: Seal) -> None:
    make_snapshot(seal.past.history, seal.authority, "v1", "", "alice", NOW)
    found = snapshots(seal.past.repository, [seal.stranger.public, seal.authority.public])
    assert [(item.name, item.version, item.time, item.by, item.is_verified) for item in found] == [("v1", seal.first, NOW, "alice", True)]
    assert "did not sign" in seal.notes(seal.stranger.public)["v1"]
    assert "does not know" in seal.notes("")["v1"]


def test_git_itself_verifies_it(seal: Seal, tmp_path: Path) -> None:
    make_snapshot(seal.past.history, seal.authority, "v1", "", "alice", NOW)
    (tmp_path / "signers").write_text(f'alice@world namespaces="git" {seal.authority.public}\n')
    git = ["git", f"--git-dir={seal.past.history.path}", "-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={tmp_path}/signers"]
    assert subprocess.run([*git, "verify-tag", "v1"], check=False, capture_output=True).returncode == 0


def test_everything_else_is_not(seal: Seal) -> None:
    history, second = seal.past.history, seal.past.put(a=b"2")
    make_snapshot(history, seal.authority, "v1", seal.first, "alice", NOW)
    signed = seal.past.repository.read("cat-file", "tag", "v1")[0]
    history.add_tag(SNAPSHOTS + "moved", signed.replace(seal.first.encode(), second.encode()))
    history.add_tag(SNAPSHOTS + "renamed", signed)
    history.add_tag(SNAPSHOTS + "later", signed.replace(b"tag v1", b"tag later").replace(b"snapshot v1", b"snapshot later"))
    stranger = tag_text(seal.first, "strange", "eve", "world", NOW)
    history.add_tag(SNAPSHOTS + "strange", stranger + seal.stranger.sign_text(stranger))
    history.add_tag(SNAPSHOTS + "bare", tag_text(seal.first, "bare", "eve", "world", NOW))
    seal.past.repository.run("update-ref", "refs/tags/light", seal.first)
    notes = seal.notes()
    assert notes.pop("v1") == ""
    assert set(notes) == {"moved", "renamed", "later", "strange", "bare", "light"}
    assert all(notes.values())


@pytest.mark.parametrize("data", [b"", b"object x", b"-----BEGIN SSH SIGNATURE-----", b"\xff" * 100])
def test_what_is_no_snapshot(data: bytes) -> None:
    assert parse_tag(data) is None


def test_the_authorities_that_a_node_knows(seal: Seal, tmp_path: Path) -> None:
    before = seal.authority.public
    seal.authority.begin_rotation()
    assert seal.authority.public == before, "what everybody knows signs"
    seal.authority.finish_rotation()
    assert known_authorities(tmp_path / "keys") == [seal.authority.public, before]
    client = tmp_path / "client"
    client.mkdir()
    assert known_authorities(client) == []
    (client / "upstream.json").write_text("[]")
    assert known_authorities(client) == []
    (client / "upstream.json").write_text(
        json.dumps({"authority": before, "authorities": [seal.authority.public], "former": [before, "x"]})
    )
    assert known_authorities(client) == [before, seal.authority.public]


def test_a_new_authority_leaves_old_snapshots_what_they_are(seal: Seal, tmp_path: Path) -> None:
    make_snapshot(seal.past.history, seal.authority, "v1", "", "alice", NOW)
    seal.authority.begin_rotation()
    make_snapshot(seal.past.history, seal.authority, "v2", "", "alice", NOW)
    seal.authority.finish_rotation()
    make_snapshot(seal.past.history, seal.authority, "v3", "", "alice", NOW)
    assert all(item.is_verified for item in snapshots(seal.past.repository, known_authorities(tmp_path / "keys")))
    assert [item.is_verified for item in snapshots(seal.past.repository, [seal.authority.public])] == [False, False, True]
