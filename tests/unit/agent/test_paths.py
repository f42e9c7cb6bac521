"""Paths as bytes: the pure functions, against naive definitions."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fwrkit.agent import paths
from fwrkit.agent.paths import (
    NAME_LIMIT,
    PATH_LIMIT,
    ancestors,
    conflict_name,
    is_beneath,
    is_git_name,
    is_well_formed,
    join,
    name_of,
    parent,
    range_beneath,
    shown,
    why_not,
)

# bytes around "/" (0x2f) and "0" (0x30), where a range could go wrong, and the ends of the range of bytes
_EDGES = st.sampled_from([b"\x01", b".", b"0", b"a", b"\x7f", b"\xc3\xa4", b"\xfe", b"\xff"])
components = st.lists(_EDGES, min_size=1, max_size=4).map(b"".join).filter(lambda name: name not in (b".", b".."))
some_paths = st.lists(components, min_size=1, max_size=4).map(b"/".join)
names = st.binary(min_size=1, max_size=NAME_LIMIT).map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"_"))
file_names = st.one_of(names, st.text(min_size=1, max_size=80).map(lambda text: text.encode("utf-8", "replace"))).map(
    lambda name: name.replace(b"/", b"_").replace(b"\0", b"_")[:NAME_LIMIT]
)
times = st.integers(min_value=-(2**63), max_value=2**63 - 1)


@given(some_paths)
def test_a_path_is_its_directory_and_its_name(path: bytes) -> None:
    assert join(parent(path), name_of(path)) == path
    assert b"/" not in name_of(path)
    assert parent(path) == b"/".join(path.split(b"/")[:-1])


@given(some_paths)
def test_ancestors_are_the_proper_prefixes_outermost_first(path: bytes) -> None:
    parts = path.split(b"/")
    assert list(ancestors(path)) == [b"/".join(parts[:count]) for count in range(1, len(parts))]


@given(some_paths, some_paths)
def test_beneath_is_having_it_among_the_ancestors(path: bytes, directory: bytes) -> None:
    expected = directory in ancestors(path)
    assert is_beneath(path, directory) is expected
    low, high = range_beneath(directory)
    assert (low <= path < high) is expected


@given(some_paths, components)
def test_what_is_put_into_a_directory_is_beneath_it(directory: bytes, name: bytes) -> None:
    path = join(directory, name)
    low, high = range_beneath(directory)
    assert is_beneath(path, directory)
    assert low <= path < high
    assert not is_beneath(directory, directory)
    assert not low <= directory < high
    assert not is_beneath(directory + name, directory)


@given(some_paths)
def test_everything_is_beneath_the_root(path: bytes) -> None:
    assert is_beneath(path, b"")


@pytest.mark.parametrize("path", [b"", b"/", b"/a", b"a/", b"a//b", b".", b"..", b"a/.", b"a/../b", b"./a", b"a\0b", b"\0"])
def test_what_is_no_path(path: bytes) -> None:
    assert not is_well_formed(path)


@pytest.mark.parametrize("path", [b"a", b"...", b"a/b", b".a", b"a.", b"..a/b..", b" ", b"\n", b"\\", b"\xff", b"-"])
def test_what_is_a_path(path: bytes) -> None:
    assert is_well_formed(path)
    assert why_not(path) is None


@given(st.binary(max_size=12))
def test_a_well_formed_path_names_one_place_below_the_root(path: bytes) -> None:
    parts = path.split(b"/")
    assert is_well_formed(path) is (b"\0" not in path and not set(parts) & {b"", b".", b".."})


@pytest.mark.parametrize(
    "name",
    [
        b".git",
        b".GIT",
        b".gIt",
        b".git.",
        b".git ",
        b".git . .",
        b"git~1",
        b"GIT~1",
        b"git~25",
        ".g\u200cit".encode(),
        "\ufeff.git".encode(),
    ],
)
def test_git_repositories_stay_where_they_are(name: bytes) -> None:
    assert is_git_name(name)
    for path in (name, b"www/" + name, name + b"/config", b"www/" + name + b"/hooks/post-checkout"):
        assert "git" in (why_not(path) or "")


@pytest.mark.parametrize(
    "name", [b".gitignore", b".gitmodules", b"git", b"x.git", b".gi", b"git~", b"git~x", b"agit~1", b".git\xff", b"\xe2\x82\xac"]
)
def test_other_names_with_git_in_them_travel(name: bytes) -> None:
    assert why_not(name) is None


_HARD = [
    b".git",
    b".GIT",
    b".git.",
    b".git ",
    b"git~1",
    b"GIT~1",
    ".g\u200cit".encode(),
    b".git::$INDEX_ALLOCATION",
    b".git:x",
    b"a\\.git",
    b".git\\a",
]


@pytest.mark.parametrize("name", [*_HARD, b".gitx", b"git", b"git~x", b".gi", b"a:b", b"a\\b", b"\xff"])
def test_what_git_takes_for_its_own_is_refused(name: bytes, tmp_path: Path) -> None:
    """Else the history does not pass `git fsck`, and nobody could clone it."""
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q", "--bare"], check=True)
    blob = subprocess.run([*git, "hash-object", "-w", "--stdin"], input=b"x", check=True, capture_output=True).stdout.strip()
    tree = b"100644 " + name + b"\0" + bytes.fromhex(blob.decode())
    subprocess.run([*git, "hash-object", "-t", "tree", "-w", "--literally", "--stdin"], input=tree, check=True, capture_output=True)
    fsck = subprocess.run([*git, "fsck", "--strict"], check=False, capture_output=True)
    if fsck.returncode != 0:
        assert why_not(name) is not None, fsck.stderr.decode()


def test_lengths() -> None:
    assert why_not(b"n" * NAME_LIMIT) is None
    assert "name" in (why_not(b"a/" + b"n" * (NAME_LIMIT + 1)) or "")
    deep = b"/".join([b"n" * 255] * 12)
    assert len(deep) == PATH_LIMIT - 1
    assert why_not(deep) is None
    assert "path" in (why_not(deep + b"/nn") or "")


@given(file_names, st.sampled_from(["a", "alice", "a" * 24]), times, st.sampled_from([0, 1, 9, 99, 12345]))
@example(b"n" * 255, "a" * 24, 0, 0)
@example("ä".encode() * 127, "bob", 0, 0)
@example(b"a" + "\N{PILE OF POO}".encode() * 63, "bob", 0, 0)
@example(b"x" * 238 + b".abcdefghijklmnop", "a" * 24, 2**63 - 1, 12345)
def test_a_conflict_name_fits_and_says_who_and_when(name: bytes, citizen: str, when: int, attempt: int) -> None:
    result = conflict_name(b"dir/" + name, citizen, when, attempt)
    assert parent(result) == b"dir"
    copy = name_of(result)
    assert len(copy) <= NAME_LIMIT
    assert is_well_formed(result)
    assert copy != name
    assert f" (conflict {citizen} ".encode() in copy
    before, _, extension = copy.partition(b" (conflict ")[0], b"", copy.rpartition(b")")[2]
    assert name.startswith(before)
    assert extension == b"" or name.endswith(extension)
    assert before + extension in (name, name.rpartition(b".")[0] + extension) or len(copy) > NAME_LIMIT - 4, "no more is cut than has to be"


@pytest.mark.parametrize("name", [b"a", b"notes.txt", b"n" * 100, b"n" * 255], ids=len)
def test_the_conflict_copy_of_what_travels_travels(name: bytes) -> None:
    """A copy that nobody could take would wait for an answer for ever."""
    directory = b"/".join([b"d" * 255] * 11 + [b"d" * (PATH_LIMIT - 11 * 256 - 1 - len(name))])
    path = join(directory, name)
    assert len(path) == PATH_LIMIT
    assert why_not(path) is not None or why_not(conflict_name(path, "a" * 24, 0)) is None


@given(st.text(min_size=1, max_size=100).filter(lambda text: "/" not in text and "\0" not in text), times)
@example("ä" * 127, 0)
@example("x" + "ä" * 127, 0)
@example("€" * 85, 0)
@example("x" + "\N{PILE OF POO}" * 63, 0)
@example("xy" + "\N{PILE OF POO}" * 63, 0)
def test_a_name_in_utf8_stays_in_utf8(text: str, when: int) -> None:
    name = text.encode("utf-8", "replace")
    if len(name) <= NAME_LIMIT:
        conflict_name(name, "alice", when).decode()


@given(names, times, st.lists(st.integers(min_value=0, max_value=1000), min_size=2, max_size=5, unique=True))
def test_each_attempt_is_another_name(name: bytes, when: int, attempts: list[int]) -> None:
    assert len({conflict_name(name, "alice", when, attempt) for attempt in attempts}) == len(attempts)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"notes.txt", b"notes (conflict alice 2026-11-24 10.05.21).txt"),
        (b"www/notes.txt", b"www/notes (conflict alice 2026-11-24 10.05.21).txt"),
        (b"a.b/notes", b"a.b/notes (conflict alice 2026-11-24 10.05.21)"),
        (b".htaccess", b".htaccess (conflict alice 2026-11-24 10.05.21)"),
        (b"archive.tar.gz", b"archive.tar (conflict alice 2026-11-24 10.05.21).gz"),
        (b"a.not an extension", b"a.not an extension (conflict alice 2026-11-24 10.05.21)"),
        (b"a.abcdefghijklmnopq", b"a.abcdefghijklmnopq (conflict alice 2026-11-24 10.05.21)"),
        (b"\xff.\xfe", b"\xff (conflict alice 2026-11-24 10.05.21).\xfe"),
    ],
)
def test_conflict_names_in_the_open(path: bytes, expected: bytes) -> None:
    assert conflict_name(path, "alice", 1795514721 * 10**9) == expected


def test_another_attempt_is_counted() -> None:
    assert conflict_name(b"a.txt", "al", 0, 1) == b"a (conflict al 1970-01-01 00.00.00 2).txt"


@given(st.binary(max_size=40))
def test_what_is_shown_leads_back_to_the_bytes(path: bytes) -> None:
    assert shown(path).encode("utf-8", "surrogateescape") == path


def test_the_sentinel_is_a_path_of_its_own() -> None:
    assert is_well_formed(paths.SENTINEL)
    assert not is_beneath(paths.SENTINEL, paths.RECORDS)


@pytest.mark.parametrize(("path", "text"), [(b"www/\xc3\xa9", "www/\u00e9"), (b"caf\xe9/x", "caf\ufffd/x")])
def test_a_path_becomes_text_that_can_be_kept_anywhere(path: bytes, text: str) -> None:
    assert paths.kept(path) == text
    assert paths.kept(path).encode()
