"""Two engines at one world: what one of them places, the other one finds, and it is known whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.relay import ALONE, SOMEBODY, Relay, recorded
from fwrkit.agent.states import ABSENT, State, file_state
from fwrkit.agent.wire.messages import Delivery

A, B = file_state(b"a"), file_state(b"b")


def delivery(path: bytes, state: State, author: str, trail: list[State] | None = None) -> Delivery:
    return Delivery(1, path, ABSENT, state, 0, author, None, 0, trail or [])


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    record = Record(tmp_path / "record.sqlite")
    yield record
    record.close()


def test_what_is_being_placed_is_known_before_the_record_says_so(record: Record) -> None:
    relay = Relay(lambda *_: "")
    author_of = relay.author_by(record)
    relay.placing([delivery(b"p", A, "bob"), delivery(b"q", ABSENT, "bob"), delivery(b"r", A, "")])
    assert [author_of(path, state) for path, state in ((b"p", A), (b"q", ABSENT), (b"r", A))] == ["bob", "bob", SOMEBODY]
    assert author_of(b"p", B) == author_of(b"q", A) == "", "only that very state"
    relay.placed()
    assert author_of(b"p", A) == "", "it was not placed after all"


def test_what_was_placed_is_known_by_the_record_from_then_on(tmp_path: Path, record: Record) -> None:
    relay = Relay(lambda *_: "")
    author_of = relay.author_by(Record(tmp_path / "record.sqlite"))  # as the other engine's thread asks
    relay.placing([delivery(b"p", A, "bob")])
    record.agree(b"p", A, author="bob")
    record.commit()
    relay.placed()
    assert author_of(b"p", A) == "bob"


def test_only_what_is_agreed_on_now_is_somebody_s(record: Record) -> None:
    record.agree(b"p", A, author="bob")
    record.agree(b"p", B, author="carol")
    assert recorded(record, b"p", B) == "carol"
    assert recorded(record, b"p", A) == "", "a program has put an older version back"
    assert recorded(record, b"p", ABSENT) == "", "a program has deleted it"
    assert recorded(record, b"q", A) == recorded(record, b"q", ABSENT) == ""


def test_a_deletion_that_was_agreed_on_is_somebody_s(record: Record) -> None:
    record.agree(b"p", A, author="bob")
    record.agree(b"p", ABSENT)
    assert recorded(record, b"p", ABSENT) == SOMEBODY
    assert recorded(record, b"p", A) == "", "a program has put it back"


def test_what_nobody_remembers_is_somebody_s(record: Record) -> None:
    record.agree(b"p", A)
    assert recorded(record, b"p", A) == SOMEBODY


def test_it_is_told_on_what_the_server_had_in_between() -> None:
    heard: list[tuple[bytes, list[State]]] = []
    relay = Relay(lambda *_: "", heard=lambda path, trail: heard.append((path, trail)))
    relay.placing([delivery(b"p", A, "bob", [B]), delivery(b"q", A, "bob")])
    assert heard == [(b"p", [B])]


def test_a_node_alone_passes_nothing_on() -> None:
    assert (ALONE.author_of(b"p", A), ALONE.between(b"p", A, B), ALONE.ancestors(b"p")) == ("", [], [])
