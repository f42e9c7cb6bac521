"""Deliveries: applied durably and acknowledged, put back, or waiting."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent.citizen.placing import Placer
from fwrkit.agent.citizen.receiving import Receiver
from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.staged import Staged
from fwrkit.agent.files.flat import place_name
from fwrkit.agent.files.ignore import IgnoreList
from fwrkit.agent.files.tree import Stamp, Tree
from fwrkit.agent.states import ABSENT, DIRECTORY, State, file_state
from fwrkit.agent.wire.messages import Acknowledgement, Delivery, PutBack

TIME = 1_700_000_000_123_456_789


class Desk:
    """A world, its record, and what is said to the server."""

    def __init__(self, root: Path) -> None:
        self.world = root / "world"
        self.private = root / "private"
        for directory in (self.world, *(self.private / name for name in ("exchange", "kept", "staging", "staged"))):
            directory.mkdir(parents=True)
        self.record = Record(root / "record.sqlite")
        self.staged = Staged(self.private / "staged")
        self.said: list[Any] = []
        placer = Placer(Tree(self.world), self.private, (os.geteuid(), os.getegid()))
        self.receiver = Receiver(self.record, placer, self.staged, self.said.append)
        self.receiver.ignored = IgnoreList(["cache"])
        self.number = 0

    def delivery(self, path: bytes, base: State, content: bytes | None, state: State = None, run: int = 0) -> Delivery:
        """Make a delivery of a content, or of a state without one."""
        self.number += 1
        if content is not None and state is None:
            state = file_state(content)
        return Delivery(self.number, path, base, state, TIME, "bob", content, run)

    def apply(self, *deliveries: Delivery, is_busy: Callable[[bytes], bool] = lambda _: False) -> list[bytes]:
        return self.receiver.apply(list(deliveries), is_busy)

    def write(self, path: str, content: bytes, is_agreed: bool = True) -> bytes:
        place = self.world / path
        place.write_bytes(content)
        if is_agreed:
            self.record.agree(path.encode(), file_state(content), Stamp.of(place.stat()))
        return file_state(content)

    def stage(self, path: bytes, content: bytes) -> None:
        (self.private / "staging" / place_name(path)).write_bytes(content)
        self.staged.add(self.private / "staging", {place_name(path): file_state(content)})

    def contents(self) -> dict[str, bytes | None]:
        return {str(item.relative_to(self.world)): item.read_bytes() if item.is_file() else None for item in self.world.rglob("*")}

    def litter(self) -> list[Path]:
        return [item for item in self.private.rglob("*") if item.is_file()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.record.close()


def test_everything_that_can_be_delivered(desk: Desk) -> None:
    old = desk.write("old", b"old")
    gone = desk.write("gone", b"gone")
    wanted = [
        desk.delivery(b"d", ABSENT, None, DIRECTORY),
        desk.delivery(b"d/new", ABSENT, b"new"),
        desk.delivery(b"old", old, b"newer"),
        desk.delivery(b"gone", gone, None, ABSENT),
    ]
    assert desk.apply(*wanted) == []
    assert desk.said == [Acknowledgement([1, 2, 3, 4])]
    assert desk.contents() == {"d": None, "d/new": b"new", "old": b"newer"}
    assert desk.litter() == []
    assert (desk.record.state(b"d"), desk.record.state(b"gone")) == (DIRECTORY, ABSENT)
    for path, content in ((b"d/new", b"new"), (b"old", b"newer")):
        entry = desk.record.get(path)
        status = (desk.world / os.fsdecode(path)).stat()
        assert entry is not None
        assert (entry.state, entry.stamp) == (file_state(content), Stamp.of(status))
        assert status.st_mtime_ns == TIME
    assert desk.receiver.waiting == {}


def test_a_delivery_that_was_applied_before_is_only_acknowledged(desk: Desk) -> None:
    """Its acknowledgement was lost with the connection."""
    state = desk.write("a", b"new")
    inode = (desk.world / "a").stat().st_ino
    desk.apply(desk.delivery(b"a", file_state(b"old"), b"new"), desk.delivery(b"never", DIRECTORY, None, ABSENT))
    assert desk.said == [Acknowledgement([1, 2])]
    assert (desk.world / "a").stat().st_ino == inode
    assert desk.record.state(b"a") == state


def test_another_base_is_said_and_nothing_is_touched(desk: Desk) -> None:
    here = desk.write("a", b"here")
    desk.apply(desk.delivery(b"a", file_state(b"other"), b"theirs"), desk.delivery(b"new", file_state(b"x"), b"theirs"))
    assert desk.said == [PutBack(1, "base", here), PutBack(2, "base", ABSENT)]
    assert desk.contents() == {"a": b"here"}
    assert desk.receiver.waiting == {}


def test_what_was_changed_here_waits_and_is_to_be_looked_at(desk: Desk) -> None:
    old = desk.write("a", b"old")
    desk.write("a", b"mine", is_agreed=False)
    desk.write("new", b"mine", is_agreed=False)
    assert desk.apply(desk.delivery(b"a", old, b"theirs"), desk.delivery(b"new", ABSENT, b"theirs")) == [b"a", b"new"]
    assert desk.said == [PutBack(1, "waits", old), PutBack(2, "waits", ABSENT)]
    assert desk.contents() == {"a": b"mine", "new": b"mine"}
    assert {path: item.reason for path, item in desk.receiver.waiting.items()} == {b"a": "changed", b"new": "changed"}
    assert desk.receiver.obstacles() == {}
    assert desk.litter() == []
    desk.receiver.void(b"a")
    assert list(desk.receiver.waiting) == [b"new"]


def test_a_path_with_a_change_under_way_waits(desk: Desk) -> None:
    old = desk.write("a", b"old")
    assert desk.apply(desk.delivery(b"a", old, b"theirs"), is_busy=lambda path: path == b"a") == []
    assert desk.contents() == {"a": b"old"}
    assert desk.receiver.waiting[b"a"].reason == "changed"
    waiting = desk.receiver.waiting[b"a"].delivery
    desk.apply(waiting)
    assert desk.contents() == {"a": b"theirs"}
    assert desk.receiver.waiting == {}


def test_one_that_waits_stops_no_other(desk: Desk) -> None:
    desk.write("a", b"mine", is_agreed=False)
    assert desk.apply(desk.delivery(b"a", ABSENT, b"theirs"), desk.delivery(b"b", ABSENT, b"theirs")) == [b"a"]
    assert desk.said == [PutBack(1, "waits", ABSENT), Acknowledgement([2])]
    assert desk.contents() == {"a": b"mine", "b": b"theirs"}


def test_what_is_in_the_way_is_said_to_people(desk: Desk) -> None:
    (desk.world / "link").symlink_to("/tmp")
    desk.apply(desk.delivery(b"link/x", ABSENT, b"theirs"))
    assert "a symbolic link is in the way at 'link'" in desk.receiver.obstacles()[b"link/x"]
    desk.apply(desk.receiver.waiting[b"link/x"].delivery)
    assert desk.said == [PutBack(1, "waits", ABSENT)], "it is said once"
    (desk.world / "link").unlink()
    desk.apply(desk.receiver.waiting[b"link/x"].delivery)
    assert desk.contents() == {"link": None, "link/x": b"theirs"}
    assert desk.receiver.obstacles() == {}


def test_no_room_is_said_to_people(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, content: bytes) -> None:
        raise OSError(28, "full")

    monkeypatch.setattr("fwrkit.agent.citizen.placing.write_all", full)
    desk.apply(desk.delivery(b"a", ABSENT, b"theirs"))
    assert list(desk.receiver.obstacles()) == [b"a"]
    assert "room" in desk.receiver.obstacles()[b"a"]
    assert (desk.said, desk.contents(), desk.litter()) == ([PutBack(1, "waits", ABSENT)], {}, [])


@pytest.mark.parametrize("path", [b".git/config", b"cache/x", b".fwr-sentinel", b"n" * 256])
def test_what_does_not_travel_is_not_taken_from_a_server_either(desk: Desk, path: bytes) -> None:
    desk.apply(desk.delivery(path, ABSENT, b"theirs"))
    assert desk.contents() == {}


def test_what_a_run_brought_is_moved_in(desk: Desk) -> None:
    desk.stage(b"a", b"large")
    desk.apply(desk.delivery(b"a", ABSENT, None, file_state(b"large"), run=3))
    assert desk.said == [Acknowledgement([1])]
    assert desk.contents() == {"a": b"large"}
    assert (desk.world / "a").stat().st_mtime_ns == TIME
    assert desk.litter() == []


@pytest.mark.parametrize("staged", [None, b"another"])
def test_what_a_run_did_not_bring_is_said(desk: Desk, staged: bytes | None) -> None:
    if staged is not None:
        desk.stage(b"a", staged)
    desk.apply(desk.delivery(b"a", ABSENT, None, file_state(b"large"), run=3))
    assert desk.said == [PutBack(1, "content", ABSENT)]
    assert (desk.contents(), desk.litter()) == ({}, [])


def test_what_was_staged_stays_until_it_is_placed(desk: Desk) -> None:
    desk.write("a", b"mine", is_agreed=False)
    desk.stage(b"a", b"large")
    delivery = desk.delivery(b"a", ABSENT, None, file_state(b"large"), run=3)
    desk.apply(delivery)
    assert desk.receiver.waiting[b"a"].reason == "changed"
    (desk.world / "a").unlink()
    desk.apply(delivery)
    assert desk.contents() == {"a": b"large"}
    assert desk.litter() == []


def test_with_the_connection_everything_that_waits_goes(desk: Desk) -> None:
    desk.write("a", b"mine", is_agreed=False)
    desk.stage(b"b", b"large")
    desk.apply(desk.delivery(b"a", ABSENT, b"theirs"))
    desk.receiver.reset()
    assert desk.receiver.waiting == {}
    assert desk.litter() == []


def test_a_batch_in_order_can_be_applied_in_one_turn(desk: Desk) -> None:
    """A directory becomes a file, and a file a directory with something in it."""
    (desk.world / "d").mkdir()
    desk.record.agree(b"d", DIRECTORY)
    inner = desk.write("d/x", b"x")
    file = desk.write("f", b"f")
    wanted = [
        desk.delivery(b"d/x", inner, None, ABSENT),
        desk.delivery(b"d", DIRECTORY, b"now a file"),
        desk.delivery(b"f", file, None, DIRECTORY),
        desk.delivery(b"f/y", ABSENT, b"y"),
    ]
    assert desk.apply(*wanted) == []
    assert desk.said == [Acknowledgement([1, 2, 3, 4])]
    assert desk.contents() == {"d": b"now a file", "f": None, "f/y": b"y"}


def test_what_was_prepared_when_something_failed_is_removed_with_the_connection(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "full")

    monkeypatch.setattr(Placer, "sync", full)
    with pytest.raises(OSError, match="full"):
        desk.apply(desk.delivery(b"a", ABSENT, b"theirs"))
    desk.receiver.reset()
    assert (desk.contents(), desk.litter()) == ({}, [])


def test_a_directory_in_which_something_was_accepted_since_does_not_wait_for_ever(desk: Desk) -> None:
    (desk.world / "d").mkdir()
    desk.record.agree(b"d", DIRECTORY)
    stays = desk.write("d/stays", b"accepted while the deletion was under way")
    going = desk.delivery(b"d", DIRECTORY, None)
    desk.apply(going)
    assert desk.said == [PutBack(going.number, "base", DIRECTORY)]
    assert not desk.receiver.waiting
    assert desk.contents() == {"d": None, "d/stays": b"accepted while the deletion was under way"}
    # but if what is in it has to go as well and only waits, so does the directory
    desk.said.clear()
    content, directory = desk.delivery(b"d/stays", stays, None), desk.delivery(b"d", DIRECTORY, None)
    desk.apply(content, directory, is_busy=lambda path: path == b"d/stays")
    assert {(message.number, message.reason) for message in desk.said} == {(content.number, "waits"), (directory.number, "waits")}
    assert set(desk.receiver.waiting) == {b"d", b"d/stays"}


def test_of_one_that_waited_and_its_successor_the_successor_counts(desk: Desk) -> None:
    (desk.world / "d").mkdir()
    desk.record.agree(b"d", DIRECTORY)
    desk.write("d/mine", b"mine", is_agreed=False)
    older, newer = desk.delivery(b"d", DIRECTORY, None, ABSENT), desk.delivery(b"d", DIRECTORY, None, DIRECTORY)
    assert desk.apply(older, newer) == []
    assert desk.said == [Acknowledgement([newer.number])]
    assert desk.receiver.waiting == {}


def test_a_file_becomes_a_directory(desk: Desk) -> None:
    old = desk.write("a", b"old")
    desk.apply(desk.delivery(b"a", old, None, DIRECTORY))
    assert desk.contents() == {"a": None}
    old = desk.write("b", b"old")
    desk.write("b", b"mine", is_agreed=False)
    desk.apply(desk.delivery(b"b", old, None, DIRECTORY))
    assert desk.contents() == {"a": None, "b": b"mine"}
    assert desk.record.state(b"b") == old


def test_who_puts_a_file_where_a_directory_was_about_to_come_did_not_make_it_from_the_one_before(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, delete = desk.write("a", b"old"), Placer.delete

    def disturbed(self: Placer, path: bytes, agreed: State) -> None:
        delete(self, path, agreed)
        desk.write("a", b"mine", is_agreed=False)

    monkeypatch.setattr(Placer, "delete", disturbed)
    desk.apply(desk.delivery(b"a", old, None, DIRECTORY))
    assert desk.contents() == {"a": b"mine"}
    assert desk.record.state(b"a") is ABSENT
