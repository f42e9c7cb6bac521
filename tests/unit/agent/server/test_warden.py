"""What an account takes is bounded, and whoever takes more is ended alone."""

from __future__ import annotations

import ctypes
import itertools
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from fwrkit.agent.server import warden
from fwrkit.agent.server.warden import Usage, Warden, measure, usage_by_account
from fwrkit.agent.settings import Settings

UID = os.getuid()
DOOR = 2014


class Scene:
    """A warden, what it ended, and landing places of this test's own uid."""

    def __init__(self, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.replica = state / "replicas/mallory"
        for kind in ("replicas", "accounts"):
            (state / kind / "mallory").mkdir(parents=True)
        self.killed: list[int] = []
        self.told: list[tuple[int, str]] = []
        self.allowed = (0, 0)
        self.cleared: list[int] = []
        monkeypatch.setattr(warden, "end_processes_of", self.killed.append)
        monkeypatch.setattr(warden, "end_processes_at", self.cleared.append)
        monkeypatch.setattr(warden, "_SPARE_BYTES", 200_000)
        monkeypatch.setattr(warden, "_SPARE_FILES", 20)
        monkeypatch.setattr(warden, "_SHARE", 0)
        self.warden = Warden(state, Settings(), lambda _: self.allowed, lambda uid, reason: self.told.append((uid, reason)), (DOOR,))

    def look(self, usage: Usage | None = None) -> str:
        """Look once; return why somebody was ended."""
        self.told.clear()
        self.warden.look({UID: usage} if usage else {})
        assert (UID in self.killed) is bool(self.told) or not self.told
        return self.told[0][1] if self.told else ""


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


UNISON = Usage(2, 10_000_000, True)


def test_what_is_usual_is_let_be(scene: Scene) -> None:
    (scene.replica / "a").write_bytes(b"x" * 50_000)
    assert scene.look(UNISON) == ""
    assert scene.look(Usage(6, 200_000_000, False)) == ""
    assert scene.killed == []
    assert (scene.replica / "a").exists()


def test_many_processes_and_much_memory_are_too_much(scene: Scene) -> None:
    assert "33 processes" in scene.look(Usage(33, 1, False))
    assert "2048 MiB" in scene.look(Usage(3, 2 << 30, False))
    assert set(scene.killed) == {UID}


def test_a_door_with_a_crowd_at_it_is_cleared_and_nobody_else_suffers(scene: Scene) -> None:
    """Any key opens it, and sshd counts nobody whom it has let in: the container would have no process left for the citizens."""
    usages = {DOOR: Usage(100, 3 << 30, False), UID: Usage(3, 1, False)}
    scene.warden.look(usages)
    assert scene.cleared == []
    usages[DOOR].processes = 101
    scene.warden.look(usages)
    assert scene.cleared == [DOOR]
    assert (scene.killed, scene.told) == ([], [])


def test_a_replica_that_outgrows_what_was_announced_is_emptied(scene: Scene) -> None:
    (scene.replica / "a").write_bytes(b"x" * 1_000_000)
    scene.allowed = (1_000_000, 1)
    assert scene.look(UNISON) == ""
    scene.allowed = (0, 0)
    assert "more than it announced" in scene.look(UNISON)
    assert list(scene.replica.iterdir()) == []


@pytest.mark.parametrize("make", [lambda path: path.write_bytes(b""), lambda path: path.mkdir(), lambda path: path.symlink_to("/nowhere")])
def test_many_entries_of_any_kind_are_too_much(scene: Scene, make: object) -> None:
    for number in range(30):
        make(scene.replica / str(number))  # type: ignore[operator]
    scene.allowed = (0, 10)
    assert scene.look(UNISON) == ""
    scene.allowed = (0, 4)
    assert "more than it announced" in scene.look(UNISON)
    assert list(scene.replica.iterdir()) == []


def test_what_a_program_left_that_nobody_saw_is_looked_at_too(scene: Scene) -> None:
    assert scene.look(None) == ""
    (scene.replica / "a").write_bytes(b"x" * 1_000_000)
    assert "announced" in scene.look(None)
    assert list(scene.replica.iterdir()) == []


def test_where_nothing_changed_nothing_is_counted(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (scene.replica / "a").write_bytes(b"x" * 10)
    for _ in range(2):
        assert scene.look(None) == ""

    def fail(*_: object) -> tuple[int, int]:
        raise AssertionError("counted")

    monkeypatch.setattr(warden, "measure", fail)
    assert scene.look(Usage(3, 1, False)) == ""


def test_where_the_disk_is_full_a_run_ends_although_it_was_announced(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (scene.replica / "a").write_bytes(b"x" * 1_000_000)
    scene.allowed = (10**9, 10)
    assert scene.look(UNISON) == ""
    monkeypatch.setattr(warden, "room", lambda _: -1)
    assert "disk is full" in scene.look(UNISON)


def test_processes_are_counted_at_each_look_and_replicas_as_often_as_it_is_cheap(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count(1000.0, 0.001)  # so long takes each look
    later = [0.0]
    monkeypatch.setattr(warden, "time", SimpleNamespace(monotonic=lambda: next(ticks) + later[0]))
    monkeypatch.setattr(warden, "_SHARE", 10**9)
    assert scene.look(UNISON) == ""
    (scene.replica / "a").write_bytes(b"x" * 1_000_000)
    assert scene.look(UNISON) == "", "it is not due"
    assert "33 processes" in scene.look(Usage(33, 1, False))
    later[0] += warden._LONGEST
    assert "announced" in scene.look(None), "who wrote meanwhile is not forgotten"


def test_links_to_files_of_the_canon_are_not_the_citizen_s(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 10_000)
    assert measure([tmp_path], UID, 10**9, 10**9)[1] == 1
    assert measure([tmp_path], UID + 1, 10**9, 10**9) == (0, 0)


def test_a_sparse_file_counts_what_it_takes(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.truncate(10**12)
    assert measure([tmp_path], UID, 10**9, 10**9)[0] < 10**6


def test_field_F03_small_files_count_as_they_are_announced(tmp_path: Path) -> None:
    """A file of 500 bytes takes a block of 4,096: ninety thousand of them are no more than was announced."""
    for number in range(100):
        (tmp_path / str(number)).write_bytes(b"x" * 500)
    assert measure([tmp_path], UID, 10**9, 10**9) == (100 * 500, 100)


def test_what_is_allocated_beyond_a_files_length_counts(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        try:
            linux_fallocate(file.fileno(), 1 << 24)
        except OSError:
            pytest.skip("this filesystem allocates nothing ahead")
    assert measure([tmp_path], UID, 10**9, 10**9)[0] > 1 << 23


def linux_fallocate(fd: int, size: int) -> None:
    """Allocate so many bytes and leave the file's length as it is (FALLOC_FL_KEEP_SIZE)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.fallocate(fd, 1, ctypes.c_long(0), ctypes.c_long(size)) != 0:
        raise OSError(ctypes.get_errno(), "fallocate")


def test_counting_ends_where_it_is_too_much(tmp_path: Path) -> None:
    (tmp_path / "d/d").mkdir(parents=True)
    for number in range(50):
        (tmp_path / "d/d" / str(number)).touch()
    assert measure([tmp_path, tmp_path / "gone"], UID, 10**9, 10) == (measure([tmp_path], UID, 10**9, 10)[0], 11)
    assert measure([tmp_path], UID, 10**9, 1000)[1] == 52


def test_only_accounts_of_citizens_and_doors_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert UID not in usage_by_account()
    assert UID in usage_by_account([UID])
    monkeypatch.setattr(warden, "FIRST_UID", UID)
    mine = usage_by_account()[UID]
    assert mine.processes >= 1
    assert mine.memory > 1_000_000
    assert mine.writes


def test_it_looks_until_it_is_stopped(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(warden, "_PAUSE", 0.001)

    def usages(_: object) -> dict[int, Usage]:
        looks.append(1)
        if len(looks) > 3:
            scene.warden.stop()
        raise OSError("a look fails")

    monkeypatch.setattr(warden, "usage_by_account", usages)
    scene.warden.start()
    scene.warden._thread.join(10)
    assert len(looks) == 4
