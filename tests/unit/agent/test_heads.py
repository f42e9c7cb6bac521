"""The signed head: what it says, by whose word, and what does not pass for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.agent import heads, snapshots
from fwrkit.agent.heads import NAMESPACE, REFERENCE, head_text, parse_head
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.snapshots import make_snapshot
from tests.unit.agent.past import BEGIN, Past

VERSION = "ab" * 20


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    (tmp_path / "keys").mkdir()
    authority = Authority(tmp_path / "keys", None)
    authority.create()
    return authority


def signed(authority: Authority, text: bytes, namespace: str = NAMESPACE) -> bytes:
    return text + authority.sign_text(text, namespace)


def test_what_is_signed_is_read_back_and_verified(authority: Authority) -> None:
    data = signed(authority, head_text(VERSION, "w" * 16, 17, BEGIN))
    head = parse_head(data)
    assert head is not None
    assert (head.version, head.world, head.number, head.time, head.data) == (VERSION, "w" * 16, 17, BEGIN, data)
    assert heads.is_signed(head, [authority.public])
    assert not heads.is_signed(head, [])
    changed = parse_head(data.replace(b"number 17", b"number 18"))
    assert changed is not None and not heads.is_signed(changed, [authority.public])


def test_a_snapshot_is_no_head_and_a_head_no_snapshot(authority: Authority, tmp_path: Path) -> None:
    past = Past(tmp_path)
    past.put(a=b"1")
    make_snapshot(past.history, authority, "head", "", "alice", BEGIN)
    [oid] = past.repository.references("refs/tags/").values()
    assert heads.head_at(past.repository, oid) is None
    text = head_text(past.repository.head(), "world", 1, BEGIN)
    as_snapshot = parse_head(signed(authority, text, snapshots.NAMESPACE))
    assert as_snapshot is not None and not heads.is_signed(as_snapshot, [authority.public]), "the same text, signed for something else"
    tag = snapshots.parse_tag(signed(authority, text))
    assert tag is not None and not snapshots.is_signed(tag, [authority.public])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        head_text(VERSION, "world", 1, 1),
        head_text(VERSION, "world", 1, 1) + b"more\n" + snapshots.SIGNATURE,
        b"x" + head_text(VERSION, "world", 1, 1) + snapshots.SIGNATURE,
        head_text(VERSION, "wor ld", 1, 1) + snapshots.SIGNATURE,
        head_text(VERSION, "world", -1, 1) + snapshots.SIGNATURE,
        head_text(VERSION, "world", 1, 1) + snapshots.SIGNATURE + b"x" * heads.LIMIT,
    ],
)
def test_what_is_none(data: bytes) -> None:
    assert parse_head(data) is None


def test_one_takes_the_place_of_another_and_the_old_tag_goes(authority: Authority, tmp_path: Path) -> None:
    past = Past(tmp_path)
    assert heads.head_of(past.repository) is None
    version = past.put(a=b"1")
    assert past.history.move_tag(REFERENCE, signed(authority, head_text(version, "world", 1, 1))) == ""
    before = past.history.move_tag(REFERENCE, signed(authority, head_text(version, "world", 2, 1)))
    head = heads.head_of(past.repository)
    assert head is not None and head.number == 2
    assert past.repository.kinds([before])[before][0] == "tag"
    heads.let_go(past.repository.path, before)
    assert past.repository.kinds([before]) == {}
    heads.let_go(past.repository.path, before)
    assert heads.head_at(past.repository, version) is None, "a version is no head"
