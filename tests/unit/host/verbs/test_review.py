"""What waits for an official: listed, shown, decided."""

from __future__ import annotations

import base64

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs.review import Reviewed, Reviews, Waiting, decide, diff, reviews
from fwrkit.host.verbs.up import ServerWish, up_server
from tests.unit.host.simulated import SimulatedMachine

CHANGE = {"number": 3, "by": "bob", "path": "a", "kind": "edit", "size": 8, "since": 5}


@pytest.fixture
def world(machine: SimulatedMachine) -> SimulatedMachine:
    up_server(machine, ServerWish(citizen="ada"))
    return machine


def shown(world: SimulatedMachine, before: bytes | None, after: bytes | None, kind: str = "edit") -> tuple[str, bool]:
    texts = [base64.b64encode(text).decode() if text is not None else None for text in (before, after)]
    world.republic.answers["review"] = {**CHANGE, "kind": kind, "before": texts[0], "after": texts[1]}
    result = diff(world, 3, None)
    return result.diff, result.is_binary


def test_a_change_is_shown_as_what_it_would_do(world: SimulatedMachine) -> None:
    assert shown(world, b"one\ntwo\n", b"one\n2") == ("--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n", False)
    assert shown(world, None, b"new\n", "add") == ("--- a/a\n+++ b/a\n@@ -0,0 +1 @@\n+new\n", False)
    assert shown(world, b"old\n", None, "delete") == ("--- a/a\n+++ b/a\n@@ -1 +0,0 @@\n-old\n", False)
    assert shown(world, b"x", b"\xff\xfe") == ("", True)
    assert shown(world, b"x", b"\0\1") == ("", True)
    assert shown(world, b"x", None) == ("", True), "too large"


def test_what_is_decided_is_asked_as_it_was_said(world: SimulatedMachine) -> None:
    world.republic.answers |= {
        "reviews": {"count": 1, "reviews": [CHANGE]},
        "accept": {"count": 1, "paths": ["a"]},
        "reject": {"count": 2, "paths": ["b", "c"]},
    }
    assert reviews(world, None) == Reviews(1, [Waiting(3, "bob", "a", "edit", 8, 5)])
    assert decide(world, "accept", [3], "", "", None) == Reviewed(1, ["a"])
    decide(world, "reject", [], "bob", "spam", None)
    assert [asked[1:] for asked in world.republic.asked[1:]] == [
        ("accept", {"numbers": [3], "by": "", "reason": ""}),
        ("reject", {"numbers": [], "by": "bob", "reason": "spam"}),
    ]
    for numbers, by in (([], ""), ([3], "bob")):
        with pytest.raises(FwrError) as raised:
            decide(world, "accept", numbers, by, "", None)
        assert raised.value.code is ExitCode.USAGE


def test_who_has_nothing_waiting_is_said_to_have_nothing(world: SimulatedMachine) -> None:
    world.republic.answers["accept"] = {"count": 0, "paths": []}
    with pytest.raises(FwrError) as raised:
        decide(world, "accept", [], "nobody", "", None)
    assert (raised.value.code, raised.value.message) == (ExitCode.NOT_FOUND, "Nothing of nobody waits.")
