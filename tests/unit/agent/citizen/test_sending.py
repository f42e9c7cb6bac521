"""Changes on their way: in an order that loses nothing, remembered before they go, settled by what came of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent.citizen import sending
from fwrkit.agent.citizen.placing import Displaced
from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.relay import Relay
from fwrkit.agent.citizen.scan import Found
from fwrkit.agent.citizen.sending import Sender, manifest_entry
from fwrkit.agent.files.tree import Stamp, Taken
from fwrkit.agent.states import ABSENT, DIRECTORY, State, file_state
from fwrkit.agent.wire.messages import Between, Outcome

A, B = file_state(b"a"), file_state(b"b")
STAMP = Stamp(1, 7, 8, 9)


class Desk:
    """A sender with its record."""

    def __init__(self, root: Path) -> None:
        self.record = Record(root / "record.sqlite")
        self.said: list[Any] = []
        self.sender = Sender(self.record, "alice", self.said.append)

    def put(self, path: bytes, content: bytes) -> Found:
        return Found(path, file_state(content), STAMP, content)

    def take(self, number: int, result: str = "ACCEPTED") -> Any:
        return self.sender.take(Outcome(number, result, "", None))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.record.close()


def test_a_change_says_what_it_was_made_on(desk: Desk) -> None:
    desk.record.agree(b"p", B)
    desk.sender.send([desk.put(b"p", b"a")])
    [change] = desk.said
    assert (change.path, change.state, change.base, change.has_prior, change.content) == (b"p", A, B, False, b"a")
    assert (change.time, change.size, change.more, change.is_unknown, change.is_orphan) == (7, 1, False, False, False)
    entry = desk.record.get(b"p")
    assert entry is not None and (entry.state, entry.sent, entry.has_sent) == (B, A, True)
    assert list(desk.sender.paths) == [b"p"]
    assert len(desk.sender) == 1


def test_an_outcome_settles_it(desk: Desk) -> None:
    desk.sender.send([desk.put(b"p", b"a")])
    flight = desk.take(desk.said[0].number, "CONFLICT")
    assert flight.path == b"p"
    entry = desk.record.get(b"p")
    assert entry is not None and (entry.state, entry.stamp, entry.has_sent) == (A, STAMP, False)
    assert (len(desk.sender), desk.sender.paths) == (0, {})
    assert desk.take(desk.said[0].number) is None
    assert desk.take(99) is None


def test_after_the_connection_broke_it_is_said_what_may_have_arrived(desk: Desk) -> None:
    desk.record.agree(b"p", B)
    desk.sender.send([desk.put(b"p", b"a")])
    assert desk.sender.reset() == []
    assert (len(desk.sender), desk.sender.paths) == (0, {})
    desk.sender.send([desk.put(b"p", b"newer")])
    change = desk.said[1]
    assert (change.base, change.prior, change.has_prior) == (B, A, True)


def test_a_batch_is_puts_before_deletions_and_ends_once(desk: Desk) -> None:
    desk.record.agree(b"old", A)
    desk.record.agree(b"d", DIRECTORY)
    found = [Found(b"old", ABSENT), desk.put(b"new/x", b"b"), Found(b"new", DIRECTORY), Found(b"d", ABSENT)]
    desk.sender.send(found)
    assert [change.path for change in desk.said] == [b"new", b"new/x", b"old", b"d"]
    assert [change.more for change in desk.said] == [True, True, True, False]


def test_a_renamed_file_travels_without_its_content_unless_it_is_asked_for(desk: Desk) -> None:
    desk.record.agree(b"old", A)
    desk.sender.send([Found(b"old", ABSENT), desk.put(b"new", b"a")])
    assert [(change.path, change.content, change.state) for change in desk.said] == [(b"new", None, A), (b"old", None, ABSENT)]
    flight = desk.take(desk.said[0].number, "MISSING")
    assert flight.path == b"new"
    assert desk.record.state(b"new") is ABSENT, "a content that nobody has is not agreed on"
    assert b"new" not in desk.sender.paths
    desk.sender.send([Found(b"old", ABSENT), desk.put(b"new", b"a")])
    assert [change.content for change in desk.said if change.path == b"new"] == [None, b"a"]


def test_a_displaced_content_is_told_of_beside_the_path(desk: Desk) -> None:
    item = Displaced(b"name", b"p", B)
    desk.record.agree(b"p", B)
    desk.sender.send([desk.put(b"p", b"newer")])
    desk.sender.send_orphan(item, Taken(A, b"a", Stamp(1, 5, 0, 0)))
    change = desk.said[1]
    assert (change.path, change.is_orphan, change.is_unknown, change.content, change.size, change.more) == (
        b"p",
        True,
        True,
        b"a",
        1,
        False,
    )
    flight = desk.take(change.number)
    assert flight.orphan == item
    assert b"p" in desk.sender.paths, "the path's own change is under way still"
    entry = desk.record.get(b"p")
    assert entry is not None and entry.state == B


def test_displaced_contents_that_were_told_of_in_vain_come_back(desk: Desk) -> None:
    item = Displaced(b"name", b"p", B)
    desk.sender.send_orphan(item, Taken(A, b"a", Stamp(1, 5, 0, 0)))
    assert desk.sender.reset() == [item]
    assert desk.sender.reset() == []


def test_numbers_are_never_repeated_even_over_connections(desk: Desk) -> None:
    for _ in range(3):
        desk.sender.send([desk.put(b"p", b"a"), desk.put(b"q", b"a")])
        desk.sender.reset()
    assert len({change.number for change in desk.said}) == 6


def test_an_entry_of_a_manifest_says_the_same_and_is_remembered(desk: Desk) -> None:
    desk.record.agree(b"p", B)
    entry = manifest_entry(desk.record, Found(b"p", A, STAMP), False)
    assert (entry.path, entry.state, entry.base, entry.has_prior, entry.is_unknown, entry.time, entry.size) == (
        b"p",
        A,
        B,
        False,
        False,
        7,
        1,
    )
    again = manifest_entry(desk.record, Found(b"p", DIRECTORY, STAMP), True)
    assert (again.prior, again.has_prior, again.is_unknown, again.time, again.size) == (A, True, True, 0, 0)
    recorded = desk.record.get(b"p")
    assert recorded is not None and (recorded.sent, recorded.has_sent) == (DIRECTORY, True)


class Passing(Relay):
    """Another engine at the same world: it says that alice has deleted what is gone, and that bob has made what ends in "b"; two were in between."""

    def __init__(self) -> None:
        super().__init__(self._whose, self._what, lambda _: [A])

    def _whose(self, path: bytes, state: State) -> str:
        return "alice" if state is ABSENT else "bob" if path.endswith(b"b") else ""

    def _what(self, path: bytes, first: State, last: State) -> list[Between]:
        return [Between(file_state(text), "carol", 1, text) for text in (b"1" * 400, b"2" * 400)]


@pytest.fixture
def passing(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    desk.sender = Sender(desk.record, "peer", desk.said.append, Passing())
    yield desk
    desk.record.close()


def test_what_another_engine_has_placed_is_passed_on_as_its_author_s(passing: Desk) -> None:
    passing.sender.send([passing.put(b"own", b"a"), passing.put(b"b", b"b"), Found(b"gone", ABSENT)])
    said = {change.path: change for change in passing.said}
    assert [said[path].author for path in (b"own", b"b", b"gone")] == ["", "bob", "alice"]
    assert [len(said[path].between) for path in (b"own", b"b")] == [0, 2], "of what is this node's own, nobody else has anything"
    assert said[b"b"].between[0] == [file_state(b"1" * 400), "carol", 1, b"1" * 400]
    assert (said[b"own"].trail, said[b"b"].trail) == ([], [A])


def test_what_may_have_arrived_has_nothing_in_between(passing: Desk) -> None:
    passing.sender.send([passing.put(b"b", b"b")])
    passing.sender.reset()
    passing.sender.send([passing.put(b"b", b"a")])
    assert passing.said[-1].has_prior and passing.said[-1].between == []


def test_what_was_in_between_takes_a_bounded_part_of_a_batch(passing: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_BETWEEN_BYTES", 1000)
    for _ in range(2):
        passing.said.clear()
        passing.sender.send([passing.put(f"{number}b".encode(), b"b") for number in range(4)])
        assert [len(change.between) for change in passing.said] == [2, 2, 0, 0]
        for change in passing.said:
            passing.take(change.number, "REFUSED")
            passing.record.agree(change.path, ABSENT)


def test_what_the_other_engine_has_placed_and_was_displaced_at_once_is_its_author_s(passing: Desk) -> None:
    passing.sender.send_orphan(Displaced(b"name", b"b", A), Taken(B, b"b", STAMP))
    assert (passing.said[0].is_orphan, passing.said[0].author) == (True, "bob")


def test_an_entry_of_a_manifest_says_whose_it_is_and_what_was_agreed_on_elsewhere(desk: Desk) -> None:
    entry = manifest_entry(desk.record, desk.put(b"p", b"b"), True, [A, ABSENT], "bob")
    assert (entry.base, entry.trail, entry.author) == (A, [ABSENT], "bob")
    desk.record.agree(b"q", B, STAMP)
    assert manifest_entry(desk.record, desk.put(b"q", b"a"), False, [A, ABSENT]).base == B, "what was agreed on here is newer"
