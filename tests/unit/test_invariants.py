"""Each invariant checker sees its violation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration import invariants

A, B = "a" * 64, "b" * 64


def act(op: str, before: str | None, after: str | None, node: str = "x", path: str = "p", to: str = "") -> dict[str, str | None]:
    return {"op": op, "path": path, "before": before, "after": after, "node": node, "to": to}


ADDED, CHANGED, DELETED = act("add", None, A), act("modify", A, B, "y"), act("delete", A, None)
COPY = "www/page (conflict bob 2026-11-24 10.05.21).txt"

WELL: list[Callable[[], None]] = [
    lambda: invariants.converged({"x": {"p": A, "d": ""}, "y": {"d": "", "p": A}}),
    lambda: invariants.nothing_lost({A: "x", B: "y"}, {"x": {"p": A}}, [B]),
    lambda: invariants.nothing_invented([A], {"x": {"p": A, "d": ""}}),
    lambda: invariants.nothing_invented([A], {"x": {"p": A, ".fwr/citizens.toml": B, ".fwr/audit/2026-11.jsonl": B}}),
    lambda: invariants.refused_undone({A: "x"}, {"x": {"p": B}}, [B]),
    lambda: invariants.deletions_kept(["gone"], {"x": {"p": A}}),
    lambda: invariants.never_torn([A], [A, B]),
    lambda: invariants.superseded_or_there([ADDED, CHANGED], {"p": B}),
    lambda: invariants.superseded_or_there([ADDED, act("add", None, B, "y")], {"p": B, "copy": A}),
    lambda: invariants.superseded_or_there([ADDED, DELETED], {}),
    lambda: invariants.not_resurrected([ADDED, DELETED], {"p": B}),
    lambda: invariants.copies_have_a_reason([ADDED, CHANGED], {"p": B}),
    lambda: invariants.copies_have_a_reason([ADDED, DELETED], {COPY: A}),
    lambda: invariants.copies_have_a_reason([ADDED, CHANGED, act("move", None, None, path="p", to="q")], {COPY: A}),
    lambda: invariants.not_resurrected([ADDED, DELETED, act("move", None, None, path="p", to="q")], {"p": A}),
    lambda: invariants.idle(0.05, 10, 900),
    lambda: invariants.conflict_copies({COPY: A, "www/page.txt": B}, 1),
    lambda: invariants.no_litter({"x": ["/srv/fwr/world/www/page", "/srv/fwr/private/exchange"]}, {"x": 0}),
    lambda: invariants.versions_readable([A], [A, B]),
]
VIOLATED: list[Callable[[], None]] = [
    lambda: invariants.converged({"x": {"p": A}, "y": {"p": B}}),
    lambda: invariants.converged({"x": {"p": A}, "y": {}}),
    lambda: invariants.converged({"x": {"d": ""}, "y": {}}),
    lambda: invariants.nothing_lost({A: "x", B: "y"}, {"x": {"p": A}}, []),
    lambda: invariants.nothing_invented([A], {"x": {"p": B}}),
    lambda: invariants.nothing_invented([A], {"x": {".fwr/policy.toml": B}}),
    lambda: invariants.refused_undone({A: "x"}, {"x": {"p": A}}, []),
    lambda: invariants.refused_undone({A: "x"}, {}, [A]),
    lambda: invariants.deletions_kept(["gone"], {"x": {"gone": A}}),
    lambda: invariants.never_torn([A, B], [A]),
    lambda: invariants.superseded_or_there([ADDED, act("add", None, B, "y")], {"p": B}),
    lambda: invariants.superseded_or_there([ADDED], {}),
    lambda: invariants.not_resurrected([ADDED, DELETED], {"p": A}),
    lambda: invariants.copies_have_a_reason([ADDED, CHANGED], {"p": B, COPY: A}),
    lambda: invariants.idle(0.11, 10, 0),
    lambda: invariants.idle(0.0, 10, 30_000),
    lambda: invariants.conflict_copies({"www/page.txt": B}, 1),
    lambda: invariants.conflict_copies({COPY: A, COPY.replace("21)", "21 2)"): B}, 1),
    lambda: invariants.no_litter({"x": ["/srv/fwr/world/www/.unison.page.tmp"]}, {}),
    lambda: invariants.no_litter({"x": ["/srv/fwr/private/exchange/123"]}, {}),
    lambda: invariants.no_litter({"x": ["/var/lib/fwrkit/replicas/alice/left"]}, {}),
    lambda: invariants.no_litter({"x": ["/var/lib/fwrkit/unison/lk0123456789abcdef0123456789abcdef"]}, {}),
    lambda: invariants.no_litter({}, {"x": 1}),
    lambda: invariants.versions_readable([A, B], [A]),
]


LOG = ".fwr/audit/2026-11.jsonl"


@pytest.mark.parametrize(
    ("trees", "is_it"),
    [
        ({"x": {"p": A}, "y": {"p": A}}, False),
        ({"x": {"p": A, LOG: A}, "y": {"p": A, LOG: B}}, True),
        ({"x": {LOG: A}, "y": {}}, True),
        ({"x": {"p": A, LOG: A}, "y": {"p": B, LOG: B}}, False),
        ({"x": {".fwr/policy.toml": A}, "y": {}}, False),
    ],
)
def test_what_the_server_writes_when_it_likes_is_told_from_the_rest(trees: dict[str, dict[str, str]], is_it: bool) -> None:
    assert invariants.is_servers_own(trees) is is_it


@pytest.mark.parametrize("check", WELL, ids=range(len(WELL)))
def test_what_is_well_passes(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize("check", VIOLATED, ids=range(len(VIOLATED)))
def test_a_violation_is_seen(check: Callable[[], None]) -> None:
    with pytest.raises(AssertionError):
        check()
