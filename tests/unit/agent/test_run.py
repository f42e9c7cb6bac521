"""The agent put together: what it heals before it starts, and what it says of itself."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from fwrkit.agent import doctor
from fwrkit.agent.citizen.record import Record
from fwrkit.agent.files.tree import NO_STAMP
from fwrkit.agent.run import RECORD, Agent, repair_record
from fwrkit.agent.settings import Node, Places, Settings
from fwrkit.agent.states import DIRECTORY

NODE = Node("client", "alice", "0123456789ab", "alice", "static", "Utopia", (os.geteuid(), os.getegid()), Settings())


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("volume", "state", "keys", "run"):
        (tmp_path / name).mkdir()
    return Places(tmp_path / "volume", tmp_path / "state", tmp_path / "keys", tmp_path / "run")


def spoil(path: Path) -> None:
    record = Record(path)
    for number in range(2000):
        record.agree(b"path-%d" % number, DIRECTORY, NO_STAMP)
    record.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 3)
        file.write(os.urandom(20000))


def test_a_record_that_is_whole_or_not_there_is_left_alone(places: Places) -> None:
    assert repair_record(places.state / RECORD) == ""
    Record(places.state / RECORD).close()
    assert repair_record(places.state / RECORD) == ""
    assert (places.state / RECORD).exists() and not list(places.state.glob("*damaged*"))


def test_a_damaged_record_is_made_anew_and_said(places: Places) -> None:
    spoil(places.state / RECORD)
    agent = Agent(NODE, places)
    [said] = [alert for alert in agent.status().alerts if "record was damaged" in alert]
    assert said.endswith(".")
    assert any(item.name in said for item in places.state.glob(f"{RECORD}.damaged-*")), "it is kept, and named"
    connection = sqlite3.connect(places.state / RECORD)
    assert connection.execute("SELECT count(*) FROM entries").fetchone() == (0,)
    connection.close()


@pytest.mark.parametrize("found", [[], ["The kernel has no Landlock."]])
def test_field_F14_what_the_kernel_does_not_offer_is_in_the_status(
    places: Places, monkeypatch: pytest.MonkeyPatch, found: list[str]
) -> None:
    monkeypatch.setattr(doctor, "weaknesses", lambda: found)
    assert [alert for alert in Agent(NODE, places).status().alerts if "Landlock" in alert] == found


def test_where_nothing_can_be_watched_it_is_said(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "weaknesses", list)
    agent = Agent(NODE, places)
    assert any("no watches" in alert for alert in agent.status().alerts)
    monkeypatch.setattr(agent, "_is_watching", True)
    assert agent.status().alerts == []


def test_an_agent_whose_record_is_damaged_while_it_runs_ends_for_a_new_start(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fwrkit.agent.run._WATCH_CHECK", 0.05)
    agent = Agent(NODE, places)

    def damaged(_: object) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(agent._engine, "_turn", damaged)
    assert agent.run() == 1
