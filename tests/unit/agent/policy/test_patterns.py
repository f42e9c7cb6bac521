"""Patterns, against a matcher that is written the slow way."""

from __future__ import annotations

import time
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.policy.patterns import PatternError, Patterns, check_pattern


def component_matches(pattern: str, name: str) -> bool:
    """Say whether a component's pattern matches a component, character by character."""

    @cache
    def rest(at: int, position: int) -> bool:
        if at == len(pattern):
            return position == len(name)
        if pattern[at] == "*":
            return rest(at + 1, position) or (position < len(name) and rest(at, position + 1))
        return position < len(name) and pattern[at] in ("?", name[position]) and rest(at + 1, position + 1)

    return rest(0, 0)


def path_matches(pattern: list[str], path: list[str]) -> bool:
    """Say whether a pattern's components match a path's; ``**`` matches any number of them, at the end one at least."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(path_matches(pattern[1:], path[count:]) for count in range(0 if len(pattern) > 1 else 1, len(path) + 1))
    return bool(path) and component_matches(pattern[0], path[0]) and path_matches(pattern[1:], path[1:])


def naive(pattern: str, path: str) -> bool:
    """Say whether a path is a pattern."""
    parts = pattern.split("/") if "/" in pattern or pattern == "**" else ["**", pattern]
    return path_matches(parts, path.split("/"))


components = st.text("ab*?", min_size=1, max_size=5).filter(lambda part: "**" not in part)
patterns = st.lists(st.one_of(st.just("**"), components), min_size=1, max_size=5).map("/".join)
paths = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=5).map("/".join)


@given(patterns, paths)
def test_a_pattern_means_what_the_slow_matcher_says(pattern: str, path: str) -> None:
    assert Patterns([pattern]).match_exactly(path, "x", False) is naive(pattern, path)


@given(patterns, paths)
def test_a_directory_is_what_is_to_be_beneath_it_too(pattern: str, path: str) -> None:
    parts = pattern.split("/")
    above = "/".join(parts[:-1]) if len(parts) > 1 and parts[-1] == "**" else None
    itself = above is not None and path_matches(above.split("/"), path.split("/"))
    assert Patterns([pattern]).match_exactly(path, "x", True) is (naive(pattern, path) or itself)


@given(patterns, paths, st.lists(st.text("ab", min_size=1, max_size=3), max_size=2))
def test_wide_is_never_less_than_exact_and_takes_all_beneath_along(pattern: str, path: str, below: list[str]) -> None:
    several = Patterns([pattern])
    for is_directory in (False, True):
        if several.match_exactly(path, "x", is_directory):
            assert several.match_widely("/".join([path, *below]), "x")


@given(st.lists(patterns, min_size=1, max_size=3), paths)
def test_several_are_the_union(several: list[str], path: str) -> None:
    assert Patterns(several).match_exactly(path, "x", False) is any(naive(pattern, path) for pattern in several)
    assert Patterns(several).match_widely(path, "x") is any(Patterns([pattern]).match_widely(path, "x") for pattern in several)


@pytest.mark.parametrize(("pattern", "yes", "no"), [
    ("*.php", ["x.php", "a/b/x.php", ".php"], ["x.php5", "x.php/y", "php", "X.PHP"]),
    ("www/**", ["www/a", "www/a/b"], ["www", "wwwa", "a/www/b"]),
    ("**/x", ["x", "a/x", "a/b/x"], ["xa", "a/xb"]),
    ("a/**/b", ["a/b", "a/c/b", "a/c/d/b"], ["ab", "a/cb"]),
    ("**", ["a", "a/b"], []),
    ("a.b+(c){", ["a.b+(c){"], ["aXb+(c){"]),
    ("?", ["a", "ä", "\udcff", "\n"], ["ab"]),
    ("db/{citizen}/*", ["db/bob/x"], ["db/bobx/x", "db/alice/x", "db/{citizen}/x"]),
])  # fmt: skip
def test_examples(pattern: str, yes: list[str], no: list[str]) -> None:
    check_pattern(pattern)
    assert [path for path in yes if not Patterns([pattern]).match_exactly(path, "bob", False)] == []
    assert [path for path in no if Patterns([pattern]).match_exactly(path, "bob", False)] == []


@pytest.mark.parametrize(("pattern", "yes", "no"), [
    ("*.php", ["x.PHP", "x.php/y/z", "x.php.", "x.ρhp", "x․php", "x.p\u200bhp", "a/x.phP "], ["x.phpx", "php.x"]),
    ("WWW/**", ["www", "www/x", "WWW", "ｗｗｗ/x", "ԝԝԝ/x"], ["wwwx", "a/www"]),
    ("*.", ["x."], ["x", "xy"]),
    ("*\u200b", ["x\u200b"], ["x", "xy"]),
    ("x. *", ["x. y"], ["xy"]),
    ("ημ*", ["ΗΜΕΡΑ", "HMepa"], ["x"]),
    ("{citizen}", ["bob", "BOB", "ьob/x".replace("ь", "b")], ["bobx"]),
    ("a／b", ["a／b"], ["a/b"]),
])  # fmt: skip
def test_what_passes_for_it(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [path for path in yes if not Patterns([pattern]).match_widely(path, "bob")] == []
    assert [path for path in no if Patterns([pattern]).match_widely(path, "bob")] == []


@pytest.mark.parametrize("citizen", [".*", "a|b", "x/", "**", ""])
def test_a_citizen_s_name_is_never_a_pattern(citizen: str) -> None:
    assert not Patterns(["db/{citizen}/x"]).match_exactly("db/other/x", citizen, False)


@pytest.mark.parametrize(
    "pattern",
    ["", "/a", "a/", "a//b", "a/../b", "./a", "a**", "**a/b", "***", "a[0-9]", "a\\b", "!a", "{citzen}", "{x}", "\0", "a\nb", "x" * 501],
)
def test_what_is_no_pattern_is_told_with_a_hint(pattern: str) -> None:
    with pytest.raises(PatternError) as caught:
        check_pattern(pattern)
    message, hint = caught.value.args
    assert message.endswith(".")
    assert hint.endswith((".", "?"))


@pytest.mark.parametrize(("pattern", "path"), [
    ("/".join(["**", "a"] * 12), "/".join(["a"] * 1500) + "/b"),
    ("*a" * 100 + "b", "a" * 250),
    ("/".join(["**", "*a*a*a*b"] * 8), "/".join(["a" * 200] * 15)),
    ("**/*.php.*", "/".join([".php" * 60] * 12)),
])  # fmt: skip
def test_no_path_makes_matching_slow(pattern: str, path: str) -> None:
    several = Patterns([pattern])
    several.match_widely("warm", "x")
    began = time.process_time()
    several.match_exactly(path, "x", True)
    several.match_widely(path, "x")
    assert time.process_time() - began < 0.5
