"""What is open for writing travels once it has rested, and not before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from fwrkit.agent.citizen.rest import SECONDS, Rest
from fwrkit.agent.files import linux
from fwrkit.agent.files.tree import Busy, Stamp, Tree
from fwrkit.agent.states import file_state


class Desk:
    """A world with a document that a program keeps open."""

    def __init__(self, root: Path) -> None:
        self.now = 1000.0
        self.place = root / "document"
        self.place.write_bytes(b"one")
        self.rest = Rest(Tree(root), lambda: self.now)
        self.program: IO[bytes] = self.place.open("r+b")

    def is_busy(self) -> bool:
        try:
            self.rest.take(b"document", 100)
        except Busy:
            return True
        return False


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    linux.ignore_lease_breaks()
    desk = Desk(tmp_path)
    yield desk
    desk.program.close()


def test_field_F09_what_is_kept_open_travels_after_some_seconds_of_rest(desk: Desk) -> None:
    assert desk.is_busy()
    desk.now += SECONDS - 1
    assert desk.is_busy()
    desk.now += 1
    taken = desk.rest.take(b"document", 100)
    assert (taken.state, taken.content) == (file_state(b"one"), b"one")
    assert taken.stamp == Stamp.of(desk.place.stat())


def test_what_is_written_again_and_again_never_rests(desk: Desk) -> None:
    for number in range(5):
        desk.program.write(b"%d" % number)
        desk.program.flush()
        assert desk.is_busy()
        desk.now += SECONDS - 1


def test_what_is_written_after_it_has_rested_has_to_rest_again(desk: Desk) -> None:
    assert desk.is_busy()
    desk.now += SECONDS
    assert not desk.is_busy()
    desk.program.write(b"two, longer")
    desk.program.flush()
    assert desk.is_busy()
    desk.now += SECONDS
    assert desk.rest.take(b"document", 100).content == b"two, longer"


def test_what_changes_while_it_is_read_has_not_rested(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert desk.is_busy()
    desk.now += SECONDS
    read = desk.rest._read

    def written(path: bytes, limit: int) -> object:
        desk.program.write(b"more and more")
        desk.program.flush()
        return read(path, limit)

    monkeypatch.setattr(desk.rest, "_read", written)
    assert desk.is_busy()


def test_what_is_closed_travels_at_once(desk: Desk) -> None:
    assert desk.is_busy()
    desk.program.close()
    assert not desk.is_busy()


def test_what_is_gone_is_not_there(desk: Desk) -> None:
    desk.program.close()
    desk.place.unlink()
    with pytest.raises(FileNotFoundError):
        desk.rest.take(b"document", 100)
