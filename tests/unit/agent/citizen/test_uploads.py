"""Runs upwards: what goes by a run at all, and each step of one."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.relay import Relay
from fwrkit.agent.citizen.scan import Found
from fwrkit.agent.citizen.uploads import Uploader, needs_run
from fwrkit.agent.files import reasons
from fwrkit.agent.files.flat import place_name
from fwrkit.agent.files.tree import Stamp, Tree
from fwrkit.agent.states import ABSENT, DIRECTORY, file_state
from fwrkit.agent.wire.messages import Folded, Landed, Manifest, ManifestEntry, Need

STAMP = Stamp(1, 7, 8, 9)

contents = st.binary(max_size=20)


@st.composite
def founds(draw: st.DrawFn) -> list[Found]:
    names = draw(st.lists(st.binary(min_size=1, max_size=3), unique=True, max_size=8))
    result = []
    for name in names:
        kind = draw(st.sampled_from(["small", "hashed", "large", "directory", "deletion"]))
        content = draw(contents)
        result.append(
            {
                "small": Found(name, file_state(content), STAMP, content),
                "hashed": Found(name, file_state(content), STAMP),
                "large": Found(name, ABSENT, STAMP, None, True),
                "directory": Found(name, DIRECTORY),
                "deletion": Found(name, ABSENT),
            }[kind]
        )
    return result


@given(founds(), st.integers(min_value=0, max_value=8), st.integers(min_value=0, max_value=80))
def test_much_goes_by_a_run_and_what_streams_can_stream(found: list[Found], count: int, size: int) -> None:
    streaming, bulk = needs_run(found, count, size)
    assert sorted([*streaming, *bulk], key=lambda item: item.path) == sorted(found, key=lambda item: item.path)
    assert len(streaming) <= count
    assert sum(len(item.content or b"") for item in streaming) <= size
    for item in streaming:
        assert not item.is_large
        assert item.content is not None or item.state in (ABSENT, DIRECTORY)
    if len(found) <= count and sum(len(item.content or b"") for item in found) <= size:
        assert all(item.is_large or (item.content is None and item.state not in (ABSENT, DIRECTORY)) for item in bulk)
    else:
        assert streaming == []


class Carried:
    """A carrier that keeps what it was given."""

    def __init__(self) -> None:
        self.sent: dict[str, bytes] | None = None
        self.fails = False

    def send(self, outgoing: Path) -> None:
        self.sent = {item.name: item.read_bytes() for item in outgoing.iterdir() if not item.is_symlink()}
        if self.fails:
            raise OSError("cut")

    def fetch(self, run: int, staging: Path) -> None:
        raise AssertionError

    def stop(self) -> None:
        return


class Desk:
    """A world and an uploader whose workers work at once."""

    def __init__(self, root: Path) -> None:
        self.world = root / "world"
        self.outgoing = root / "outgoing"
        for directory in (self.world, self.outgoing):
            directory.mkdir()
        self.record = Record(root / "record.sqlite")
        self.said: list[Any] = []
        self.busy: dict[bytes, str] = {}
        self.refused: dict[bytes, str] = {}
        self.carrier = Carried()
        self.uploader = Uploader(Tree(self.world), self.record, "alice", self.outgoing, self.said.append, self.work)
        self.uploader.carrier = self.carrier
        self.uploader.on_busy = self.busy.update
        self.uploader.on_refused = self.refused.update

    def work(self, job: Callable[[], Callable[[], None]]) -> None:
        job()()

    def put(self, path: str, content: bytes, is_large: bool = False) -> Found:
        (self.world / path).write_bytes(content)
        stamp = Stamp.of((self.world / path).stat())
        return Found(path.encode(), ABSENT, stamp, None, True) if is_large else Found(path.encode(), file_state(content), stamp, content)

    def entries(self) -> list[ManifestEntry]:
        return [ManifestEntry.from_value(value) for item in self.said if isinstance(item, Manifest) for value in item.changes]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.record.close()


def test_a_run_from_its_beginning_to_its_end(desk: Desk) -> None:
    found = [desk.put("small", b"s"), desk.put("large", b"l" * 5000, True), Found(b"gone", ABSENT), Found(b"d", DIRECTORY)]
    desk.uploader.begin(found, is_first=False)
    assert [(entry.path, entry.state, entry.size) for entry in desk.entries()] == [
        (b"small", file_state(b"s"), 1), (b"large", file_state(b"l" * 5000), 5000), (b"gone", ABSENT, 0), (b"d", DIRECTORY, 0),
    ]  # fmt: skip
    assert desk.uploader.covered == {b"small", b"large", b"gone", b"d"}
    desk.uploader.need(Need(1, [0], False))
    assert [type(item) for item in desk.said] == [Manifest], "the list is not complete"
    desk.uploader.need(Need(1, [1], True))
    assert desk.carrier.sent == {place_name(b"small"): b"s", place_name(b"large"): b"l" * 5000}
    assert desk.said[-1] == Landed(1, [])
    assert list(desk.outgoing.iterdir()) == []
    ended = desk.uploader.folded(Folded(1, [1, 2, 3], [0], [], [], True))
    assert ended is not None
    assert not ended.run.is_first and ended.is_last
    assert [item.path for item in ended.settled] == [b"large", b"gone", b"d"]
    assert ended.again == {b"small": reasons.CHANGED}
    assert (desk.record.state(b"large"), desk.record.state(b"small")) == (file_state(b"l" * 5000), ABSENT)
    assert (desk.uploader.current, desk.uploader.covered) == (None, set())
    assert desk.uploader.folded(Folded(1, [], [], [], [], True)) is None


def test_a_large_file_that_is_being_written_is_left_for_later(desk: Desk) -> None:
    found = [desk.put("busy", b"l" * 50, True), desk.put("there", b"x", True)]
    with (desk.world / "busy").open("ab"):
        desk.uploader.begin(found, is_first=False)
    assert desk.busy == {b"busy": reasons.BEING_WRITTEN}
    assert [entry.path for entry in desk.entries()] == [b"there"]
    assert desk.uploader.covered == {b"there"}


def test_a_run_with_nothing_left_does_not_begin_unless_it_is_the_first(desk: Desk) -> None:
    found = [desk.put("gone", b"x", True)]
    (desk.world / "gone").unlink()
    desk.uploader.begin(found, is_first=False)
    assert (desk.said, desk.uploader.current, desk.uploader.covered) == ([], None, set())
    desk.uploader.begin([], is_first=True)
    assert desk.said == [Manifest(2, True, [], True)]


def test_what_can_not_be_sent_now_is_said(desk: Desk, tmp_path: Path) -> None:
    found = [desk.put("a", b"a"), desk.put("gone", b"g"), desk.put("link", b"l")]
    desk.uploader.begin(found, is_first=False)
    (desk.world / "gone").unlink()
    (desk.world / "link").unlink()
    (tmp_path / "secret").write_bytes(b"secret")
    (desk.world / "link").symlink_to(tmp_path / "secret")
    desk.uploader.need(Need(1, [0, 1, 2, 77, -1], True))
    assert isinstance(desk.said[-1], Landed)
    assert 1 in desk.said[-1].failed and 0 not in desk.said[-1].failed
    assert desk.carrier.sent == {place_name(b"a"): b"a"}, "no link is followed"
    assert list(desk.outgoing.iterdir()) == []


def test_a_carrier_that_fails_is_found_out_by_the_server(desk: Desk) -> None:
    desk.uploader.begin([desk.put("a", b"a")], is_first=False)
    desk.carrier.fails = True
    desk.uploader.need(Need(1, [0], True))
    assert desk.said[-1] == Landed(1, []), "what arrived before it failed counts"
    assert list(desk.outgoing.iterdir()) == []
    ended = desk.uploader.folded(Folded(1, [], [0], [], [], True))
    assert ended is not None
    assert ended.again == {b"a": "it could not be sent: cut"}


def test_a_run_is_agreed_on_slice_by_slice(desk: Desk) -> None:
    """What came before a cut counts: it is in the record, and nobody has to send it again."""
    desk.uploader.begin([desk.put(name, name.encode()) for name in "abc"], is_first=False)
    desk.uploader.need(Need(1, [0], True))
    assert desk.carrier.sent == {place_name(b"a"): b"a"}
    ended = desk.uploader.folded(Folded(1, [0], [], [], [], False))
    assert ended is not None and not ended.is_last
    assert (desk.record.state(b"a"), desk.record.state(b"b")) == (file_state(b"a"), ABSENT)
    assert desk.uploader.covered == {b"b", b"c"}, "what is settled is free for the stream"
    desk.uploader.need(Need(1, [1, 2], True))
    assert desk.carrier.sent == {place_name(b"b"): b"b", place_name(b"c"): b"c"}
    ended = desk.uploader.folded(Folded(1, [1], [2], [], [], True, "the server's disk is full"))
    assert ended is not None and ended.is_last
    assert ended.again == {b"c": "the server's disk is full"}
    assert desk.uploader.current is None


@pytest.mark.parametrize("number", [errno.EPERM, errno.EXDEV, errno.EMLINK])
def test_field_F07_what_can_not_be_linked_is_copied(desk: Desk, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Another owner's files (protected_hardlinks), those of another filesystem, and those with too many links already."""
    desk.uploader.begin([desk.put("a", b"content")], is_first=False)

    def no_link(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", no_link)
    desk.uploader.need(Need(1, [0], True))
    assert desk.carrier.sent == {place_name(b"a"): b"content"}
    assert desk.said[-1] == Landed(1, [])


def test_field_F07_what_can_not_be_read_is_named_with_its_owner_and_mode(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.uploader.begin([desk.put("a", b"content")], is_first=False)
    (desk.world / "a").chmod(0)

    def closed(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "link", closed)
    monkeypatch.setattr(desk.uploader._tree, "open_file", closed)
    desk.uploader.need(Need(1, [0], True))
    assert desk.said[-1] == Landed(1, [0])
    ended = desk.uploader.folded(Folded(1, [], [0], [], [], True))
    assert ended is not None
    reason = ended.again[b"a"]
    assert "mode 0000" in reason and f"uid {os.geteuid()}" in reason and "chmod" in reason


def test_field_F16_a_large_file_that_can_not_be_read_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    found = desk.put("a", b"l" * 5000, True)

    def closed(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(desk.uploader._tree, "take", closed)
    desk.uploader.begin([found], is_first=False)
    assert (desk.busy, list(desk.refused)) == ({}, [b"a"])
    assert desk.uploader.current is None, "nothing is tried again until somebody changes it"


def test_with_the_connection_a_run_is_void(desk: Desk) -> None:
    late: list[Callable[[], None]] = []
    desk.uploader._work = lambda job: late.append(job())
    desk.uploader.begin([desk.put("a", b"a")], is_first=False)
    desk.uploader.reset()
    late.pop()()
    assert desk.said == []
    desk.uploader.begin([desk.put("b", b"b")], is_first=False)
    desk.uploader.need(Need(1, [0], True))
    assert desk.carrier.sent is None, "the server speaks of a run that is over"
    assert desk.uploader.folded(Folded(1, [], [], [], [], True)) is None
    assert desk.uploader.covered == {b"b"}


def test_a_long_list_comes_in_parts(desk: Desk) -> None:
    count = 12_000
    desk.uploader.begin([Found(b"%d" % number, DIRECTORY) for number in range(count)], is_first=True)
    assert [item.last for item in desk.said] == [False] * (len(desk.said) - 1) + [True]
    assert len(desk.said) > 2
    assert [entry.path for entry in desk.entries()] == [b"%d" % number for number in range(count)]
    assert {item.is_first for item in desk.said} == {True}
    assert os.listdir(desk.outgoing) == []


def test_what_an_interrupted_run_left_is_removed_at_the_start(desk: Desk) -> None:
    (desk.outgoing / "left").write_bytes(b"x")
    desk.uploader.clear()
    assert list(desk.outgoing.iterdir()) == []


def test_at_first_contact_it_is_told_what_was_agreed_on_elsewhere_and_whose_it_is(desk: Desk) -> None:
    old, older = file_state(b"old"), file_state(b"older")
    relay = Relay(lambda path, _: "bob" if path == b"p" else "")
    desk.uploader = Uploader(Tree(desk.world), desk.record, "peer", desk.outgoing, desk.said.append, desk.work, relay)
    desk.uploader.begin(
        [desk.put("p", b"p"), Found(b"gone", ABSENT), desk.put("new", b"n")], True, {b"p": [old, older], b"gone": [ABSENT, old]}
    )
    assert [(entry.path, entry.base, entry.trail, entry.is_unknown, entry.author) for entry in desk.entries()] == [
        (b"p", old, [older], True, "bob"), (b"gone", ABSENT, [old], True, ""), (b"new", ABSENT, [], True, ""),
    ]  # fmt: skip


def test_what_turned_out_to_be_agreed_on_has_nothing_to_wait_for(desk: Desk) -> None:
    """A large file whose content came back to what it was: whoever remembers that it failed once forgets that."""
    untouched: list[bytes] = []
    desk.uploader.on_untouched = untouched.extend
    found = desk.put("a", b"l" * 5000, True)
    desk.record.agree(b"a", file_state(b"l" * 5000), found.stamp.unsure())
    desk.uploader.begin([found], is_first=False)
    assert (untouched, desk.uploader.current) == ([b"a"], None)
