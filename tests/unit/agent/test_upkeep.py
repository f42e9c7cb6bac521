"""Keeping a repository small: everything stays readable, for those who have it open as well, and what nobody refers to yet stays too."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent import upkeep
from fwrkit.agent.repository import Repository
from fwrkit.agent.states import file_state
from fwrkit.core.errors import FwrError
from tests.unit.agent.past import Past


@pytest.mark.parametrize("pack", [upkeep.roll_up, upkeep.pack_all])
def test_packing_loses_nothing(tmp_path: Path, pack: object) -> None:
    past = Past(tmp_path)
    versions = [past.put(a=b"%d" % number * 50, b=b"same") for number in range(60)]
    orphan = past.history.write(b"written, and not referred to yet")
    open_elsewhere = Past(tmp_path).history
    before = upkeep.size(past.history.path)
    for _ in range(2):
        pack(past.repository)  # type: ignore[operator]
    assert upkeep.size(past.history.path) < before / 3
    assert past.history.read(orphan) == open_elsewhere.read(orphan) == b"written, and not referred to yet"
    assert past.repository.read("rev-list", "main")[0].decode().split() == versions[::-1]
    after = past.put(a=b"after")
    assert open_elsewhere.head() == after
    assert open_elsewhere.is_readable()
    assert past.repository.run("fsck", "--full").is_ok


def test_it_is_due_when_there_is_much(tmp_path: Path) -> None:
    past = Past(tmp_path)
    past.put(a=b"1")
    assert not upkeep.is_due(past.history.path)
    sample = past.history.path / "objects" / "17"
    sample.mkdir(exist_ok=True)
    for number in range(30):
        (sample / f"{number:038x}").touch()
    assert upkeep.is_due(past.history.path)
    assert not upkeep.is_due(tmp_path / "none")


def many(end: int, begin: int = 0, text: bytes = b"") -> Any:
    """Return files of one directory, from a number up to another."""
    return {f"file{number:05d}": text + b"%d" % number for number in range(begin, end)}


def test_field_F34_what_takes_much_room_is_packed_by_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each edit in a large directory writes its whole list; a pack keeps the difference."""
    monkeypatch.setattr(upkeep, "_LOOSE_BYTES", 1_000_000)
    past = Past(tmp_path)
    past.put(**many(5000))
    upkeep.pack_all(past.repository)
    before, edits = upkeep.size(past.history.path), 0
    while not upkeep.is_due(past.history.path):
        past.put(**many(edits + 1, edits, b"edited "))
        edits += 1
    assert edits < 20, "some edits of a hundred thousand bytes are much"
    upkeep.pack_all(past.repository)
    assert not upkeep.is_due(past.history.path)
    assert (upkeep.size(past.history.path) - before) / edits < 10_000
    assert past.repository.run("fsck", "--full").is_ok


def test_a_roll_up_costs_one_list_and_not_one_an_edit(tmp_path: Path) -> None:
    past = Past(tmp_path)
    past.put(**many(5000))
    upkeep.pack_all(past.repository)
    before = upkeep.size(past.history.path)
    for number in range(40):
        past.put(**many(number + 1, number, b"edited "))
    loose = upkeep.size(past.history.path) - before
    upkeep.roll_up(past.repository)
    rolled = upkeep.size(past.history.path) - before
    assert rolled < loose / 10


def test_many_packs_are_much_too(tmp_path: Path) -> None:
    packs = tmp_path / "objects" / "pack"
    packs.mkdir(parents=True)
    for number in range(50):
        (packs / f"pack-{number}.pack").touch()
    assert upkeep.is_due(tmp_path)


def test_what_a_crash_left_goes_after_a_day(tmp_path: Path) -> None:
    past = Past(tmp_path)
    past.put(a=b"1")
    young, old = (past.history.path / "objects" / "pack" / name for name in ("tmp_pack_a", "tmp_pack_b"))
    for path in (young, old):
        path.touch()
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    upkeep.pack_all(past.repository)
    assert (young.exists(), old.exists()) == (True, False)


def test_large_contents_that_were_fetched_go_after_their_time(tmp_path: Path) -> None:
    past = Past(tmp_path)
    for content in (b"x" * 100, b"y" * 200):
        past.put_large(b"film", content)
    first = past.history.large_object(file_state(b"x" * 100))
    assert first is not None
    os.utime(first, (1000, 1000))
    (first.parent / "notes.tmp").touch()
    assert upkeep.drop_fetched(past.history.path, 2000) == (1, 100)
    assert [path.stat().st_size for path in upkeep.large_objects(past.history.path)] == [200]


def test_a_failure_is_told(tmp_path: Path) -> None:
    with pytest.raises(FwrError):
        upkeep.pack_all(Repository(tmp_path / "none"))
