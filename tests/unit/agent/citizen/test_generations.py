"""By what a world and its record recognise that they belong together."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fwrkit.agent.citizen import generations
from fwrkit.agent.citizen.generations import Generations, advance, is_present, look
from fwrkit.agent.citizen.record import Record
from fwrkit.agent.files.ignore import ALWAYS, IgnoreList
from fwrkit.agent.files.tree import Tree
from fwrkit.agent.paths import SENTINEL, UPSTREAM_SENTINEL


class Desk:
    """A world and a record."""

    def __init__(self, root: Path) -> None:
        self.world = root / "world"
        self.world.mkdir(exist_ok=True)
        self.root = root
        self.tree = Tree(self.world)
        self.record = Record(root / "record.sqlite")

    def look(self) -> Generations:
        return look(self.tree, self.record)

    def restart(self) -> Desk:
        self.record.close()
        self.tree.close()
        return Desk(self.root)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.record.close()


def test_a_new_world_has_none(desk: Desk) -> None:
    assert desk.look() == Generations("", "")
    assert not is_present(desk.tree)


def test_both_carry_what_was_advanced_to_and_still_do_after_a_restart(desk: Desk) -> None:
    for generation in ("g:1", "g:2"):
        advance(desk.tree, desk.record, generation)
        assert desk.look() == Generations(generation, generation)
        assert is_present(desk.tree)
    again = desk.restart()
    assert again.look() == Generations("g:2", "g:2")
    assert [item.name for item in again.world.iterdir()] == [os.fsdecode(SENTINEL)], "and nothing is left beside it"
    again.record.close()


def test_a_copied_world_is_another(desk: Desk) -> None:
    advance(desk.tree, desk.record, "g:1")
    desk.world.rename(desk.root / "original")
    shutil.copytree(desk.root / "original", desk.world)
    again = desk.restart()
    assert again.look() == Generations("", "g:1")
    again.record.close()


def test_a_sentinel_that_was_written_over_is_another(desk: Desk) -> None:
    advance(desk.tree, desk.record, "g:1")
    sentinel = desk.world / os.fsdecode(SENTINEL)
    text = sentinel.read_bytes()
    sentinel.write_bytes(text)
    os.utime(sentinel, ns=(0, 0))
    assert desk.look().world == ""


def test_an_older_world_that_came_back_is_another(desk: Desk) -> None:
    """Even by the same file: a snapshot of the volume."""
    advance(desk.tree, desk.record, "g:1")
    os.link(desk.world / os.fsdecode(SENTINEL), desk.root / "old")
    advance(desk.tree, desk.record, "g:2")
    os.replace(desk.root / "old", desk.world / os.fsdecode(SENTINEL))
    assert desk.look() == Generations("", "g:2")


def test_a_lost_record_does_not_know_the_world(desk: Desk) -> None:
    advance(desk.tree, desk.record, "g:1")
    desk.record.close()
    for item in desk.root.glob("record.sqlite*"):
        item.unlink()
    again = Desk(desk.root)
    assert again.look() == Generations("", "")
    again.record.close()
    desk.record = Record(desk.root / "other.sqlite")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"about": "x"}', b"\xff" * 5000])
def test_a_damaged_sentinel_is_none(desk: Desk, content: bytes) -> None:
    (desk.world / os.fsdecode(SENTINEL)).write_bytes(content)
    assert desk.look().world == ""


def test_a_link_is_no_sentinel(desk: Desk) -> None:
    advance(desk.tree, desk.record, "g:1")
    (desk.world / os.fsdecode(SENTINEL)).rename(desk.root / "elsewhere")
    (desk.world / os.fsdecode(SENTINEL)).symlink_to(desk.root / "elsewhere")
    assert desk.look().world == ""


def crash(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("where", "name", "found"),
    [(generations, "_remember", "g:2"), (os, "rename", "g:1")],
    ids=["after the world was written", "before"],
)
def test_a_crash_on_the_way_finds_back(desk: Desk, monkeypatch: pytest.MonkeyPatch, where: object, name: str, found: str) -> None:
    advance(desk.tree, desk.record, "g:1")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(where, name, crash)
        advance(desk.tree, desk.record, "g:2")
    again = desk.restart()
    assert again.look() == Generations(found, found)
    advance(again.tree, again.record, "g:3")
    assert again.look() == Generations("g:3", "g:3")
    again.record.close()


def test_after_such_a_crash_a_copy_with_other_words_is_still_another(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(generations, "_remember", crash)
        advance(desk.tree, desk.record, "g:2")
    (desk.world / os.fsdecode(SENTINEL)).write_text('{"generation": "x:9"}')
    assert desk.look() == Generations("", "")


def test_a_world_that_is_not_where_it_was_is_not_present(desk: Desk) -> None:
    advance(desk.tree, desk.record, "g:1")
    desk.world.rename(desk.root / "moved")
    desk.world.mkdir()
    assert not is_present(desk.tree), "another directory stands there"
    desk.world.rmdir()
    (desk.root / "moved").rename(desk.world)
    assert is_present(desk.tree)
    (desk.world / os.fsdecode(SENTINEL)).unlink()
    assert not is_present(desk.tree), "as when a disk is not mounted"


def test_a_peer_s_world_is_known_to_two_servers(desk: Desk) -> None:
    above = Record(desk.root / "upstream.sqlite")
    advance(desk.tree, desk.record, "g:1")
    advance(desk.tree, above, "h:1", UPSTREAM_SENTINEL)
    assert desk.look() == Generations("g:1", "g:1")
    assert look(desk.tree, above, UPSTREAM_SENTINEL) == Generations("h:1", "h:1")
    advance(desk.tree, desk.record, "g:2")
    assert look(desk.tree, above, UPSTREAM_SENTINEL) == Generations("h:1", "h:1")
    assert look(desk.tree, above) == Generations("", "h:1"), "no record takes another's sentinel for its own"
    (desk.world / os.fsdecode(UPSTREAM_SENTINEL)).unlink()
    assert is_present(desk.tree) and not is_present(desk.tree, UPSTREAM_SENTINEL)
    above.close()


def test_no_sentinel_travels() -> None:
    ignored = IgnoreList(ALWAYS)
    assert all(ignored.matches(name + end) for name in (SENTINEL, UPSTREAM_SENTINEL) for end in (b"", b".new"))


def test_it_is_remembered_by_which_generation_a_record_claims_what_it_does(desk: Desk) -> None:
    advance(desk.tree, desk.record, "g:1")
    desk.record.set_meta("generation", "")  # it begins anew with another server
    assert desk.look().world == desk.record.meta("claimed_by") == "g:1"
