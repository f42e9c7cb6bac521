"""Who is let in, and whose memory still holds."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import cast

import pytest

from fwrkit import __version__
from fwrkit.agent.server import greeting
from fwrkit.agent.server.session import Session
from fwrkit.agent.server.store import Citizen
from fwrkit.agent.wire.messages import PROTOCOL, Hello

CITIZEN = Citizen(1, "alice", 20000, "citizen", "node", "key", True, "g:7", "g:8", 0, 0, False)
HELLO = Hello(PROTOCOL, __version__, "node", "world", "g:7", "g:7", "", 0)


class Line:
    def __init__(self, is_closed: bool) -> None:
        self.is_closed = is_closed


class Live:
    """A session of the same citizen that stands already."""

    def __init__(self, generation: str, is_ready: bool = True, is_closed: bool = False) -> None:
        self.generation, self.is_ready, self.channel = generation, is_ready, Line(is_closed)


def code(hello: Hello = HELLO, citizen: Citizen = CITIZEN, live: Live | None = None) -> str:
    refusal = greeting.why_refused(citizen, hello, "world", cast(Session | None, live))
    if refusal is None:
        return ""
    assert refusal.message.endswith(".") and refusal.hint
    return refusal.code


def test_who_belongs_here_is_let_in() -> None:
    assert code() == ""
    assert code(replace(HELLO, world_id="")) == "", "a node that has not been here yet"
    assert code(citizen=replace(CITIZEN, node_id="")) == ""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"protocol": PROTOCOL + 1}, "REFUSED"),
        ({"version": "9.9.0"}, "REFUSED"),
        ({"world_id": "other"}, "REFUSED"),
        ({"node_id": "other"}, "HELD"),
    ],
)
def test_who_does_not_is_told_why(change: dict[str, object], expected: str) -> None:
    assert code(replace(HELLO, **change)) == expected  # type: ignore[arg-type]


def test_a_patch_release_is_no_other_version() -> None:
    major, minor, *_ = __version__.split(".")
    assert code(replace(HELLO, version=f"{major}.{minor}.99")) == ""


def test_the_banned_stay_out_whatever_they_say() -> None:
    assert code(citizen=replace(CITIZEN, is_banned=True)) == "REFUSED"


def test_a_twin_is_told_from_the_machine_itself_coming_back() -> None:
    assert code(live=Live("g:7")) == "", "its old connection is broken, and nobody has noticed so far"
    assert code(live=Live("g:8")) == "HELD", "a copy, or the original of one: older than what is live"
    assert code(replace(HELLO, world_generation=""), live=Live("g:7")) == "HELD"
    assert code(live=Live("g:8", is_closed=True)) == ""
    assert code(live=Live("g:8", is_ready=False)) == ""


def test_memory_holds_only_where_all_three_agree() -> None:
    words = ["", "g:6", "g:7", "g:8", "h:7"]
    for world, record in itertools.product(words, words):
        known = greeting.is_known(CITIZEN, replace(HELLO, world_generation=world, record_generation=record), True)
        assert known == (world == record and world in ("g:7", "g:8")), (world, record)
        assert not greeting.is_known(
            replace(CITIZEN, is_known=False), replace(HELLO, world_generation=world, record_generation=record), True
        )
        blank = replace(CITIZEN, generation="", proposed="")
        assert not greeting.is_known(blank, replace(HELLO, world_generation=world, record_generation=record), True)
        assert not greeting.is_known(CITIZEN, replace(HELLO, world_generation=world, record_generation=record), False)


def test_generations_count_and_begin_anew() -> None:
    assert greeting.next_generation("abc:7") == "abc:8"
    fresh = {greeting.next_generation(text) for text in ("", "abc", "abc:", ":7", "abc:x")}
    assert len(fresh) == 5
    assert all(text.endswith(":1") and len(text) == 18 for text in fresh)
