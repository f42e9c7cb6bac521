"""Old contents of large files go after their time, and nobody takes them for there afterwards."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fwrkit.agent.history_reading import Filter, log
from fwrkit.agent.repository import Repository
from fwrkit.agent.server import retention
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.decide import Result
from fwrkit.agent.server.fold import Content, Edit
from fwrkit.agent.server.historian import Historian
from fwrkit.agent.server.snapshots import make_snapshot
from fwrkit.agent.settings import Settings
from fwrkit.agent.states import ABSENT, State, file_state
from tests.unit.agent.server.court import NOON, Court

DAY = 86400.0
FIRST, SECOND, THIRD = b"1" * 5000, b"2" * 6000, b"3" * 7000


class Vault:
    """A fold whose large files begin at 1,000 bytes, a day between two edits."""

    def __init__(self, root: Path) -> None:
        self.court = Court(root)
        self.store, self.canon = self.court.store, self.court.canon
        self.history = self.canon._history
        self.historian = Historian(self.store, self.history, self.canon, Settings(large_limit=1000, large_retention=2 * DAY))
        self.count = 0
        self.authority = Authority(root, None)
        self.authority.create()
        self.repository = Repository(self.history.path)

    def fold(self, content: bytes | None, base: State, is_sent: bool = True, path: bytes = b"film") -> Result:
        """Let alice change a file, with its content unless ``is_sent`` is false; and commit it."""
        self.count += 1
        name = f"alice-{self.count}"
        if content is not None and is_sent:
            (self.canon.incoming / name).write_bytes(content)
        state = file_state(content) if content is not None else ABSENT
        edit = Edit(path, state, base, time=NOON, size=len(content or b""), content=Content(incoming=name if content and is_sent else None))
        with self.store.transaction():
            verdict = self.court.fold.fold(self.court.citizen("alice"), edit, int(NOON + self.count * DAY * 10**9))
        for moved in self.court.fold.take_moved():
            self.canon.settle(moved)
        self.historian.commit_some(1 << 40)
        return verdict.result

    def drop(self, days: float) -> int:
        """Let go what is old, so many days after noon; return how many contents went."""
        return retention.drop_old(self.store, self.history, 2 * DAY, NOON / 10**9 + days * DAY)[0]

    def has(self, content: bytes) -> bool:
        is_there = self.history.large_object(file_state(content)) is not None
        assert self.canon.has(file_state(content)) is is_there
        return is_there


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    vault = Vault(tmp_path)
    vault.fold(FIRST, ABSENT)
    vault.fold(SECOND, file_state(FIRST))
    yield vault
    vault.store.close()


def test_what_is_old_goes_and_what_is_not_stays(vault: Vault) -> None:
    assert vault.drop(3.9) == 0
    assert vault.drop(4.1) == 1
    assert (vault.has(FIRST), vault.has(SECOND)) == (False, True)
    assert vault.drop(1000) == 0, "the canon's stays"
    vault.fold(None, file_state(SECOND))
    assert vault.drop(1000) == 1
    assert len(log(vault.repository, Filter(path=b"film"))) == 3


def test_what_a_snapshot_holds_stays(vault: Vault) -> None:
    first = log(vault.repository, Filter(path=b"film"))[-1].version
    make_snapshot(vault.history, vault.authority, "v1", first, "alice", 1_800_000_000)
    assert vault.drop(1000) == 0
    assert vault.has(FIRST)
    assert vault.canon.read(file_state(FIRST)) == FIRST


def test_it_is_asked_for_again_and_back_when_it_comes(vault: Vault) -> None:
    vault.drop(1000)
    assert vault.fold(FIRST, file_state(SECOND), is_sent=False) is Result.MISSING
    with pytest.raises(KeyError):
        vault.canon.read(file_state(FIRST))
    assert vault.fold(FIRST, file_state(SECOND)) is Result.ACCEPTED
    assert vault.has(FIRST)
    assert vault.canon.read(file_state(FIRST)) == FIRST
    assert vault.drop(4) == 0, "SECOND was in the canon a moment ago"


def test_what_is_in_use_by_then_is_not_dropped(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody brings the old content back between the look and the deed."""
    look = retention._in_snapshots

    def meanwhile(*arguments: object) -> set[bytes]:
        assert vault.fold(FIRST, file_state(SECOND), is_sent=False) is Result.ACCEPTED
        return look(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(retention, "_in_snapshots", meanwhile)
    assert vault.drop(1000) == 0
    assert vault.has(FIRST)


def test_a_crash_between_the_table_and_the_file_is_finished(vault: Vault) -> None:
    with vault.store.transaction():
        vault.store.drop_content(file_state(FIRST))
    assert vault.history.large_object(file_state(FIRST)) is not None
    assert vault.drop(0) == 1
    assert not vault.has(FIRST)


def test_what_nobody_knows_goes_by_its_own_age(vault: Vault) -> None:
    vault.drop(1000)
    (vault.canon.incoming / "x").write_bytes(THIRD)
    vault.history.write_large(file_state(THIRD), len(THIRD), vault.canon.incoming / "x")
    assert retention.drop_old(vault.store, vault.history, 2 * DAY, time.time() + DAY)[0] == 0
    assert vault.history.large_object(file_state(THIRD)) is not None
    assert retention.drop_old(vault.store, vault.history, 2 * DAY, time.time() + 3 * DAY)[0] == 1
    assert vault.history.large_object(file_state(THIRD)) is None


def test_lost_files_are_brought_back_or_said_to_be_lost(vault: Vault) -> None:
    for content in (FIRST, SECOND):
        lost = vault.history.large_object(file_state(content))
        assert lost is not None
        os.unlink(lost)
    assert retention.look_for_lost(vault.store, vault.history, vault.canon) == 1
    assert (vault.has(FIRST), vault.has(SECOND)) == (False, True)
    assert vault.canon.read(file_state(SECOND)) == SECOND
    assert retention.look_for_lost(vault.store, vault.history, vault.canon) == 0
