"""The tables' copy: made when something changed, taken when the tables are damaged. (With the history and clients: test_house.py.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.agent.files import database
from fwrkit.agent.server import tables
from fwrkit.agent.server.store import Store
from fwrkit.core.errors import FwrError
from tests.unit.agent.house import wait_until


@pytest.fixture
def state(tmp_path: Path) -> Path:
    store = Store(tmp_path / tables.NAME)
    store.set_meta("world_id", "w")
    store.add_citizen("alice", 20000, "citizen", 0)
    store.close()
    return tmp_path


def spoil(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 100)


def roll(path: Path) -> list[str]:
    store = Store(path)
    try:
        return [citizen.name for citizen in store.citizens()]
    finally:
        store.close()


def test_whole_tables_and_none_at_all_need_nothing(state: Path, tmp_path: Path) -> None:
    assert tables.repair(state) == ""
    (tmp_path / "fresh").mkdir()
    assert tables.repair(tmp_path / "fresh") == ""


def test_the_copy_takes_the_place_of_damaged_tables(state: Path) -> None:
    database.copy(state / tables.NAME, state / tables.COPY)
    spoil(state / tables.NAME)
    said = tables.repair(state)
    assert "damaged" in said and said.endswith(".") and "\n" not in said
    assert roll(state / tables.NAME) == ["alice"]
    assert len(list(state.glob("*.damaged-*"))) == 1, "what was damaged is kept"
    assert tables.repair(state) == ""


@pytest.mark.parametrize("copied", [False, True])
def test_without_a_good_copy_it_is_said(state: Path, copied: bool) -> None:
    if copied:
        spoil(state / tables.COPY)
    spoil(state / tables.NAME)
    with pytest.raises(FwrError, match="no good copy"):
        tables.repair(state)
    assert (state / tables.NAME).exists(), "nothing was touched"


def test_the_keeper_copies_at_the_start_and_when_the_roll_changes(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_LOOK", 0.01)
    store = Store(state / tables.NAME)
    keeper = tables.Keeper(state, lambda: [citizen.name for citizen in store.citizens()])
    keeper.start()
    wait_until(lambda: (state / tables.COPY).exists(), "a first copy")
    store.add_citizen("bob", 20001, "citizen", 0)
    wait_until(lambda: roll(state / tables.COPY) == ["alice", "bob"], "the copy knows bob")
    monkeypatch.setattr(tables, "_LOOK", 60.0)
    keeper.stop()
    (state / tables.COPY).unlink()
    keeper = tables.Keeper(state, list)
    keeper.start()
    wait_until(lambda: (state / tables.COPY).exists(), "a first copy")
    store.set_meta("last", "words")
    keeper.stop()
    store.close()
    copied = Store(state / tables.COPY)
    assert copied.meta("last") == "words", "at the end, too"
    copied.close()
