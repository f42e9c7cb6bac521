"""A few runs at a time, and nobody waits for somebody who left."""

from __future__ import annotations

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.server.slots import Slots
from tests.unit.agent.server.test_session import Line, session_on


def test_who_comes_first_is_served_first() -> None:
    slots, started = Slots(1, 60), list[str]()
    one, two, three = (session_on(Line()) for _ in range(3))
    for session, name in ((one, "one"), (two, "two"), (three, "three")):
        slots.take(session, "up", partial(started.append, name))
    assert started == ["one"]
    slots.release(one, "up")
    assert started == ["one", "two"]
    slots.release(one, "up")
    slots.release(three, "up")
    assert started == ["one", "two"], "who holds nothing gives nothing back"
    slots.release(two, "up")
    assert started == ["one", "two", "three"]


def test_a_place_is_taken_from_who_left() -> None:
    slots, started = Slots(1, 60), list[str]()
    lines = [Line() for _ in range(3)]
    sessions = [session_on(line) for line in lines]
    for session, name in zip(sessions, ("one", "two", "three"), strict=True):
        slots.take(session, "up", partial(started.append, name))
    lines[0].is_closed = lines[1].is_closed = True
    slots.sweep()
    assert started == ["one", "three"], "two left while waiting"


def test_up_and_down_are_two_places() -> None:
    slots, started = Slots(2, 60), list[str]()
    session = session_on(Line())
    for key in ("up", "down"):
        slots.take(session, key, partial(started.append, key))
    assert started == ["up", "down"]


def test_who_takes_long_keeps_nobody_waiting() -> None:
    now = [100.0]
    slots, started = Slots(2, 60, lambda: now[0]), list[str]()
    sessions = {name: session_on(Line()) for name in ("slow", "idle", "one", "two", "three")}
    for name, session in sessions.items():
        slots.take(session, "up", partial(started.append, name))
    now[0] += 59
    slots.sweep()
    assert started == ["slow", "idle"]
    now[0] += 1
    slots.sweep()
    assert started == ["slow", "idle", "one", "two"], "and three waits for these"
    slots.release(sessions["slow"], "up")
    assert started[-1] == "two", "its place was not counted any more"
    slots.release(sessions["one"], "up")
    assert started[-1] == "three"


@given(
    st.integers(min_value=1, max_value=3),
    st.lists(st.tuples(st.sampled_from(["take", "release", "leave"]), st.integers(0, 5)), max_size=30),
)
def test_never_more_than_there_are_and_no_place_stays_empty(count: int, script: list[tuple[str, int]]) -> None:
    slots = Slots(count, 60)
    lines = [Line() for _ in range(6)]
    sessions = [session_on(line) for line in lines]
    started: list[int] = []
    ended: set[int] = set()
    asked: list[int] = []
    for what, number in script:
        if what == "take" and number not in asked:
            asked.append(number)
            slots.take(sessions[number], "up", partial(started.append, number))
        elif what == "leave":
            lines[number].is_closed = True
            slots.sweep()
        elif what == "release" and number in started:
            ended.add(number)
            slots.release(sessions[number], "up")
        running = [item for item in started if item not in ended and not lines[item].is_closed]
        waiting = [item for item in asked if item not in started and not lines[item].is_closed]
        assert len(running) <= count
        assert not waiting or len(running) == count
    assert started == [item for item in asked if item in started], "in the order in which they came"
    assert len(set(started)) == len(started)
