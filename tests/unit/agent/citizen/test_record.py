"""The record: what was agreed on, and what was sent without an answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.citizen.record import Entry, Record
from fwrkit.agent.files.tree import NO_STAMP, Stamp
from fwrkit.agent.paths import is_beneath
from fwrkit.agent.states import ABSENT, DIRECTORY, State, file_state

A, B = file_state(b"a"), file_state(b"b")
STAMP = Stamp(1, 1_700_000_000_123_456_789, 2**62, 2**62)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    record = Record(tmp_path / "record.sqlite")
    yield record
    record.close()


def test_what_is_agreed_on_is_remembered_and_absent_is_forgotten(record: Record) -> None:
    assert record.get(b"a") is None
    assert record.state(b"a") is ABSENT
    record.agree(b"a", A, STAMP)
    record.agree(b"\xff", DIRECTORY)
    assert record.get(b"a") == Entry(b"a", A, STAMP, ABSENT, False)
    assert record.get(b"\xff") == Entry(b"\xff", DIRECTORY, NO_STAMP, ABSENT, False)
    assert (record.state(b"a"), record.count()) == (A, 2)
    record.agree(b"a", ABSENT)
    assert record.get(b"a") is None
    assert record.count() == 1


def test_what_is_being_sent_is_no_agreement(record: Record) -> None:
    record.agree(b"a", A, STAMP)
    record.will_send(b"a", B)
    record.will_send(b"new", B)
    record.will_send(b"gone", ABSENT)
    assert record.get(b"a") == Entry(b"a", A, STAMP, B, True)
    assert record.get(b"new") == Entry(b"new", ABSENT, NO_STAMP, B, True)
    assert record.get(b"gone") == Entry(b"gone", ABSENT, NO_STAMP, ABSENT, True)
    assert record.count() == 1, "what was only sent is not there by the record"
    record.agree(b"a", B, STAMP)
    assert record.get(b"a") == Entry(b"a", B, STAMP, ABSENT, False)
    record.agree(b"gone", ABSENT)
    assert record.get(b"gone") is None


def test_a_touch_changes_the_stamp_only(record: Record) -> None:
    record.agree(b"a", A, NO_STAMP)
    record.will_send(b"a", B)
    record.touch(b"a", STAMP)
    record.touch(b"unknown", STAMP)
    assert record.get(b"a") == Entry(b"a", A, STAMP, B, True)
    assert record.get(b"unknown") is None


def test_it_survives_the_process_from_the_commit_on(tmp_path: Path) -> None:
    record = Record(tmp_path / "record.sqlite")
    record.agree(b"a", A, STAMP)
    record.set_meta("generation", "g:1")
    record.commit()
    record.commit()
    record.agree(b"b", B, STAMP)
    other = Record(tmp_path / "record.sqlite")
    assert other.state(b"a") == A
    assert other.meta("generation") == "g:1"
    assert other.state(b"b") is ABSENT, "what is not committed is not there"
    other.close()
    record.sync()
    other = Record(tmp_path / "record.sqlite")
    assert other.state(b"b") == B
    other.close()
    record.set_meta("generation", "g:2")
    record.close()
    again = Record(tmp_path / "record.sqlite")
    assert (again.state(b"b"), again.meta("generation"), again.meta("never set")) == (B, "g:2", "")
    again.close()


def test_to_forget_everything_keeps_who_one_is(record: Record) -> None:
    record.agree(b"a", A, STAMP)
    record.will_send(b"b", B)
    record.set_meta("world_id", "w")
    record.forget_everything()
    assert list(record.all()) == []
    assert record.meta("world_id") == "w"


names = st.lists(st.sampled_from([b"a", b"b", b"/", b"0", b".", b"\xff"]), min_size=1, max_size=4).map(b"".join)
states: st.SearchStrategy[State] = st.sampled_from([DIRECTORY, A, B])


@given(st.dictionaries(names, states, max_size=8), names)
def test_beneath_is_what_lies_below(tmp_path_factory: pytest.TempPathFactory, tree: dict[bytes, State], directory: bytes) -> None:
    record = Record(tmp_path_factory.mktemp("record") / "record.sqlite")
    for path, state in tree.items():
        record.agree(path, state, STAMP)
    assert [entry.path for entry in record.beneath(directory)] == sorted(path for path in tree if is_beneath(path, directory))
    assert [entry.path for entry in record.beneath(b"")] == sorted(tree)
    assert {entry.path: entry.state for entry in record.all()} == tree
    record.close()


def test_all_that_was_sent_without_an_answer_is_remembered(tmp_path: Path) -> None:
    record = Record(tmp_path / "record.sqlite")
    a, b = file_state(b"a"), file_state(b"b")
    for state in (a, ABSENT, b, ABSENT):
        record.will_send(b"p", state)
    record.close()
    record = Record(tmp_path / "record.sqlite")
    entry = record.get(b"p")
    assert entry is not None
    assert (entry.state, entry.older, entry.sent, entry.has_sent) == (ABSENT, (a, b), ABSENT, True)
    record.agree(b"p", b)
    entry = record.get(b"p")
    assert entry is not None
    assert (entry.older, entry.has_sent) == ((), False)
    record.close()


def test_what_was_agreed_on_before_is_remembered_for_other_servers(record: Record) -> None:
    for state in (A, B):
        record.agree(b"edited", state, STAMP)
        record.agree(b"deleted", state, STAMP)
        record.agree(b"made anew", state, STAMP)
        record.agree(b"sent", state, STAMP)
    record.agree(b"same", A, STAMP)
    record.agree(b"same", A, STAMP)
    record.agree(b"never there", ABSENT)
    for path in (b"deleted", b"made anew"):
        record.agree(path, ABSENT)
    record.agree(b"made anew", A, STAMP)
    record.will_send(b"sent", A)
    wanted = {
        b"edited": [B, A],
        b"deleted": [ABSENT, B, A],
        b"made anew": [A, ABSENT, B, A],
        b"sent": [A, B, A],
        b"same": [A],
    }
    assert record.claims() == wanted
    record.forget_everything()
    assert list(record.all()) == []
    assert record.claims() == wanted, "also while it begins anew with another server, however often"
    record.agree(b"edited", B, STAMP)
    record.agree(b"deleted", ABSENT)
    record.agree(b"same", ABSENT)
    assert record.claims()[b"edited"] == [B, A]
    assert record.claims()[b"deleted"] == [ABSENT, B, A]
    assert record.claims()[b"same"] == [ABSENT, A]


def test_a_trail_has_an_end(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        record.agree(b"p", file_state(b"%d" % number), STAMP)
    claims = record.claims()[b"p"]
    assert claims == [file_state(b"%d" % number) for number in range(29, 20, -1)]
    record.agree(b"gone", A, STAMP)
    record.agree(b"gone", ABSENT)
    record.forget_old_trails()
    assert record.claims()[b"gone"] == [ABSENT, A]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61 * 86400)
    record.forget_old_trails()
    assert set(record.claims()) == {b"p"}, "of what is there still, what was before is kept"
