"""Conflict copies: found by their names, ended by a decision, and nothing is removed that not everybody knows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fwrkit.agent import paths
from fwrkit.agent.citizen import conflicts
from fwrkit.agent.citizen.conflicts import Conflict
from fwrkit.agent.citizen.placing import Placer
from fwrkit.agent.citizen.record import Record
from fwrkit.agent.files.tree import NO_STAMP, Tree
from fwrkit.agent.paths import conflict_name, parse_conflict, plain_name
from fwrkit.agent.states import DIRECTORY, file_state
from fwrkit.core.errors import ExitCode, FwrError

NOON = 1_795_608_000 * 10**9
COPY = b"www/notes (conflict bob 2026-11-25 12.00.00).txt"
PLACE = b"www/notes.txt"


class Den:
    """A world with a record that agrees with it."""

    def __init__(self, root: Path) -> None:
        self.world = root / "world"
        self.private = root / "private"
        for directory in (self.world, self.private / "exchange", self.private / "kept"):
            directory.mkdir(parents=True)
        self.tree = Tree(self.world)
        self.record = Record(root / "record.sqlite")
        self.placer = Placer(self.tree, self.private, (os.geteuid(), os.getegid()))

    def put(self, path: bytes, text: bytes | None, author: str) -> None:
        place = self.world / os.fsdecode(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            place.mkdir(exist_ok=True)
        else:
            place.write_bytes(text)
        self.record.agree(path, DIRECTORY if text is None else file_state(text), NO_STAMP, author)

    def found(self) -> list[Conflict]:
        return conflicts.find(self.record)

    def resolve(self, path: bytes, keep: str, me: str) -> bytes:
        return conflicts.resolve(conflicts.pick(self.found(), path), keep, me, self.tree, self.record, self.placer)

    def contents(self) -> dict[str, bytes]:
        return {str(item.relative_to(self.world)): item.read_bytes() for item in self.world.rglob("*") if item.is_file()}


@pytest.fixture
def den(tmp_path: Path) -> Den:
    den = Den(tmp_path)
    den.put(b"www", None, "ada")
    den.put(PLACE, b"alice's", "alice")
    den.put(COPY, b"bob's", "bob")
    return den


def refused(function: Callable[[], object]) -> FwrError:
    with pytest.raises(FwrError) as raised:
        function()
    return raised.value


def test_a_copy_is_found_with_both_authors(den: Den) -> None:
    assert den.found() == [Conflict(PLACE, COPY, "bob", "alice")]


@pytest.mark.parametrize(
    ("keep", "me", "kept"),
    [
        ("mine", "bob", b"bob's"),
        ("theirs", "bob", b"alice's"),
        ("mine", "alice", b"alice's"),
        ("theirs", "alice", b"bob's"),
        ("alice", "carol", b"alice's"),
        ("bob", "carol", b"bob's"),
    ],
)
@pytest.mark.parametrize("named", [PLACE, COPY])
def test_one_of_both_is_kept(den: Den, keep: str, me: str, kept: bytes, named: bytes) -> None:
    assert den.resolve(named, keep, me) == PLACE
    assert den.contents() == {"www/notes.txt": kept}
    assert list((den.private / "exchange").iterdir()) == []


def test_both_are_kept_under_ordinary_names(den: Den) -> None:
    assert den.resolve(PLACE, "both", "alice") == b"www/notes (bob 2026-11-25 12.00.00).txt"
    assert den.contents() == {"www/notes.txt": b"alice's", "www/notes (bob 2026-11-25 12.00.00).txt": b"bob's"}


def test_both_are_kept_where_the_ordinary_name_is_taken(den: Den) -> None:
    den.put(b"www/notes (bob 2026-11-25 12.00.00).txt", b"older", "bob")
    assert den.resolve(PLACE, "both", "alice") == b"www/notes (bob 2026-11-25 12.00.00 2).txt"
    assert sorted(den.contents().values()) == [b"alice's", b"bob's", b"older"]


def test_who_wrote_neither_has_to_name_one(den: Den) -> None:
    error = refused(lambda: den.resolve(PLACE, "mine", "carol"))
    assert (error.code, error.hint) == (ExitCode.USAGE, "Say whose is kept: --keep alice or --keep bob.")
    assert refused(lambda: den.resolve(PLACE, "dora", "carol")).code is ExitCode.USAGE
    assert len(den.contents()) == 2


def test_of_two_by_one_author_none_is_the_authors(den: Den) -> None:
    den.put(PLACE, b"bob's later", "bob")
    assert refused(lambda: den.resolve(PLACE, "bob", "carol")).code is ExitCode.USAGE
    den.resolve(PLACE, "both", "carol")


@pytest.mark.parametrize(("keep", "kept"), [("mine", b"alice's"), ("theirs", b"bob's")])
def test_where_the_other_author_is_not_known_mine_is_what_is_there(den: Den, keep: str, kept: bytes) -> None:
    den.put(PLACE, b"alice's", "")
    den.resolve(PLACE, keep, "carol")
    assert den.contents() == {"www/notes.txt": kept}


def test_the_original_is_gone_and_the_copy_takes_its_place(den: Den) -> None:
    (den.world / "www/notes.txt").unlink()
    den.record.agree(PLACE, None)
    assert den.found() == [Conflict(PLACE, COPY, "bob", "")]
    den.resolve(PLACE, "bob", "alice")
    assert den.contents() == {"www/notes.txt": b"bob's"}


@pytest.mark.parametrize("keep", ["mine", "theirs"])
def test_what_is_not_known_to_everybody_does_not_go(den: Den, keep: str) -> None:
    victim = COPY if keep == "mine" else PLACE
    (den.world / os.fsdecode(victim)).write_bytes(b"written just now")
    before = den.contents()
    error = refused(lambda: den.resolve(PLACE, keep, "alice"))
    assert error.code is ExitCode.HELD
    assert den.contents() == before


def test_what_a_program_has_open_may_go_and_is_not_lost(den: Den) -> None:
    with (den.world / "www/notes.txt").open("ab") as file:
        den.resolve(PLACE, "theirs", "alice")
        file.write(b" and more")
    assert den.contents() == {"www/notes.txt": b"bob's"}
    assert [(item.path, taken.content) for item, taken in den.placer.settle_displaced(100)] == [(COPY, b"alice's and more")]


def test_a_directory_is_one_conflict_and_goes_whole(den: Den) -> None:
    copy = b"www/x (conflict bob 2026-11-25 12.00.00)"
    den.put(b"www/x", b"a file", "alice")
    den.put(copy, None, "bob")
    den.put(copy + b"/inner", None, "bob")
    den.put(copy + b"/inner/a", b"a", "bob")
    den.put(copy + b"/b", b"b", "bob")
    assert [item.copy for item in den.found()] == [COPY, copy]
    den.resolve(b"www/x", "mine", "alice")
    assert not (den.world / os.fsdecode(copy)).exists()
    assert (den.world / "www/x").read_bytes() == b"a file"


def test_a_directory_takes_the_place_of_a_file(den: Den) -> None:
    copy = b"www/x (conflict bob 2026-11-25 12.00.00)"
    den.put(b"www/x", b"a file", "alice")
    den.put(copy, None, "bob")
    den.put(copy + b"/b", b"b", "bob")
    den.resolve(b"www/x", "bob", "alice")
    assert (den.world / "www/x/b").read_bytes() == b"b"
    assert not (den.world / os.fsdecode(copy)).exists()


def test_a_file_takes_the_place_of_a_directory(den: Den) -> None:
    copy = b"www/x (conflict bob 2026-11-25 12.00.00)"
    den.put(b"www/x", None, "alice")
    den.put(b"www/x/a", b"a", "alice")
    den.put(copy, b"a file", "bob")
    den.resolve(b"www/x", "bob", "alice")
    assert (den.world / "www/x").read_bytes() == b"a file"
    assert not (den.world / os.fsdecode(copy)).exists()


def test_a_directory_with_something_new_in_it_stays(den: Den) -> None:
    copy = b"www/x (conflict bob 2026-11-25 12.00.00)"
    den.put(b"www/x", b"a file", "alice")
    den.put(copy, None, "bob")
    (den.world / os.fsdecode(copy) / "new").write_bytes(b"new")
    assert refused(lambda: den.resolve(b"www/x", "alice", "alice")).code is ExitCode.HELD
    assert (den.world / os.fsdecode(copy) / "new").read_bytes() == b"new"


def test_there_is_none_or_there_are_several(den: Den) -> None:
    assert refused(lambda: den.resolve(b"www/index.html", "mine", "alice")).code is ExitCode.NOT_FOUND
    second = b"www/notes (conflict carol 2026-11-25 13.00.00).txt"
    den.put(second, b"carol's", "carol")
    assert refused(lambda: den.resolve(PLACE, "mine", "alice")).code is ExitCode.USAGE
    den.resolve(second, "carol", "alice")
    assert den.contents()["www/notes.txt"] == b"carol's"


@pytest.mark.parametrize(
    "name", ["notes.txt", "notes", ".htaccess", "a.b.c", "x.reallyverylongextension", "ü" * 100 + ".txt", "a (b).txt", "("]
)
@pytest.mark.parametrize("attempt", [0, 3])
def test_a_name_says_what_was_written_into_it(name: str, attempt: int) -> None:
    path = f"www/{name}".encode()
    copy = conflict_name(path, "bob-2", NOON, attempt)
    mark = parse_conflict(copy)
    assert mark is not None
    assert (mark.path, mark.citizen) == (path, "bob-2")
    assert parse_conflict(plain_name(copy)) is None
    assert parse_conflict(path) is None


def test_the_original_of_a_cut_name_is_found(den: Den) -> None:
    path = b"www/" + b"n" * 240 + b".txt"
    copy = conflict_name(path, "bob", NOON)
    den.put(path, b"alice's", "alice")
    den.put(copy, b"bob's", "bob")
    assert len(paths.name_of(copy)) == paths.NAME_LIMIT
    assert Conflict(path, copy, "bob", "alice") in den.found()


def test_copies_of_what_a_program_made_are_known_by_the_template(tmp_path: Path) -> None:
    world, templates = tmp_path / "world", tmp_path / "templates"
    assert not conflicts.made_by_programs(world, templates).matches(b"www/data/attic/x")
    (world / ".fwr").mkdir(parents=True)
    (world / ".fwr/world.toml").write_text('template = "wiki"\n')
    assert not conflicts.made_by_programs(world, templates).matches(b"www/data/attic/x")
    (templates / "wiki").mkdir(parents=True)
    (templates / "wiki/template.toml").write_text('made = ["*/data/attic/**"]\n')
    made = conflicts.made_by_programs(world, templates)
    assert made.matches(b"www/data/attic/a/page.17 (conflict bob 2026-11-25 12.00.00).txt.gz")
    assert not made.matches(b"www/data/pages/a/page (conflict bob 2026-11-25 12.00.00).txt")
    (world / ".fwr/world.toml").write_text("broken = ")
    assert made.patterns != conflicts.made_by_programs(world, templates).patterns
