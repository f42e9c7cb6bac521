"""The deletion guard on real tables: what is too much, what is none at all, and that nothing of it stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fwrkit.agent.server.decide import Result
from fwrkit.agent.server.fold import Content, Edit
from fwrkit.agent.server.guard import Guard
from fwrkit.agent.server.session import APPROVE, REJECT
from fwrkit.agent.server.store import Hold
from fwrkit.agent.settings import Settings
from fwrkit.agent.states import ABSENT, DIRECTORY, State, file_state
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.server.court import Court


class Clock:
    """Monotonic time that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Gate:
    """A court with a guard before it: who brings something is looked at first, as in the hub."""

    def __init__(self, root: Path) -> None:
        self.court = Court(root)
        self.clock = Clock()
        self.guard = Guard(self.court.store, self.court.fold, Settings(guard_files=5), self.clock)

    def fill(self, count: int) -> None:
        for number in range(count):
            self.court.put("alice", b"www/%03d" % number, b"%d" % number)
        for citizen in self.court.store.citizens():
            self.court.store.drop_lags(citizen.id)

    def bring(self, name: str, edits: list[Edit]) -> Hold | None:
        citizen = self.court.citizen(name)
        with self.court.store.transaction():
            hold = self.guard.stops(citizen, ((edit.path, edit.state, edit.base) for edit in edits))
        for path in self.court.fold.take_moved():
            self.court.canon.settle(path)
        if hold is None:
            for edit in edits:
                assert self.court.edit(name, edit).result is Result.ACCEPTED
        return hold

    def delete(self, name: str, *numbers: int) -> Hold | None:
        return self.bring(name, [Edit(b"www/%03d" % number, ABSENT, file_state(b"%d" % number)) for number in numbers])

    def files(self) -> set[int]:
        return {int(path[-3:]) for path, content in self.court.tree().items() if content is not None}


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path)
    yield gate
    gate.court.store.close()


def test_more_than_so_many_and_a_quarter_is_too_much(gate: Gate) -> None:
    gate.fill(20)
    before = gate.court.on_disk()
    hold = gate.delete("bob", *range(6))
    assert hold is not None
    assert (hold.deleted, hold.files, hold.ruling) == (6, 20, "")
    assert gate.court.tree() == gate.court.on_disk() == before
    assert gate.court.store.held(gate.court.citizen("bob").id) == hold


@pytest.mark.parametrize(("files", "deleted"), [(20, 5), (24, 6), (100, 25)])
def test_few_files_or_a_small_share_are_let_through(gate: Gate, files: int, deleted: int) -> None:
    gate.fill(files)
    assert gate.delete("bob", *range(deleted)) is None
    assert gate.files() == set(range(deleted, files))


def test_one_after_the_other_within_the_window_counts_together_and_is_put_back(gate: Gate) -> None:
    gate.fill(20)
    for number in range(5):
        assert gate.delete("bob", number) is None
        gate.clock.now += 10
    assert gate.files() == set(range(5, 20))
    hold = gate.delete("bob", 5)
    assert hold is not None
    assert (hold.deleted, hold.files) == (6, 20)
    assert gate.files() == set(range(20))
    assert gate.court.on_disk() == gate.court.tree()
    entry = gate.court.store.entry(b"www/000")
    assert entry is not None and entry.author == "alice", "what is put back is whose it was"
    bob, alice = gate.court.citizen("bob"), gate.court.citizen("alice")
    assert gate.court.store.base(bob, b"www/000") is ABSENT, "bob holds nothing there"
    assert gate.court.store.base(alice, b"www/000") == file_state(b"0")


def test_slowly_is_never_too_much(gate: Gate) -> None:
    gate.fill(40)
    for number in range(30):
        assert gate.delete("bob", number) is None
        gate.clock.now += 13
    assert gate.files() == set(range(30, 40))


def test_everybody_is_counted_alone(gate: Gate) -> None:
    gate.fill(20)
    assert gate.delete("bob", 0, 1, 2, 3) is None
    assert gate.delete("alice", 4, 5, 6, 7) is None


def test_what_is_moved_is_not_deleted(gate: Gate) -> None:
    gate.fill(20)
    moves = [Edit(b"new/%03d" % number, file_state(b"%d" % number), size=1) for number in range(20)]
    removals = [Edit(b"www/%03d" % number, ABSENT, file_state(b"%d" % number)) for number in range(20)]
    assert gate.bring("bob", moves + removals) is None
    assert gate.bring("bob", [Edit(b"www", ABSENT, DIRECTORY)]) is None
    assert set(gate.court.tree()) == {b"new", *(b"new/%03d" % number for number in range(20))}


def test_what_the_citizen_had_written_just_before_is_put_back_as_well(gate: Gate) -> None:
    gate.fill(20)
    new = file_state(b"new")
    assert gate.bring("bob", [Edit(b"www/100", new, size=3, content=Content(b"new"))]) is None
    assert gate.bring("bob", [Edit(b"www/100", ABSENT, new)]) is None
    assert gate.delete("bob", *range(5)) is not None
    assert gate.files() == {*range(20), 100}


def test_what_is_moved_twice_is_not_deleted(gate: Gate) -> None:
    gate.fill(20)
    for old, name in ((b"www", b"first"), (b"first", b"second")):
        moves = [Edit(name + b"/%03d" % number, file_state(b"%d" % number), size=1) for number in range(20)]
        assert (
            gate.bring("bob", moves + [Edit(old + b"/%03d" % number, ABSENT, file_state(b"%d" % number)) for number in range(20)]) is None
        )
    assert gate.files() == set(range(20))


def test_who_deletes_everything_is_held_however_little_it_is(gate: Gate) -> None:
    gate.fill(3)
    gate.court.put("alice", b".fwr", b"")  # never counts
    hold = gate.delete("bob", 0, 1, 2)
    assert hold is not None and hold.deleted == 3
    assert gate.files() == {0, 1, 2}


def test_who_replaces_everything_by_something_else_empties_nothing(gate: Gate) -> None:
    gate.fill(3)
    edits = [Edit(b"www/%03d" % number, ABSENT, file_state(b"%d" % number)) for number in range(3)]
    assert gate.bring("bob", [Edit(b"other", file_state(b"new"), size=3, content=Content(b"new")), *edits]) is None
    assert gate.court.tree() == {b"www": None, b"other": b"new"}


def test_the_last_file_alone_may_go(gate: Gate) -> None:
    gate.fill(1)
    assert gate.delete("bob", 0) is None


@pytest.mark.parametrize("claimed", [file_state(b"other"), ABSENT])
def test_what_would_not_be_accepted_does_not_count(gate: Gate, claimed: State) -> None:
    gate.fill(20)
    with gate.court.store.transaction():
        assert gate.guard.stops(gate.court.citizen("bob"), [(b"www/%03d" % number, ABSENT, claimed) for number in range(20)]) is None


def test_approved_it_comes_true_unless_somebody_has_changed_it(gate: Gate) -> None:
    gate.fill(20)
    for number in range(5):
        gate.delete("bob", number)
    assert gate.delete("bob", 5) is not None
    gate.court.put("alice", b"www/000", b"saved", file_state(b"0"))
    with gate.court.store.transaction():
        hold = gate.guard.decide("bob", APPROVE)
    assert hold.deleted == 6
    assert gate.files() == {0, *range(5, 20)}, "number 5 was never folded: bob's node brings it again"
    bob = gate.court.citizen("bob")
    assert gate.guard.take_ruling(bob) == APPROVE
    assert gate.guard.take_ruling(bob) == "", "once"
    assert gate.court.store.held(bob.id) is None


def test_directories_that_came_back_with_their_files_go_with_them(gate: Gate) -> None:
    gate.fill(20)
    for number in range(5):
        gate.court.put("alice", b"deep/er/%d" % number, b"d%d" % number)
    gate.court.store.drop_lags(gate.court.citizen("bob").id)
    gate.bring("bob", [Edit(b"deep/er/%d" % number, ABSENT, file_state(b"d%d" % number)) for number in range(5)])
    gate.bring("bob", [Edit(b"deep/er", ABSENT, DIRECTORY), Edit(b"deep", ABSENT, DIRECTORY)])
    assert b"deep" not in gate.court.tree()
    assert gate.delete("bob", *range(5)) is not None
    assert gate.court.on_disk()[b"deep/er/4"] == b"d4"
    with gate.court.store.transaction():
        gate.guard.decide("bob", APPROVE)
    assert b"deep" not in gate.court.tree()


def test_rejected_it_stays(gate: Gate) -> None:
    gate.fill(20)
    gate.delete("bob", *range(6))
    with gate.court.store.transaction():
        gate.guard.decide("bob", REJECT)
    assert gate.files() == set(range(20))
    assert gate.guard.take_ruling(gate.court.citizen("bob")) == REJECT


@pytest.mark.parametrize("name", ["bob", "alice", "nobody"])
def test_there_is_nothing_to_decide(gate: Gate, name: str) -> None:
    gate.fill(20)
    if name == "bob":
        gate.delete("bob", *range(6))
        gate.guard.decide("bob", REJECT)
    with pytest.raises(FwrError) as raised:
        gate.guard.decide(name, APPROVE)
    assert raised.value.code is ExitCode.NOT_FOUND


def put(number: int, text: bytes, base: State = ABSENT, directory: bytes = b"www") -> Edit:
    return Edit(directory + b"/%03d" % number, file_state(text), base, size=len(text), content=Content(text))


def gone(number: int) -> Edit:
    return Edit(b"www/%03d" % number, ABSENT, file_state(b"%d" % number))


def test_field_F11_a_rename_with_an_edit_in_each_file_deletes_nothing(gate: Gate) -> None:
    gate.fill(20)
    edits = [put(number, b"%d edited" % number, directory=b"manual") for number in range(20)]
    assert gate.bring("bob", [*edits, *(gone(number) for number in range(20))]) is None


def test_files_of_other_names_are_no_rename(gate: Gate) -> None:
    """As a program does that encrypts what it finds, and asks for money."""
    gate.fill(20)
    edits = [
        Edit(b"www/%03d.locked" % number, file_state(b"x%d" % number), size=3, content=Content(b"x%d" % number)) for number in range(20)
    ]
    assert gate.bring("bob", [*edits, *(gone(number) for number in range(20))]) is not None


def test_field_F11_what_is_there_again_was_not_deleted(gate: Gate) -> None:
    """A rebuilt site: first a few are deleted, then all others, then everything is written anew."""
    gate.fill(20)
    assert gate.delete("bob", *range(4)) is None
    assert gate.delete("bob", *range(4, 20)) is not None
    assert gate.files() == set(range(20)), "the first ones are put back"
    bob = gate.court.citizen("bob")
    rebuilt = [put(number, b"new %d" % number) for number in range(20)]
    with gate.court.store.transaction():
        assert gate.guard.stops(bob, ((edit.path, edit.state, edit.base) for edit in rebuilt)) is None
        gate.guard.end(bob)
    assert gate.court.store.held(bob.id) is None
    assert gate.court.store.undone(bob.id) == []


def test_a_hold_goes_on_while_much_is_missing_still(gate: Gate) -> None:
    gate.fill(20)
    assert gate.delete("bob", *range(4)) is None
    assert gate.delete("bob", *range(4, 20)) is not None
    bob = gate.court.citizen("bob")
    some = [put(number, b"new %d" % number) for number in range(3)] + [gone(number) for number in range(6, 20)]
    with gate.court.store.transaction():
        assert gate.guard.stops(bob, ((edit.path, edit.state, edit.base) for edit in some)) is not None
    assert gate.court.store.held(bob.id) is not None


def test_what_was_deleted_a_moment_ago_and_is_there_again_does_not_count(gate: Gate) -> None:
    gate.fill(20)
    for number in range(20):
        assert gate.delete("bob", number) is None
        assert gate.bring("bob", [put(number, b"new %d" % number)]) is None


def test_field_F31_fwrkit_s_own_copies_never_count(gate: Gate) -> None:
    gate.fill(10)
    copies = [b"www/%03d (conflict alice 2026-11-24 10.05.%02d).txt" % (number, number) for number in range(20)]
    for copy in copies:
        gate.court.put("alice", copy, b"c" + copy)
    for citizen in gate.court.store.citizens():
        gate.court.store.drop_lags(citizen.id)
    assert gate.bring("bob", [Edit(copy, ABSENT, file_state(b"c" + copy)) for copy in copies]) is None


def test_copies_that_went_with_a_burst_are_put_back_with_it(gate: Gate) -> None:
    gate.fill(20)
    copy = b"www/000 (conflict alice 2026-11-24 10.05.21).txt"
    gate.court.put("alice", copy, b"copy")
    for citizen in gate.court.store.citizens():
        gate.court.store.drop_lags(citizen.id)
    assert gate.bring("bob", [Edit(copy, ABSENT, file_state(b"copy")), gone(0)]) is None
    hold = gate.bring("bob", [gone(number) for number in range(1, 20)])
    assert hold is not None and hold.deleted == 20, "it is not counted"
    assert gate.court.tree()[copy] == b"copy"


def test_a_world_is_emptied_also_where_a_copy_is_among_what_goes(gate: Gate) -> None:
    gate.fill(3)
    copy = b"www/000 (conflict alice 2026-11-24 10.05.21).txt"
    gate.court.put("alice", copy, b"copy")
    for citizen in gate.court.store.citizens():
        gate.court.store.drop_lags(citizen.id)
    edits = [*(gone(number) for number in range(3)), Edit(copy, ABSENT, file_state(b"copy"))]
    assert gate.bring("bob", edits) is not None
