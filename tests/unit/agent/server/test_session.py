"""What a session remembers of its deliveries, and a stand-in for its channel that the tests of the server share."""

from __future__ import annotations

from typing import Any, cast

import pytest

from fwrkit.agent.server.session import WINDOW_BYTES, WINDOW_COUNT, DownwardRun, Session, UpwardRun
from fwrkit.agent.server.store import Citizen
from fwrkit.agent.wire.channel import Channel
from fwrkit.agent.wire.messages import Change, Delivery, Ping, Position, Welcome


class Line:
    """A channel that keeps what is sent."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.is_closed = False

    def send(self, message: Any) -> None:
        self.said.append(message)

    def close(self, reason: str = "") -> None:
        self.is_closed = True


ALICE = Citizen(1, "alice", 20000, "citizen", "", "", True, "", "", 0, 0, False)


def session_on(line: Line, citizen: Citizen = ALICE) -> Session:
    return Session(cast(Channel, line), citizen)


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def session(line: Line) -> Session:
    return session_on(line)


def is_quiet(session: Session) -> bool:
    return session.is_quiet


HERE = Position("s", 7)


def has_room(session: Session) -> bool:
    return session.has_room


def delivery(number: int, path: bytes, content: bytes | None = None) -> Delivery:
    return Delivery(number, path, None, b"", 0, "bob", content, 0)


def test_nothing_is_said_before_it_is_durable(session: Session, line: Line) -> None:
    session.say(Ping(1))
    session.sent(delivery(1, b"a"))
    assert line.said == []
    session.flush(HERE)
    assert line.said == [HERE, Ping(1), delivery(1, b"a")]
    session.flush(HERE)
    assert len(line.said) == 3


def test_a_position_is_told_once_and_never_before_the_welcome(session: Session, line: Line) -> None:
    welcome = Welcome(True, "g:1", "w", "world", [], 1, 1, 1, 0, 1)
    session.flush(HERE)
    assert line.said == [], "alone it is not worth a frame"
    session.say(welcome)
    session.say(Ping(1))
    session.flush(HERE)
    session.say(Ping(2))
    session.flush(HERE)
    session.say(Ping(3))
    session.flush(Position("s", 8))
    assert line.said == [welcome, HERE, Ping(1), Ping(2), Position("s", 8), Ping(3)]


def test_what_failed_is_never_said(session: Session, line: Line) -> None:
    session.say(Ping(1))
    session.forget()
    session.flush(HERE)
    assert line.said == []


def test_the_window_counts_deliveries(session: Session) -> None:
    for number in range(WINDOW_COUNT):
        assert has_room(session)
        session.sent(delivery(number, b"%d" % number))
    assert not has_room(session)
    assert session.answered(0) is not None
    assert has_room(session)


def test_the_window_counts_bytes(session: Session) -> None:
    session.sent(delivery(1, b"a", b"x" * (WINDOW_BYTES - 1)))
    assert has_room(session)
    session.sent(delivery(2, b"b", b"x"))
    assert not has_room(session)
    session.answered(1)
    session.answered(2)
    assert has_room(session)
    assert session.outstanding_bytes == 0


def test_a_delivery_is_answered_once(session: Session) -> None:
    session.sent(delivery(1, b"a", b"x"))
    assert session.answered(1) == delivery(1, b"a", b"x")
    assert session.answered(1) is None
    assert session.answered(99) is None
    assert (session.outstanding, session.outstanding_paths, session.outstanding_bytes) == ({}, {}, 0)


def test_a_change_makes_void_what_was_sent_for_its_path(session: Session) -> None:
    session.sent(delivery(1, b"a", b"x"))
    session.sent(delivery(2, b"b", b"y"))
    session.void(b"a")
    session.void(b"never sent")
    assert session.answered(1) is None
    assert session.answered(2) is not None
    assert session.due == {}


def test_what_was_staged_for_a_changed_path_is_due_again(session: Session) -> None:
    session.staged[b"a"] = (b"", 7)
    session.void(b"a")
    assert list(session.due) == [b"a"]


def test_a_session_is_quiet_when_nothing_is_left(session: Session) -> None:
    assert is_quiet(session)
    session.due[b"a"] = None
    assert not is_quiet(session)
    session.due.clear()
    session.sent(delivery(1, b"a"))
    assert not is_quiet(session)
    session.answered(1)
    session.upward = UpwardRun(1, False)
    assert not is_quiet(session)
    session.upward, session.downward = None, DownwardRun(1, {})
    assert not is_quiet(session)
    session.downward = None
    session.batch.append(Change(1, b"a", None, None, None, False, False, False, 0, 0, None, True))
    assert not is_quiet(session)
    session.batch.clear()
    assert is_quiet(session)


def test_numbers_are_never_repeated(session: Session) -> None:
    assert [session.next_number() for _ in range(3)] == [1, 2, 3]
