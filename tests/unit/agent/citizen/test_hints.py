"""Hints settle, by an injected clock; what somebody is writing is looked at ever later."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.citizen.hints import FAILED, Hints
from fwrkit.agent.files.reasons import BEING_WRITTEN

QUIET, LIMIT, WALK = 0.004, 0.04, 900.0


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def fresh() -> tuple[Hints, Clock]:
    clock = Clock()
    return Hints(QUIET, LIMIT, WALK, clock), clock


def everything(_: bytes) -> bool:
    return False


def test_a_hint_settles_after_a_quiet_period() -> None:
    hints, clock = fresh()
    assert not hints
    hints.add([b"a"])
    assert hints and b"a" in hints and not hints.is_settled()
    assert 0 < hints.time_left(1.0) <= QUIET * 1.01
    clock.now += QUIET * 1.01
    assert hints.is_settled()
    assert hints.take(everything) == [b"a"]
    assert not hints and not hints.is_settled()
    assert hints.time_left(1.0) == 1.0


def test_how_long_nothing_was_hinted_at() -> None:
    hints, clock = fresh()
    hints.add([b"a"])
    clock.now += 3
    assert hints.quiet_for() == 3
    hints.add([b"b"])
    assert hints.quiet_for() == 0


@given(st.lists(st.floats(0.0001, QUIET * 0.99), min_size=1, max_size=200))
def test_a_continuous_writer_does_not_starve_it(gaps: list[float]) -> None:
    """Without the limit, whoever writes more often than the quiet period would never be seen."""
    hints, clock = fresh()
    hints.add([b"a"])
    began = clock.now
    for gap in gaps:
        clock.now += gap
        if hints.is_settled():
            assert clock.now - began > LIMIT * 0.99
            return
        assert clock.now - began < LIMIT * 1.01
        assert hints.time_left(1.0) <= QUIET * 1.01
        hints.add([b"a"])


def test_what_is_under_way_stays_and_costs_nothing_meanwhile() -> None:
    hints, clock = fresh()
    hints.add([b"a", b"b"])
    clock.now += QUIET * 1.01
    assert hints.take(lambda path: path == b"b") == [b"a"]
    assert hints.take(lambda path: path == b"b") == []
    assert not hints.is_settled() and hints.time_left(1.0) > QUIET, "it is not asked for in every turn"
    clock.now += 0.06
    assert hints.is_settled()
    assert hints.take(everything) == [b"b"]


def test_what_is_put_off_is_there_with_the_next_look() -> None:
    hints, clock = fresh()
    hints.put_off([b"a"])
    clock.now += QUIET * 1.01
    assert hints.is_settled()
    assert hints.take(everything) == [b"a"]


def test_a_file_that_is_being_written_is_looked_at_ever_later() -> None:
    hints, clock = fresh()
    pauses = []
    for _ in range(10):
        hints.looked_at([b"a"], (), {b"a": BEING_WRITTEN})
        assert list(hints.later) == [b"a"] and hints
        pause = hints.time_left(60.0)
        pauses.append(pause)
        clock.now += pause
        assert not hints.is_settled(), "it settles like any other hint"
        assert 0 < hints.time_left(1.0) <= QUIET * 1.01, "and nobody asks all the time meanwhile"
        clock.now += QUIET * 1.01
        assert hints.is_settled()
        assert hints.take(everything) == [b"a"]
    assert 0.75 * 0.05 <= pauses[0] <= 0.05 and pauses[1] > pauses[0], "they grow"
    assert all(0.75 * 2.0 <= pause <= 2.0 for pause in pauses[7:]), "up to a limit, and not all alike"
    hints.looked_at([b"a"], (), {})
    assert not hints.later and not hints


def test_how_often_something_failed_counts_until_there_is_agreement() -> None:
    hints, clock = fresh()
    pauses = []
    for _ in range(3):
        hints.look_later([b"a"], "no line", FAILED)
        pauses.append(hints.time_left(1000.0))
        clock.now += pauses[-1]
        assert not hints.is_settled()
        clock.now += QUIET * 2
        assert hints.is_settled()
        hints.take(everything)
        hints.looked_at([b"a"], {b"a"}, {})  # it is on its way
        assert hints.later[b"a"].reason == "no line", "and whoever looks sees what it waited for"
        assert hints.time_left(1000.0) == 1000.0, "nothing is looked at again meanwhile"
    assert pauses[2] > pauses[1] > pauses[0]
    hints.settled([b"a"])
    assert not hints.later and not hints
    hints.look_later([b"a"], "no line", FAILED)
    assert hints.time_left(1000.0) <= 1.0


def test_what_is_gone_when_everything_is_looked_at_is_not_tried_again() -> None:
    hints, _ = fresh()
    hints.look_later([b"a", b"b"], "no line", FAILED)
    hints.looked_at(None, {b"b"}, {})
    assert list(hints.later) == [b"b"]


def test_another_reason_is_a_first_failure() -> None:
    hints, _ = fresh()
    for _ in range(5):
        hints.look_later([b"a"], "no line", FAILED)
    hints.look_later([b"a"], "no room", FAILED)
    assert (hints.later[b"a"].tries, hints.later[b"a"].reason) == (1, "no room")


def test_walks_are_due_on_request_and_by_the_slow_timer() -> None:
    hints, clock = fresh()
    assert not hints.is_walk_due(), "nothing is walked before there is a connection, unless something happens"
    hints.add_everything()
    assert hints.is_walk_due()
    hints.add([b"a"])
    hints.walked()
    assert not hints.is_walk_due() and not hints, "a walk includes what was hinted at"
    clock.now += WALK
    assert hints.is_walk_due()
    hints.clear()
    assert not hints.is_walk_due() and not hints
