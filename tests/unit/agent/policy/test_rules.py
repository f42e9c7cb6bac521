"""A rule's conditions, one by one: each of them can make it concern somebody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fwrkit.agent.policy.patterns import Patterns
from fwrkit.agent.policy.rules import Action, Attempt, PolicyError, Rule

WHAT = Attempt(b"www/x", "citizen", "alice", "edit", False, 100)
BARE = Rule("all", "refuse", 1)


def test_without_conditions_it_concerns_everything() -> None:
    assert BARE.concerns(WHAT, "www/x")


@pytest.mark.parametrize(("matching", "other"), [
    (replace(BARE, roles=frozenset({"citizen"})), replace(BARE, roles=frozenset({"official"}))),
    (replace(BARE, citizens=frozenset({"alice"})), replace(BARE, citizens=frozenset({"bob"}))),
    (replace(BARE, operations=frozenset({"edit"})), replace(BARE, operations=frozenset({"add", "delete"}))),
    (replace(BARE, larger=99), replace(BARE, larger=100)),
    (replace(BARE, paths=Patterns(["www/**"])), replace(BARE, paths=Patterns(["db/**"]))),
    (replace(BARE, exceptions=Patterns(["www/y"])), replace(BARE, exceptions=Patterns(["www/x"]))),
])  # fmt: skip
def test_each_condition_counts(matching: Rule, other: Rule) -> None:
    assert matching.concerns(WHAT, "www/x")
    assert not other.concerns(WHAT, "www/x")


@pytest.mark.parametrize(("action", "is_wide"), [("refuse", True), ("review", True), ("allow", False)])
def test_what_refuses_is_wide_and_what_allows_is_exact(action: Action, is_wide: bool) -> None:
    rule = Rule("r", action, 1, Patterns(["www/x"]))
    assert rule.concerns(WHAT, "WWW/X") is is_wide
    assert rule.concerns(WHAT, "www/x/y") is is_wide
    excepted = Rule("r", action, 1, Patterns(["**"]), Patterns(["www/x"]))
    assert excepted.concerns(WHAT, "WWW/X") is is_wide  # an exception is the other way round
    assert not excepted.concerns(WHAT, "www/x")


def test_an_error_names_its_line() -> None:
    assert str(PolicyError(3, "It is wrong.", "Do otherwise.")) == "line 3: It is wrong."
