"""Where directories went, told by the files that came and went."""

from __future__ import annotations

import pytest

from fwrkit.agent.citizen import moves
from fwrkit.agent.citizen.moves import Moves
from fwrkit.agent.states import DIRECTORY, file_state

A, B = file_state(b"a"), file_state(b"b")


def test_a_directory_went_where_its_files_came() -> None:
    found = Moves()
    found.put(b"www/store/page", A)
    found.deleted(b"www/shop/page", A)
    assert found.moved_to(b"www/shop") == b"www/store"
    assert found.moved_to(b"www") is None


def test_what_holds_no_file_goes_along_with_what_is_above_it() -> None:
    found = Moves()
    found.put(b"store/page", A)
    found.deleted(b"shop/page", A)
    assert found.moved_to(b"shop/data") == b"store/data"


def test_a_directory_of_directories_went_where_those_went() -> None:
    found = Moves()
    found.put(b"store/sub/page", A)
    found.deleted(b"shop/sub/page", A)
    found.deleted(b"shop/sub", DIRECTORY)
    assert found.moved_to(b"shop") == b"store"
    found.deleted(b"shop/other", DIRECTORY)
    assert found.moved_to(b"shop") is None, "one of them went elsewhere"


def test_another_name_or_content_is_no_move() -> None:
    found = Moves()
    found.put(b"store/other", A)
    found.put(b"store/page", B)
    found.deleted(b"shop/page", A)
    assert found.moved_to(b"shop") is None


def test_a_file_that_was_put_and_deleted_at_its_place_moved_nowhere() -> None:
    found = Moves()
    found.put(b"shop/page", A)
    found.deleted(b"shop/page", A)
    assert found.moved_to(b"shop") is None


def test_a_directory_whose_files_went_to_two_places_was_not_moved() -> None:
    found = Moves()
    found.put(b"public/index", A)
    found.put(b"store/page", B)
    found.deleted(b"shop/index", A)
    found.deleted(b"shop/page", B)
    assert found.moved_to(b"shop") is None
    found.deleted(b"shop/page", B)
    assert found.moved_to(b"shop") is None, "and that is for good"


def test_a_directory_of_which_a_file_went_nowhere_was_not_moved() -> None:
    found = Moves()
    found.put(b"public/index", A)
    found.deleted(b"private/secret", B)
    found.deleted(b"private/index", A)
    assert found.moved_to(b"private") is None


def test_what_is_alike_everywhere_tells_nothing() -> None:
    """The empty index.html of each directory of an application; a licence that comes at several places."""
    found = Moves()
    found.put(b"public/new/index.html", file_state(b""))
    found.deleted(b"private/old/index.html", file_state(b""))
    for place in (b"a", b"b"):
        found.put(place + b"/LICENSE", A)
    found.deleted(b"private/other/LICENSE", A)
    assert (found.moved_to(b"private/old"), found.moved_to(b"private/other")) == (None, None)


def test_what_was_made_and_moved_a_moment_later_was_moved() -> None:
    found = Moves()
    for place in (b"shop", b"store"):
        found.put(place + b"/page", A)
    found.deleted(b"shop/page", A)
    assert found.moved_to(b"shop") == b"store"
    found.put(b"shed/page", A)
    found.deleted(b"store/page", A)
    assert found.moved_to(b"store") == b"shed", "and once more"


def test_a_page_that_was_deleted_an_hour_ago_is_no_reason_against_a_move() -> None:
    now = [1000.0]
    found = Moves(lambda: now[0])
    found.deleted(b"shop/old", B)
    now[0] += 3600
    found.put(b"store/page", A)
    found.deleted(b"shop/page", A)
    assert found.moved_to(b"shop") == b"store"


def test_what_came_long_ago_is_no_move() -> None:
    now = [1000.0]
    found = Moves(lambda: now[0])
    found.put(b"store/page", A)
    now[0] += 61
    found.deleted(b"shop/page", A)
    assert found.moved_to(b"shop") is None


def test_a_bounded_number_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moves, "_MOST", 3)
    found = Moves()
    for number in range(9):
        found.put(b"store/%d/page" % number, file_state(b"%d" % number))
    found.deleted(b"shop/0/page", file_state(b"0"))
    found.deleted(b"shop/8/page", file_state(b"8"))
    assert (found.moved_to(b"shop/0"), found.moved_to(b"shop/8")) == (None, b"store/8")
