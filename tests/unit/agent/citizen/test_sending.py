"""Changes on their way: in an order that loses nothing, remembered before they go, settled by what came of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent.citizen.placing import Displaced
from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.scan import Found
from fwrkit.agent.citizen.sending import Sender, manifest_entry
from fwrkit.agent.files.tree import Stamp, Taken
from fwrkit.agent.states import ABSENT, DIRECTORY, file_state
from fwrkit.agent.wire.messages import Outcome

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
