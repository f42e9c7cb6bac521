"""The dialect of patterns, against a matcher that is written the slow way."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.files.ignore import ALWAYS, IgnoreList
from fwrkit.agent.paths import SENTINEL, ancestors


def component_matches(pattern: bytes, name: bytes) -> bool:
    """Say whether a component's pattern (``*``, ``?``, other bytes) matches a component, byte by byte."""

    @cache
    def rest(at: int, position: int) -> bool:
        if at == len(pattern):
            return position == len(name)
        if pattern[at : at + 1] == b"*":
            return rest(at + 1, position) or (position < len(name) and rest(at, position + 1))
        if position == len(name):
            return False
        return pattern[at : at + 1] in (b"?", name[position : position + 1]) and rest(at + 1, position + 1)

    return rest(0, 0)


def path_matches(pattern: list[bytes], path: list[bytes]) -> bool:
    """Say whether a pattern's components match a path's; ``**`` matches any number of them."""
    if not pattern:
        return not path
    if pattern[0] == b"**":
        # as the last component: something has to be there
        least = 1 if len(pattern) == 1 else 0
        return any(path_matches(pattern[1:], path[count:]) for count in range(least, len(path) + 1))
    return bool(path) and component_matches(pattern[0], path[0]) and path_matches(pattern[1:], path[1:])


def naive(pattern: str, path: bytes) -> bool:
    """Say whether a pattern matches a path or a directory above it."""
    parts = pattern.encode("utf-8", "surrogateescape").split(b"/")
    return any(path_matches(parts, place.split(b"/")) for place in (*ancestors(path), path))


_parts = st.text(alphabet="ab*?.\n", min_size=1, max_size=4).filter(lambda part: "**" not in part)
patterns = st.lists(st.one_of(st.just("**"), _parts), min_size=1, max_size=4).map("/".join)
_names = st.lists(st.sampled_from([b"a", b"b", b".", b"\n", b"\xff"]), min_size=1, max_size=3).map(b"".join)
paths = st.lists(_names, min_size=1, max_size=4).map(b"/".join)


@given(patterns, paths)
def test_a_pattern_means_what_the_slow_matcher_says(pattern: str, path: bytes) -> None:
    assert IgnoreList([pattern]).matches(path) is naive(pattern, path)


@given(st.lists(patterns, max_size=3), paths)
def test_a_list_is_the_union_of_its_patterns(several: list[str], path: bytes) -> None:
    assert IgnoreList(several).matches(path) is any(IgnoreList([pattern]).matches(path) for pattern in several)


@given(patterns, paths, _names)
def test_with_a_directory_all_beneath_it_is_ignored(pattern: str, path: bytes, name: bytes) -> None:
    ignored = IgnoreList([pattern])
    if ignored.matches(path):
        assert ignored.matches(path + b"/" + name)


@given(st.binary(min_size=1, max_size=8).filter(lambda name: not set(name) & set(b"*?/\0")))
def test_everything_else_stands_for_itself(name: bytes) -> None:
    ignored = IgnoreList([name.decode("utf-8", "surrogateescape")])
    assert ignored.matches(name)
    assert not ignored.matches(name + b"x")
    assert not ignored.matches(b"x" + name)
    assert not ignored.matches((b"b/" if name == b"a" else b"a/") + name)


@pytest.mark.parametrize(("pattern", "yes", "no"), [
    ("www/cache", [b"www/cache", b"www/cache/x/y"], [b"www/caches", b"cache", b"x/www/cache", b"www"]),
    ("**/*.meta", [b"a.meta", b"x/a.meta", b"x/y/a.meta", b"x/a.meta/b", b"\xff.meta"], [b"a.meta2", b"ameta"]),
    ("www/*/tmp", [b"www/a/tmp"], [b"www/tmp", b"www/a/b/tmp"]),
    ("a/**", [b"a/b", b"a/b/c"], [b"a", b"ab"]),
    ("?", [b"a", b"\xff", b"\n", b"?"], ["ä".encode(), b""]),
    ("a.b+(c)[d]", [b"a.b+(c)[d]"], [b"aXb+(c)[d]"]),
    ("ä/*", ["ä/x".encode()], [b"a/x"]),
])  # fmt: skip
def test_examples(pattern: str, yes: list[bytes], no: list[bytes]) -> None:
    ignored = IgnoreList([pattern])
    assert [path for path in yes if not ignored.matches(path)] == []
    assert [path for path in no if ignored.matches(path)] == []


def test_no_patterns_ignore_nothing() -> None:
    assert not IgnoreList([]).matches(b"a")


def test_what_never_travels_in_any_world() -> None:
    always = IgnoreList(ALWAYS)
    for path in (SENTINEL, b".htaccess", b"www/.htaccess", b"www/.unison.x.tmp", b".unison.lock"):
        assert always.matches(path), path
    for path in (b".fwr/world.toml", b"www/htaccess", b"www/unison", b"www/.fwr-sentinel"):
        assert not always.matches(path), path


@pytest.mark.parametrize("path", [b".fwr-sentinel", b".fwr-sentinel.new"])
def test_the_sentinel_never_travels_nor_does_one_that_is_not_in_its_place_yet(path: bytes) -> None:
    assert IgnoreList(ALWAYS).matches(path)
    assert not IgnoreList(ALWAYS).matches(b"www/" + path)
