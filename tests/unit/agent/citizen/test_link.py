"""One connection at a time, dialled again at once and then ever more slowly, but never slower than every five seconds."""

from __future__ import annotations

import queue
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from fwrkit.agent.citizen import link as link_module
from fwrkit.agent.citizen.carriers import Carrier
from fwrkit.agent.citizen.engine import Engine
from fwrkit.agent.citizen.link import Link, over_socket_of, over_ssh
from fwrkit.agent.citizen.upstreams import Ending
from fwrkit.agent.citizen.view import View
from fwrkit.agent.wire import frames
from fwrkit.agent.wire.channel import Channel, over_socket
from fwrkit.agent.wire.messages import FROM_SERVER, Piece, Ping, Pong, Refusal, to_value
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.clock import Clock

REFUSAL = Refusal("HELD", "m", "h")


class StillEngine:
    """What the link tells its engine."""

    def __init__(self) -> None:
        self.view = View()
        self.told: list[str] = []
        self.is_behind = False
        self.progress = 0

    def connected(self, channel: Channel, carrier: Carrier) -> None:
        self.told.append("connected")

    def received(self, channel: Channel, message: Any) -> None:
        self.told.append(f"received {message.tag}")

    def ended(self, channel: Channel) -> None:
        self.told.append("ended")


class Call:
    """A connection that says a few things, and ends."""

    def __init__(self, on_message: Callable[[Any], None], on_end: Callable[[str], None], messages: list[Any], words: str) -> None:
        self._say = (on_message, on_end)
        self._messages = messages
        self._words = words
        self.is_stopped = False

    def start(self) -> None:
        on_message, on_end = self._say
        for message in self._messages:
            on_message(message)
        on_end(self._words)

    def close(self, reason: str = "") -> None:
        self._say[1](reason)

    def stop(self) -> None:
        self.is_stopped = True


Outcome = list[Any] | Exception | None


def run(
    outcomes: list[Outcome],
    heard: Callable[[Ending], None] = lambda _: None,
    words: str = "the connection ended",
    engine: StillEngine | None = None,
) -> tuple[list[float], StillEngine, Link, list[Call]]:
    """Dial once for each outcome (what is said, what is raised, or that there is nobody to dial); return the delays after them."""
    engine = engine or StillEngine()
    calls: list[Call] = []
    left = list(outcomes)

    def dial(on_message: Callable[[Any], None], on_end: Callable[[str], None]) -> tuple[Channel, Carrier] | None:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is None:
            return None
        calls.append(Call(on_message, on_end, outcome, words))
        return cast(Channel, calls[-1]), cast(Carrier, calls[-1])

    link = Link(cast(Engine, engine), dial, heard)
    clock = Clock(len(outcomes))
    link._stop = clock
    link.start()
    link._thread.join(10)
    assert not link._thread.is_alive()
    return clock.delays, engine, link, calls


def test_the_first_try_again_is_at_once_and_none_is_later_than_five_seconds() -> None:
    delays, engine, link, _ = run([OSError("no route")] * 12)
    assert delays[0] == 0.0
    assert delays == sorted(delays)
    assert delays[1] > 0
    assert max(delays) == 5.0
    assert delays[-1] == 5.0
    assert engine.told == []
    assert link.last_words == "no route"


def test_after_a_connection_that_stood_it_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "_STOOD", 0.0)
    fails: list[Outcome] = [OSError("x")] * 6
    delays, _, _, _ = run([*fails, [Ping(1)], *fails])
    assert delays[5] == 5.0
    assert delays[6] == 0.0
    assert delays[7] < 5.0


def test_who_is_let_in_and_thrown_out_again_does_not_knock_all_the_time() -> None:
    delays, _, _, _ = run([[Ping(1)]] * 8)
    assert delays[0] == 0.0
    assert delays[-1] == 5.0


def test_connections_that_stand_and_bring_nothing_forward_come_ever_later_and_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "_STOOD", 0.0)
    engine = StillEngine()
    engine.is_behind = True
    delays, _, link, _ = run([[Ping(1)]] * 12, words="a run brings more than it announced", engine=engine)
    assert delays[0] <= 0.5 and 45.0 <= delays[-1] <= 60.0
    assert "12 times" in link.trouble and "more than it announced" in link.trouble


def test_connections_that_bring_something_forward_are_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "_STOOD", 0.0)

    class Working(StillEngine):
        def received(self, channel: Channel, message: Any) -> None:
            self.progress += 1

    engine = Working()
    engine.is_behind = True
    delays, _, link, _ = run([[Ping(1)]] * 12, engine=engine)
    assert (max(delays), link.trouble) == (0.0, "")


def test_a_connection_that_was_never_let_in_counts_as_a_failure() -> None:
    delays, engine, link, _ = run([[]] * 8)
    assert delays[-1] == 5.0
    assert engine.told == ["connected", "ended"] * 8
    assert link.last_words == "the connection ended"


def test_who_is_refused_does_not_knock_all_the_time() -> None:
    for said in ([REFUSAL], [Ping(1), REFUSAL]):
        delays, _, _, _ = run([said] * 8)
        assert delays[-1] == 5.0


def test_how_each_try_was_answered_is_told() -> None:
    """Nobody behind an sshd is not the same as somebody who sends this node away."""
    outcomes: list[Outcome] = [OSError("no route"), [], [Ping(1)], [REFUSAL], [Ping(1), REFUSAL, Ping(2)], None]
    ends = [Ending.UNANSWERED, Ending.UNANSWERED, Ending.LET_IN, Ending.TURNED_AWAY, Ending.TURNED_AWAY]
    assert told(outcomes) == ends
    assert told([[]], "alice@example.org: Permission denied (publickey).") == [Ending.TURNED_AWAY]
    assert told([[]], "connect to /run/stream.sock: Connection refused") == [Ending.UNANSWERED]


def told(outcomes: list[Outcome], words: str = "the connection ended") -> list[Ending]:
    """Return what a link says of its tries, with what ssh says last."""
    heard: list[Ending] = []
    run(outcomes, heard=heard.append, words=words)
    return heard


def test_who_is_not_enrolled_looks_often_and_cheaply() -> None:
    delays, engine, _, _ = run([None] * 4)
    assert len(set(delays)) == 1
    assert 0.05 <= delays[0] <= 1.0
    assert engine.told == []


def test_the_engine_hears_everything_in_order_and_the_carrier_is_stopped() -> None:
    _, engine, _, calls = run([[Ping(1), Ping(2)]])
    assert engine.told == ["connected", "received ping", "received ping", "ended"]
    assert [call.is_stopped for call in calls] == [True]


@pytest.mark.parametrize("error", [OSError("refused"), FwrError(ExitCode.FAILED, "damaged")])
def test_what_went_wrong_is_said(error: Exception) -> None:
    _, _, link, _ = run([error])
    assert link.last_words == str(error)


def test_the_server_s_own_engine_dials_the_socket_beside_it() -> None:
    with tempfile.TemporaryDirectory() as short:
        place = Path(short)
        heard: queue.Queue[Any] = queue.Queue()
        dial = over_socket_of(place / "stream.sock", place / "replica", place / "outbox")
        with pytest.raises(OSError):
            dial(heard.put, heard.put)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(place / "stream.sock"))
            listener.listen()
            dialled = dial(heard.put, heard.put)
            assert dialled is not None
            dialled[0].start()
            connection, _ = listener.accept()
            with connection:
                connection.sendall(frames.pack(to_value(Ping(7))))
                assert heard.get(timeout=10) == Ping(7)
            assert isinstance(heard.get(timeout=10), str)
        (place / "outbox/3").mkdir(parents=True)
        (place / "outbox/3/file").write_bytes(b"x")
        (place / "staging").mkdir()
        dialled[1].fetch(3, place / "staging")
        assert (place / "staging/file").read_bytes() == b"x"


class Line:
    """A connection to an upstream that says something in the first rounds, and nothing after that."""

    def __init__(self, on_message: Callable[[Any], None], on_end: Callable[[str], None], rounds: int) -> None:
        self.on_message, self.on_end = on_message, on_end
        self.left = rounds
        self.asked: list[Any] = []
        self.moved = 0

    def start(self) -> None:
        self.moved += 1
        self.on_message(Ping(7))

    def send(self, message: Any) -> None:
        self.asked.append(message)
        if len(self.asked) <= self.left:
            self.moved += 1
            self.on_message(Pong(0))

    def close(self, reason: str = "") -> None:
        self.on_end(reason)

    def stop(self) -> None:
        """As a carrier."""


@pytest.mark.parametrize("rounds", [0, 1, 6])
def test_an_upstream_that_says_nothing_although_it_is_asked_is_given_up(rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "_LEAST_SILENCE", 0.08)
    lines: list[Line] = []

    def dial(on_message: Callable[[Any], None], on_end: Callable[[str], None]) -> tuple[Channel, Carrier] | None:
        lines.append(Line(on_message, on_end, rounds))
        return cast(Channel, lines[0]), cast(Carrier, lines[0])

    ends: list[Ending] = []
    link = Link(cast(Engine, StillEngine()), dial, ends.append, 0.0)
    link._stop = Clock(1)
    link.start()
    link._thread.join(10)
    assert not link._thread.is_alive()
    assert lines[0].asked == [Ping(0)] * (rounds + 4), "four questions that nobody answers, the first of all after it was let in"
    assert "said nothing" in link.last_words and ends == [Ending.LET_IN]


@pytest.mark.parametrize("is_read", [True, False])
def test_a_line_on_which_what_is_sent_takes_long_is_no_silence(is_read: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server can not answer before it has everything; where it reads nothing any more, it is given up all the same."""
    monkeypatch.setattr(link_module, "_LEAST_SILENCE", 1.0)
    ours, theirs = socket.socketpair()
    content = [Piece(0, 4 << 20, b"x" * (1 << 20))] * 4
    ends: list[str] = []

    class Sending(StillEngine):
        def connected(self, channel: Channel, carrier: Carrier) -> None:
            for message in content:
                channel.send(message)

    def dial(on_message: Callable[[Any], None], on_end: Callable[[str], None]) -> tuple[Channel, Carrier] | None:
        def ended(reason: str) -> None:
            ends.append(reason)
            on_end(reason)

        return over_socket(ours, FROM_SERVER, on_message, ended), cast(Carrier, Call(on_message, on_end, [], ""))

    link = Link(cast(Engine, Sending()), dial, lambda _: None, 0.0)
    link._stop = Clock(1)
    with theirs:
        link.start()
        if is_read:
            left = 4 << 20
            while left > 0 and not ends:  # for more than two seconds
                left -= len(theirs.recv(1 << 17, socket.MSG_WAITALL))
                time.sleep(0.07)
            assert ends == [] and left <= 0
            theirs.close()
        link._thread.join(10)
        assert not link._thread.is_alive() and is_read == ("said nothing" not in ends[0])


def test_who_is_not_enrolled_has_nobody_to_dial(tmp_path: Path) -> None:
    assert over_ssh(tmp_path, tmp_path, tmp_path, lambda: None)(lambda _: None, lambda _: None) is None
