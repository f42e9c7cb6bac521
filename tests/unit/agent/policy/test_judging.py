"""Who may change what: by table, and by property that no trick of a path gets further."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.paths import conflict_name
from fwrkit.agent.policy import Attempt, Policy, decide, explain, parse
from fwrkit.agent.policy.rules import ACTIONS, OPERATIONS, ROLES

POLICY = parse("""\
[limits]
file = "1 MB"

[[rule]]
name = "own database"
paths = ["db/*/{citizen}/**"]
then = "allow"

[[rule]]
name = "databases of others"
paths = ["db/*/*/**"]
then = "refuse"
reason = "Everybody writes their own database."

[[rule]]
name = "mallory only deletes"
citizens = ["mallory"]
operations = ["add", "edit"]
then = "refuse"

[[rule]]
name = "only officials publish"
paths = ["www_tourist/**"]
except = ["www_tourist/guestbook/**"]
roles = ["citizen"]
then = "refuse"

[[rule]]
name = "large pictures"
paths = ["*.png"]
larger = "5 kB"
then = "review"

[[rule]]
name = "programs"
paths = ["*.php"]
operations = ["add", "edit"]
then = "review"
""")


def attempt(
    path: str | bytes, role: str = "citizen", citizen: str = "alice", operation: Any = "edit", size: int = 10, directory: bool = False
) -> Attempt:
    return Attempt(path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape"), role, citizen, operation, directory, size)


def rule(
    path: str | bytes, role: str = "citizen", citizen: str = "alice", operation: Any = "edit", size: int = 10, directory: bool = False
) -> tuple[str, str]:
    decision = decide(POLICY, attempt(path, role, citizen, operation, size, directory))
    return decision.action, decision.rule


REFUSED_DB = ("refuse", "databases of others")
PUBLISH = ("refuse", "only officials publish")
FREE = ("allow", "")


@pytest.mark.parametrize(("path", "more", "expected"), [
    ("www/x", {}, FREE),
    ("www/x", {"role": "reader"}, ("refuse", "(readers)")),
    ("www/x", {"role": "nonsense"}, ("refuse", "(readers)")),
    ("www/x", {"size": 1_000_001}, ("refuse", "(limit file)")),
    ("www/x", {"size": 1_000_001, "role": "official"}, ("refuse", "(limit file)")),
    ("www/x", {"size": 1_000_001, "operation": "delete"}, FREE),
    ("www/x", {"size": 1_000_000}, FREE),
    (".fwr/policy.toml", {}, ("refuse", "(records)")),
    (".fwr/policy.toml", {"role": "official"}, FREE),
    (".fwr/world.toml", {"operation": "delete"}, ("refuse", "(records)")),
    (".fwr/new", {"operation": "add"}, ("refuse", "(records)")),
    (".fwr", {"operation": "delete", "directory": True}, ("refuse", "(records)")),
    (".FWR/policy.toml", {}, ("refuse", "(records)")),
    (".fwr./policy.toml", {}, ("refuse", "(records)")),
    (".fẃr/policy.toml", {}, FREE),
    ("www/.fwr/x", {}, FREE),
    (".fwr/citizens.toml", {"role": "official"}, ("refuse", "(server)")),
    (".fwr/Citizens.toml", {"role": "official"}, ("refuse", "(server)")),
    (".fwr/audit", {"role": "official", "directory": True}, ("refuse", "(server)")),
    (".fwr/audit/2026.log", {"role": "official", "operation": "delete"}, ("refuse", "(server)")),
    (".fwr/audits", {"role": "official"}, FREE),
    (".fwr/citizens (conflict bob 2026-11-24 10.05.21).toml", {"role": "official"}, ("refuse", "(server)")),
    ("db/forum/alice/x", {}, ("allow", "own database")),
    ("db/forum/alice/a/b.php", {}, ("allow", "own database")),
    ("db/forum/alice", {"directory": True, "operation": "add"}, ("allow", "own database")),
    ("db/forum/alice", {"operation": "add"}, REFUSED_DB),
    ("db/forum/bob", {"operation": "add", "directory": True}, REFUSED_DB),
    ("db/forum", {"operation": "add", "directory": True}, FREE),
    ("db/forum/bob/x", {}, REFUSED_DB),
    ("db/forum/bob/x", {"role": "official"}, REFUSED_DB),
    ("db/forum/bob/x", {"role": "official", "operation": "delete"}, REFUSED_DB),
    ("db/forum/Alice/x", {}, REFUSED_DB),
    ("db/forum/аlice/x", {}, REFUSED_DB),
    ("db/forum/alice./x", {}, REFUSED_DB),
    ("db/forum/alice /x", {}, REFUSED_DB),
    ("DB/forum/bob/x", {}, REFUSED_DB),
    ("ԁb/forum/bob/x", {}, REFUSED_DB),
    ("db./forum/bob/x", {}, REFUSED_DB),
    ("db/forum/bob (conflict alice 2026-11-24 10.05.21)/x", {}, REFUSED_DB),
    ("db/forum/alice/x (conflict bob 2026-11-24 10.05.21).txt", {}, ("allow", "own database")),
    ("db/forum/alice (conflict bob 2026-11-24 10.05.21)/x", {}, REFUSED_DB),
    ("www/x", {"citizen": "mallory"}, ("refuse", "mallory only deletes")),
    ("www/x", {"citizen": "mallory", "operation": "delete"}, FREE),
    ("db/forum/mallory/x", {"citizen": "mallory"}, ("allow", "own database")),
    ("www_tourist/x", {}, PUBLISH),
    ("www_tourist/x", {"role": "official"}, FREE),
    ("www_tourist", {"operation": "delete", "directory": True}, PUBLISH),
    ("www_tourist/guestbook/x", {}, FREE),
    ("www_tourist/guestbook", {"operation": "add", "directory": True}, FREE),
    ("www_tourist/guestbook", {"operation": "add"}, PUBLISH),
    ("www_tourist/Guestbook/x", {}, PUBLISH),
    ("WWW_Tourist/x", {}, PUBLISH),
    ("www＿tourist/x", {}, PUBLISH),
    ("www_tou\u200brist/x", {}, PUBLISH),
    ("www_tourist (conflict bob 2026-11-24 10.05.21)/x", {}, PUBLISH),
    ("www_tourist (CONFLICT bob 2026-11-24 10.05.21)/x", {}, PUBLISH),
    ("www/x.png", {"size": 5000}, FREE),
    ("www/x.png", {"size": 5001}, ("review", "large pictures")),
    ("www/x.PNG", {"size": 5001}, ("review", "large pictures")),
    ("www/x (conflict bob 2026-11-24 10.05.21).png", {"size": 5001}, ("review", "large pictures")),
    ("www/x.php", {}, ("review", "programs")),
    ("www/x.php", {"operation": "delete"}, FREE),
    ("www/x.php/y", {"operation": "add"}, ("review", "programs")),
    ("www/x.php", {"operation": "add", "directory": True}, ("review", "programs")),
    (b"www/\xff.php", {}, ("review", "programs")),
    (b"www_tourist/\xff\xfe", {}, PUBLISH),
    (b"db/forum/alice/\xff", {}, ("allow", "own database")),
    (b"\xff", {}, FREE),
    ("www/../x", {}, ("refuse", "(paths)")),
    ("www//x", {}, ("refuse", "(paths)")),
    ("/www", {}, ("refuse", "(paths)")),
    ("", {}, ("refuse", "(paths)")),
])  # fmt: skip
def test_the_table(path: str | bytes, more: dict[str, Any], expected: tuple[str, str]) -> None:
    assert rule(path, **more) == expected


def test_a_decision_says_it_for_people() -> None:
    decision = decide(POLICY, attempt("db/forum/bob/x"))
    assert decision.reason == "Everybody writes their own database. (rule 'databases of others')"
    assert decision.line == 9
    assert decide(POLICY, attempt("www_tourist/x")).reason == "The rule 'only officials publish' refuses it."
    assert decide(POLICY, attempt("x.php")).reason == "The rule 'programs' has an official look at it first."
    assert decide(POLICY, attempt("x", size=10**7)).reason == "Files of more than 1 MB are not taken (limit 'file' of the policy)."
    assert decide(POLICY, attempt("x", size=10**7)).line == 2
    assert decide(POLICY, attempt("x")) == decide(Policy(), attempt("x"))


def test_an_explanation_says_why_this_rule() -> None:
    assert "judged as 'www_tourist/x'" in explain(POLICY, attempt("www_tourist (conflict bob 2026-11-24 10.05.21)/x"))
    assert "look-alikes" in explain(POLICY, attempt("WWW_tourist/x"))
    assert "look-alikes" not in explain(POLICY, attempt("www_tourist/x"))
    assert "line 21" in explain(POLICY, attempt("www_tourist/x"))
    assert explain(POLICY, attempt("x")).endswith("No rule concerns it.")
    assert explain(POLICY, attempt("../x"))


names = st.sampled_from(
    ["db", "forum", "alice", "bob", "www", "www_tourist", "guestbook", ".fwr", "policy.toml", "audit", "x.php", "x.png", "a", "index.html"]
)
paths = st.lists(names, min_size=1, max_size=5)
_CYRILLIC = str.maketrans("aceiopxyhd", "асеіорхуһԁ")
tricks = st.sampled_from([
    str.upper, str.title, str.swapcase, lambda name: name + ".", lambda name: name + " ", lambda name: name + ". .", lambda name: " " + name,
    lambda name: name[:1] + "\u200b" + name[1:], lambda name: "\ufeff" + name, lambda name: name + "\u202e", lambda name: name.translate(_CYRILLIC),
    lambda name: "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" and char != "/" else char for char in name),
    lambda name: conflict_name(name.encode(), "bob", 1_700_000_000_000_000_000).decode(), lambda name: name.replace(".", "․"),
    lambda name: name.replace("i", "ı"), lambda name: name + "\ufe0f",
])  # fmt: skip
attempts = st.builds(
    attempt, paths.map("/".join), st.sampled_from(ROLES), st.sampled_from(["alice", "bob", "mallory"]), st.sampled_from(OPERATIONS),
    st.sampled_from([0, 10, 6000, 2_000_000]), st.booleans(),
)  # fmt: skip
parts_of_patterns = st.sampled_from(["**", "*", "{citizen}", "db", "www", "*.php", "a*", "x.png", "www_tourist", "alice"])
rule_texts = st.builds(
    lambda number, patterns, exceptions, roles, operations, larger, then: (
        "[[rule]]\n" + f"name = '{number}'\nthen = '{then}'\n" + "".join(
            f"{key} = {list(value)}\n" for key, value in (("paths", patterns), ("except", exceptions), ("roles", roles), ("operations", operations)) if value
        ) + (f"larger = {larger}\n" if larger else "")
    ),
    st.integers(0, 10**9),
    st.lists(st.lists(parts_of_patterns, min_size=1, max_size=4).map("/".join), max_size=3),
    st.lists(st.sampled_from(["www/**", "*.png", "db/*/{citizen}/**", "alice"]), max_size=2),
    st.lists(st.sampled_from(ROLES), max_size=2), st.lists(st.sampled_from(OPERATIONS), max_size=2), st.sampled_from([0, 5000]), st.sampled_from(ACTIONS),
)  # fmt: skip
policies = st.lists(rule_texts, max_size=6, unique_by=lambda text: text.split("\n")[1]).map(lambda texts: parse("\n".join(texts)))


def severity(policy: Policy, what: Attempt) -> int:
    return ACTIONS.index(decide(policy, what).action)


def respelt(what: Attempt, path: str) -> Attempt:
    return attempt(path, what.role, what.citizen, what.operation, what.size, what.is_directory)


@given(attempts, st.lists(st.tuples(st.integers(0, 4), tricks), min_size=1, max_size=3))
def test_no_other_spelling_gets_further_where_refusing_is_what_matters(what: Attempt, changes: list[tuple[int, Any]]) -> None:
    """All rules but the allowing one refuse or review: what a spelling may gain is at most not to be an exception of theirs."""
    parts = what.path.decode().split("/")
    for position, trick in changes:
        parts[position % len(parts)] = trick(parts[position % len(parts)])
    assert severity(POLICY, respelt(what, "/".join(parts))) >= severity(POLICY, what)


@given(attempts, st.lists(st.tuples(st.integers(0, 4), tricks), min_size=1, max_size=3))
def test_allow_never_widens_by_folding(what: Attempt, changes: list[tuple[int, Any]]) -> None:
    """With one rule that allows and one behind it that refuses all the rest, only the very bytes are allowed."""
    path = what.path.decode()
    strict = parse(f"[[rule]]\nname = 'one'\npaths = ['{path}']\nthen = 'allow'\n[[rule]]\nname = 'rest'\nthen = 'refuse'\n")
    parts = path.split("/")
    for position, trick in changes:
        parts[position % len(parts)] = trick(parts[position % len(parts)])
    if "/".join(parts) != path and "/" in path:
        assert decide(strict, respelt(what, "/".join(parts))).action == "refuse"


@given(policies, attempts)
def test_the_first_rule_that_matches_wins(policy: Policy, what: Attempt) -> None:
    decision = decide(policy, what)
    if decision.line is None:
        return
    position = [rule.name for rule in policy.rules].index(decision.rule)
    assert decide(Policy(policy.limits, policy.rules[: position + 1]), what) == decision
    before = decide(Policy(policy.limits, policy.rules[:position]), what)
    assert (before.action, before.rule) == ("allow", ""), "no earlier rule matched"
    assert decide(Policy(policy.limits, policy.rules[position:]), what) == decision


@given(policies, attempts, st.text("ab. (", max_size=3))
def test_a_conflict_copy_may_never_more_than_what_it_is_a_copy_of(policy: Policy, what: Attempt, citizen: str) -> None:
    for count in range(1, 3):
        path = what.path
        for moment in range(count):
            path = conflict_name(path, "bob", moment * 10**9)
        copy = Attempt(path, what.role, what.citizen, what.operation, what.is_directory, what.size)
        assert severity(policy, copy) >= severity(policy, what)


@given(policies, st.binary(max_size=40), st.sampled_from(OPERATIONS))
def test_any_bytes_are_decided_and_explained(policy: Policy, path: bytes, operation: Any) -> None:
    what = attempt(path, operation=operation)
    assert decide(policy, what).reason.endswith((".", ")"))
    assert explain(policy, what)


@pytest.mark.parametrize(("role", "operation"), list(itertools.product(ROLES, OPERATIONS)))
def test_no_policy_opens_what_is_built_in(role: str, operation: Any) -> None:
    everything = parse("[[rule]]\nname = 'all'\nthen = 'allow'\n")
    for path in (".fwr/citizens.toml", ".fwr/audit/x", ".fwr/audit"):
        assert decide(everything, attempt(path, role, operation=operation)).action == "refuse"
    assert (decide(everything, attempt(".fwr/policy.toml", role, operation=operation)).action == "allow") is (role == "official")
    assert (decide(everything, attempt("www/x", role, operation=operation)).action == "allow") is (role != "reader")


def test_a_mark_within_a_mark_is_taken_off_too() -> None:
    rules = parse('[[rule]]\nname = "s"\npaths = ["secret/**"]\nthen = "refuse"\n')
    inner = "(conflict b 2026-11-24 10.05.20)"
    for name in ("secret", "SECRET", f"SECRET (CONFLICT a 2026-11-24 10.05 {inner}.20)", f"secret {inner} {inner}", f"SECRET {inner}"):
        attempt = Attempt(f"{name}/x".encode(), "citizen", "alice", "add")
        assert decide(rules, attempt).action == "refuse", name
