"""What is delivered and written over unread is known, on real files and by the kernel's word."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fwrkit.agent.citizen.unseen import OPEN_FOR, Unseen
from fwrkit.agent.files.tree import Tree
from fwrkit.agent.states import ABSENT, DIRECTORY, file_state

BEFORE = file_state(b"before")


class Desk:
    """A world in which files are placed as the engine places them, by a rename."""

    def __init__(self, root: Path) -> None:
        self.world = root / "world"
        self.world.mkdir()
        self.now = 1000.0
        self.unseen = Unseen(Tree(self.world), lambda: self.now)

    def have(self, path: str = "page") -> None:
        """Have a file that is agreed on, and that somebody here has read."""
        (self.world / path).write_text("before")
        self.unseen.written(path.encode(), BEFORE)
        (self.world / path).read_text()

    def deliver(self, content: str, before: bytes | None = BEFORE, path: str = "page") -> None:
        (self.world / "new").write_text(content)
        os.replace(self.world / "new", self.world / path)
        self.unseen.placed(path.encode(), before, file_state(content.encode()))

    @property
    def page(self) -> Path:
        return self.world / "page"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    desk.have()
    yield desk
    desk.unseen.close()


def rewrite(page: Path) -> None:
    page.write_text("written")


def replace(page: Path) -> None:
    page.with_name("other").write_text("written")
    os.replace(page.with_name("other"), page)


def append(page: Path) -> None:
    with page.open("a") as file:
        file.write("written")


def delete_and_write(page: Path) -> None:
    page.unlink()
    page.write_text("written")


WRITERS: list[Callable[[Path], None]] = [rewrite, replace, append, delete_and_write]


@pytest.mark.parametrize("write", WRITERS)
def test_field_F02_what_is_written_over_unread_was_made_of_what_was_there_before(desk: Desk, write: Callable[[Path], None]) -> None:
    desk.deliver("delivered")
    write(desk.page)
    assert desk.unseen.made_of(b"page") == [BEFORE]
    desk.page.read_text()
    assert desk.unseen.made_of(b"page") == [BEFORE], "what is read now is what was written"


@pytest.mark.parametrize("write", WRITERS)
def test_who_has_read_it_has_seen_it(desk: Desk, write: Callable[[Path], None]) -> None:
    desk.deliver("delivered")
    desk.page.read_text()
    write(desk.page)
    assert desk.unseen.made_of(b"page") == []


def test_who_reads_and_writes_in_one_go_has_seen_it(desk: Desk) -> None:
    """As an application does that keeps a file locked while it reads, thinks and writes."""
    desk.deliver("delivered")
    with desk.page.open("r+") as file:
        file.read()
        file.seek(0)
        file.write("written")
        file.truncate()
    assert desk.unseen.made_of(b"page") == []


def test_of_several_deliveries_the_last_state_that_was_seen_counts(desk: Desk) -> None:
    desk.deliver("one", BEFORE)
    desk.deliver("two", file_state(b"one"))
    rewrite(desk.page)
    assert desk.unseen.made_of(b"page") == [BEFORE]


def test_a_delivery_that_was_read_is_what_the_writer_knew(desk: Desk) -> None:
    desk.deliver("one", BEFORE)
    desk.page.read_text()
    desk.deliver("two", file_state(b"one"))
    rewrite(desk.page)
    assert desk.unseen.made_of(b"page") == [file_state(b"one")]


def test_who_writes_where_nobody_has_read_anything_replaces_whatever_is_there(desk: Desk) -> None:
    """As ``cp`` does, or a generator."""
    desk.deliver("one", ABSENT)
    rewrite(desk.page)
    assert desk.unseen.made_of(b"page") == []
    desk.unseen.forget(b"page")
    desk.deliver("one", ABSENT)
    desk.deliver("two", file_state(b"one"))
    rewrite(desk.page)
    assert desk.unseen.made_of(b"page") == []


def test_of_a_file_that_was_there_before_it_is_known_what_was_read_once_it_is_looked_after(desk: Desk) -> None:
    (desk.world / "old").write_text("before")
    desk.deliver("delivered", BEFORE, "old")
    assert desk.unseen.made_of(b"old") == [], "nobody knows who has read it"
    desk.unseen.forget(b"old")
    (desk.world / "old").write_text("before")
    desk.unseen.look_after([(b"old", BEFORE)])
    (desk.world / "old").read_text()
    desk.deliver("delivered", BEFORE, "old")
    assert desk.unseen.made_of(b"old") == [BEFORE]


def test_a_look_that_opens_nothing_is_no_reading(desk: Desk) -> None:
    desk.deliver("delivered")
    desk.page.stat()
    assert [item.name for item in desk.world.iterdir()] == ["page"]
    assert desk.unseen.made_of(b"page") == [BEFORE]


def test_nothing_is_made_of_an_own_edit_that_nobody_has_read(desk: Desk) -> None:
    """Who writes one version after the other, and reads none, means to replace whatever is there."""
    rewrite(desk.page)
    desk.unseen.written(b"page", BEFORE)
    desk.deliver("delivered", BEFORE)
    rewrite(desk.page)
    assert desk.unseen.made_of(b"page") == []
    desk.unseen.written(b"page", BEFORE)
    desk.page.read_text()
    desk.deliver("delivered", BEFORE)
    rewrite(desk.page)
    assert desk.unseen.made_of(b"page") == [BEFORE], "but an editor that has it open does"


def test_what_is_agreed_on_was_seen(desk: Desk) -> None:
    desk.deliver("delivered")
    rewrite(desk.page)
    desk.unseen.forget(b"page")
    assert desk.unseen.made_of(b"page") == []
    desk.unseen.forget(b"page")


def test_nobody_has_an_old_state_open_for_ever(desk: Desk) -> None:
    desk.deliver("one", BEFORE)
    desk.now += OPEN_FOR - 1
    desk.deliver("two", file_state(b"one"))
    assert desk.unseen.made_of(b"page") == [BEFORE]
    desk.now += 2
    assert desk.unseen.made_of(b"page") == []


def test_what_was_a_directory_before_is_nothing_that_a_program_has_read(desk: Desk) -> None:
    desk.deliver("delivered", DIRECTORY)
    assert desk.unseen.made_of(b"page") == []


def test_a_bounded_number_is_watched(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fwrkit.agent.citizen.unseen.WATCHED", 2)
    for name in "abc":
        desk.have(name)
        desk.deliver(name, path=name)
    assert [desk.unseen.made_of(name) for name in (b"a", b"b", b"c")] == [[], [BEFORE], [BEFORE]]
    (desk.world / "b").read_text()
    assert desk.unseen.made_of(b"b") == []


def test_what_can_not_be_watched_counts_as_seen(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("elsewhere")
    (desk.world / "link").symlink_to(tmp_path / "secret")
    (desk.world / "through").symlink_to(tmp_path)
    for path in (b"gone", b"link", b"through/secret"):
        desk.unseen.placed(path, BEFORE, BEFORE)
    rewrite(tmp_path / "secret")
    assert [desk.unseen.made_of(path) for path in (b"gone", b"through/secret")] == [[], []]
    desk.unseen.close()
    desk.unseen.placed(b"page", BEFORE, BEFORE)
    assert desk.unseen.made_of(b"page") == []
