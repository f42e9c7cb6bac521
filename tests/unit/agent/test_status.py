"""What a node says of itself, and the little of it that visitors see."""

from __future__ import annotations

import json
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fwrkit.agent import status as statuses
from fwrkit.agent.files.reasons import BEING_WRITTEN
from fwrkit.agent.status import StatusWriter
from fwrkit.core.records import Connection, NodeStatus, PathNote, Refusal
from tests.unit.agent.house import wait_until

STATUS = NodeStatus(
    "node-1", "client", "alice", "Utopia", "0123456789abcdef", "starting", 0.0, 0.0, 3, "example.org:2222", "a detail", "1.0",
    [Refusal("www/secret", "a reason")], [Connection("bob", True, 1)],
)  # fmt: skip


class Desk:
    """A writer and what it looks at."""

    def __init__(self, root: Path) -> None:
        self.status = STATUS
        self.private = root / "run.json"
        self.shown = root / "shown.json"
        self.writer = StatusWriter(lambda: self.status, self.private, self.shown)

    def read(self, path: Path) -> NodeStatus:
        return NodeStatus.from_json(json.loads(path.read_text()))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(statuses, "_EVERY", 0.005)
    return Desk(tmp_path)


def test_a_state_is_told_with_when_it_began(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    writer = StatusWriter(lambda: desk.status, desk.private, desk.shown)
    seen = []
    for seconds, state in ((1, "starting"), (2, "waiting"), (3, "waiting"), (4, "in sync"), (5, "waiting")):
        now[0] = 1000.0 + seconds
        desk.status = replace(STATUS, state=state)
        told = writer.now()
        seen.append((told.state, told.since, told.written))
    assert seen == [
        ("starting", 1000.0, 1001.0), ("waiting", 1002.0, 1002.0), ("waiting", 1002.0, 1003.0),
        ("in sync", 1004.0, 1004.0), ("waiting", 1005.0, 1005.0),
    ]  # fmt: skip


def test_both_files_are_written_and_follow_what_changes(desk: Desk) -> None:
    desk.writer.start()
    wait_until(lambda: desk.shown.exists(), "it is written")
    told = desk.read(desk.private)
    assert replace(told, since=0.0, written=0.0) == STATUS
    desk.status = replace(STATUS, state="in sync", pending=0)
    wait_until(lambda: desk.read(desk.shown).state == "in sync", "it is written anew")
    assert desk.read(desk.private).pending == 0
    desk.writer.stop()
    assert sorted(item.name for item in desk.private.parent.iterdir()) == ["run.json", "shown.json"]


def test_visitors_see_no_names_and_no_paths(desk: Desk) -> None:
    desk.writer.start()
    wait_until(lambda: desk.shown.exists(), "it is written")
    desk.writer.stop()
    text = desk.shown.read_text()
    for secret in ("alice", "bob", "www/secret", "a reason", "example.org", "0123456789abcdef", "a detail"):
        assert secret not in text, secret
    shown = desk.read(desk.shown)
    assert (shown.node, shown.world, shown.state, shown.pending) == ("node-1", "Utopia", "starting", 3)
    assert stat.S_IMODE(desk.shown.stat().st_mode) == 0o644


@pytest.mark.parametrize(("reason", "detail"), [("there is no room for it", statuses.STUCK), (BEING_WRITTEN, "")])
def test_visitors_see_that_something_can_not_go_on_and_not_what(desk: Desk, reason: str, detail: str) -> None:
    desk.status = replace(STATUS, waiting=[PathNote("www/secret", reason)])
    desk.writer.start()
    wait_until(lambda: desk.shown.exists(), "it is written")
    desk.writer.stop()
    assert desk.read(desk.shown).detail == detail
    assert "www/secret" not in desk.shown.read_text()


def test_what_does_not_change_is_written_now_and_then(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The health check looks at the age."""
    monkeypatch.setattr(statuses, "_AT_LEAST", 0.05)
    desk.writer.start()
    wait_until(lambda: desk.private.exists(), "it is written")
    first = desk.read(desk.private).written
    wait_until(lambda: desk.read(desk.private).written > first, "it is written again")
    desk.writer.stop()


def test_what_fails_once_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statuses, "_EVERY", 0.005)
    calls: list[int] = []

    def look() -> NodeStatus:
        calls.append(1)
        if len(calls) < 3:
            raise RuntimeError
        return STATUS

    writer = StatusWriter(look, tmp_path / "run.json", tmp_path / "shown.json")
    writer.start()
    wait_until(lambda: (tmp_path / "shown.json").exists(), "it is written after all")
    writer.stop()


def test_a_status_that_could_not_be_written_is_written_when_it_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk was full, or the directory was not there yet."""
    monkeypatch.setattr(statuses, "_EVERY", 0.005)
    desk = Desk(tmp_path)
    looks: list[int] = []

    def look() -> NodeStatus:
        looks.append(1)
        return STATUS

    writer = StatusWriter(look, tmp_path / "later/run.json", desk.shown)
    writer.start()
    wait_until(lambda: len(looks) >= 2, "it failed at least once")
    (tmp_path / "later").mkdir()
    wait_until(lambda: desk.shown.exists(), "it is written", statuses._AT_LEAST / 2)  # not only when an unchanged one is written again
    writer.stop()
