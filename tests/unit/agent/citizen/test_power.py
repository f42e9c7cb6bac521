"""After a power cut: it is noticed, and what it left of files is told from edits."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.agent.citizen import power
from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.scan import Found
from fwrkit.agent.files.tree import Stamp
from fwrkit.agent.states import DIRECTORY, file_state

TIME = 1_700_000_000 * 10**9
FULL = b"a whole page"


@pytest.fixture
def record(tmp_path: Path) -> Record:
    record = Record(tmp_path / "record.sqlite")
    record.agree(b"page", file_state(FULL), Stamp(len(FULL), TIME, 1, 1))
    record.agree(b"empty", file_state(b""), Stamp(0, TIME, 1, 1))
    record.agree(b"directory", DIRECTORY)
    record.will_send(b"sent", file_state(FULL))
    return record


def found(path: bytes, content: bytes, time: int = TIME + 1) -> Found:
    return Found(path, file_state(content), Stamp(len(content), time, 2, 2), content)


def test_only_another_boot_without_a_stop_is_a_power_cut(record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boot = tmp_path / "boot_id"
    monkeypatch.setattr(power, "_BOOT", boot)
    boot.write_text("one\n")
    assert not power.begin(record), "the first time"
    assert not power.begin(record), "the agent alone was ended"
    boot.write_text("two\n")
    assert power.begin(record)
    assert not power.begin(record)
    power.end(record)
    boot.write_text("three\n")
    assert not power.begin(record), "it was stopped before"
    boot.unlink()
    assert not power.begin(record)


@pytest.mark.parametrize(
    ("path", "content", "time", "is_damage"),
    [
        (b"page", b"", TIME + 1, True),
        (b"page", b"\0" * 12, TIME + 1, True),
        (b"page", FULL[:5], TIME, True),
        (b"sent", b"", TIME, True),
        (b"page", FULL[:5], TIME + 1, False),
        (b"page", b"an edit", TIME + 1, False),
        (b"page", b"another page of the time it had", TIME, False),
        (b"empty", b"", TIME, False),
        (b"new", b"", TIME, False),
        (b"directory", b"", TIME, False),
    ],
)
def test_what_remained_is_told_from_edits(record: Record, path: bytes, content: bytes, time: int, is_damage: bool) -> None:
    assert power.is_damage(found(path, content, time), record) is is_damage
