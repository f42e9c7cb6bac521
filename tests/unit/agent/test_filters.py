"""A node's own filters: what they leave out stays away, stays with everybody else, and comes when they are gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.files.ignore import IgnoreList
from fwrkit.agent.filters import LIMIT, Filters, Ignored, taken
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.house import House, Member, wait_until


class Club:
    """Alice, who filters; bob, whom she mutes; carol."""

    def __init__(self, root: Path) -> None:
        self.house = House(root)
        self.alice, self.bob, self.carol = (self.house.member(name) for name in ("alice", "bob", "carol"))

    def filter(self, kind: str, word: str, is_on: bool = True) -> None:
        self.alice.engine.change_filters(kind, word, is_on)
        wait_until(lambda: self.alice.engine.view.is_ready, "alice is connected again")
        self.house.settled()


@pytest.fixture
def club(tmp_path: Path) -> Iterator[Club]:
    club = Club(tmp_path)
    yield club
    club.house.stop()


def without_directories(member: Member) -> dict[str, str]:
    return {path: text for path, text in member.tree().items() if text is not None}


def test_what_a_muted_citizen_writes_stays_away_and_stays_with_the_others(club: Club) -> None:
    club.bob.write("d/before", "bob, before")
    club.carol.write("shared", "carol")
    club.house.settled()
    club.filter("muted", "bob")
    club.bob.write("d/new", "bob")
    club.bob.write("shared", "carol, then bob")
    club.bob.write("d/before", "bob, after")
    club.house.settled()
    assert without_directories(club.alice) == {"d/before": "bob, before", "shared": "carol"}
    club.alice.engine.hint(None)
    club.house.settled()
    assert without_directories(club.carol) == {"d/before": "bob, after", "d/new": "bob", "shared": "carol, then bob"}, "nothing is undone"
    club.carol.write("shared", "carol again")
    club.house.settled()
    assert without_directories(club.alice)["shared"] == "carol again", "what others write comes, though bob wrote there, too"
    club.filter("muted", "bob", False)
    assert club.alice.tree() == club.bob.tree() == club.carol.tree()


def test_deletions_by_a_muted_citizen_stay_away_too(club: Club) -> None:
    for name in ("a", "b", "c", "d"):
        club.carol.write(name, "carol")
    club.house.settled()
    club.filter("muted", "bob")
    (club.bob.world / "a").unlink()
    club.house.settled()
    assert set(without_directories(club.alice)) == {"a", "b", "c", "d"}
    assert set(without_directories(club.carol)) == {"b", "c", "d"}
    club.alice.engine.hint(None)
    club.house.settled()
    assert set(without_directories(club.carol)) == {"b", "c", "d"}, "what alice still has is no edit"
    club.filter("muted", "bob", False)
    assert set(without_directories(club.alice)) == {"b", "c", "d"}


def test_who_writes_where_a_muted_citizen_wrote_loses_nothing_of_either(club: Club) -> None:
    club.carol.write("page", "carol")
    club.house.settled()
    club.filter("muted", "bob")
    club.bob.write("page", "bob")
    club.house.settled()
    club.alice.write("page", "alice")
    club.house.settled()
    contents = set(without_directories(club.carol).values())
    assert contents == {"bob", "alice"}, "one of them is a conflict copy"
    club.filter("muted", "bob", False)
    assert club.alice.tree() == club.carol.tree()


def test_it_outlives_a_restart(club: Club) -> None:
    club.filter("muted", "bob")
    club.alice.stop()
    club.bob.write("new", "bob")
    club.alice.start()
    wait_until(lambda: club.alice.engine.view.is_ready, "alice is back")
    club.house.settled()
    assert club.alice.engine.filters() == Filters(("bob",))
    assert without_directories(club.alice) == {}


def test_what_is_ignored_neither_comes_nor_goes(club: Club) -> None:
    club.bob.write("films/old.mp4", "old")
    club.bob.write("films/list", "list")
    club.house.settled()
    club.filter("ignored", "*.mp4")
    club.bob.write("films/new.mp4", "new")
    club.alice.write("mine.mp4", "mine")
    (club.alice.world / "films/old.mp4").unlink()
    club.alice.engine.hint(None)
    club.house.settled()
    assert without_directories(club.bob) == {"films/old.mp4": "old", "films/list": "list", "films/new.mp4": "new"}
    assert set(without_directories(club.alice)) == {"films/list", "mine.mp4"}
    club.filter("ignored", "*.mp4", False)
    assert club.alice.tree() == club.bob.tree()
    assert without_directories(club.bob) == {"films/old.mp4": "old", "films/list": "list", "films/new.mp4": "new", "mine.mp4": "mine"}


def test_what_is_ignored_no_more_undoes_nothing_else(club: Club) -> None:
    for name in ("page", "films/a.mp4", "films/b.mp4"):
        club.bob.write(name, name)
    club.house.settled()
    club.filter("ignored", "*.mp4")
    club.alice.cut()
    for name in ("page", "films/a.mp4"):
        (club.alice.world / name).unlink()
    club.alice.engine.change_filters("ignored", "*.mp4", False)
    club.alice.mend()
    wait_until(lambda: club.alice.engine.view.is_ready, "alice is connected again")
    club.house.settled()
    assert without_directories(club.alice) == without_directories(club.bob) == {"films/a.mp4": "films/a.mp4", "films/b.mp4": "films/b.mp4"}


def test_a_directory_of_what_is_ignored_stays_here_alone(club: Club) -> None:
    club.bob.write("films/list", "list")
    club.house.settled()
    club.filter("ignored", "*.mp4")
    club.alice.write("films/mine.mp4", "mine")
    (club.bob.world / "films/list").unlink()
    (club.bob.world / "films").rmdir()
    club.house.settled()
    club.alice.engine.hint(None)
    club.house.settled()
    assert club.alice.tree() == {"films": None, "films/mine.mp4": "mine"}
    assert club.bob.tree() == club.carol.tree() == {}
    club.filter("ignored", "*.mp4", False)
    assert club.bob.tree() == {"films": None, "films/mine.mp4": "mine"}


def test_a_directory_with_something_muted_in_it_goes_when_that_may(club: Club) -> None:
    club.carol.write("d/page", "carol")
    club.house.settled()
    club.filter("muted", "bob")
    (club.bob.world / "d/page").unlink()
    club.house.settled()
    (club.carol.world / "d").rmdir()
    club.house.settled()
    assert club.alice.tree() == {"d": None, "d/page": "carol"}
    club.filter("muted", "bob", False)
    assert club.alice.tree() == club.bob.tree() == {}


def test_large_things_are_left_out_too(club: Club) -> None:
    club.filter("muted", "bob")
    text = "x" * (2 * club.house.settings.inline_limit)
    club.bob.write("large", text)
    for number in range(club.house.settings.batch_count + 20):
        club.bob.write(f"many/{number}", "bob")
    club.house.settled(60)
    assert without_directories(club.alice) == {}
    club.filter("muted", "bob", False)
    assert club.alice.tree() == club.bob.tree()


def test_filters_are_put_in_and_taken_out() -> None:
    one = Filters().changed("muted", "bob", True).changed("ignored", "*.mp4", True).changed("muted", "bob", True)
    assert one == Filters(("bob",), ("*.mp4",)) and bool(one) and not Filters()
    assert Filters.from_text(one.to_text()) == one and Filters.from_text("") == Filters()
    assert one.changed("muted", "bob", False).changed("ignored", "*.mp4", False) == Filters()
    assert Ignored(IgnoreList(["cache"]), one).matches(b"cache/x") and Ignored(IgnoreList(["cache"]), one).matches(b"a/b.mp4")
    assert not Ignored(IgnoreList(["cache"]), one).matches(b"a/b.MP4"), "by the letter"


@pytest.mark.parametrize(
    ("kind", "word", "is_on", "code"),
    [
        ("muted", "Bob!", True, ExitCode.USAGE), ("muted", "bob", False, ExitCode.NOT_FOUND), ("ignored", "", True, ExitCode.USAGE),
        ("ignored", "/x", True, ExitCode.USAGE), ("ignored", "**", True, ExitCode.USAGE), ("ignored", "*", True, ExitCode.USAGE),
        ("ignored", "{citizen}", True, ExitCode.USAGE), ("ignored", "x", False, ExitCode.NOT_FOUND),
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused(kind: str, word: str, is_on: bool, code: ExitCode) -> None:
    with pytest.raises(FwrError) as raised:
        Filters().changed(kind, word, is_on)
    assert raised.value.code is code


def test_there_are_not_endlessly_many() -> None:
    with pytest.raises(FwrError):
        taken([], [f"x{number}" for number in range(LIMIT + 1)])
    with pytest.raises(FwrError):
        Filters((), tuple(f"x{number}" for number in range(LIMIT))).changed("ignored", "one-more", True)


@given(st.lists(st.text(max_size=40), max_size=5), st.lists(st.text(max_size=40), max_size=5), st.binary(max_size=60))
def test_nothing_that_a_client_says_does_worse_than_be_refused(muted: list[str], ignored: list[str], path: bytes) -> None:
    try:
        filters = taken(muted, ignored)
    except FwrError:
        return
    filters.ignores(path)
