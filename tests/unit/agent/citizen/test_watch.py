"""The watch on a real directory: whatever changes is named, or everything is."""

from __future__ import annotations

import errno
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from watchdog.events import FileModifiedEvent
from watchdog.observers.inotify_c import Inotify

from fwrkit.agent.citizen import watch as watches
from fwrkit.agent.citizen.watch import Watch

WAIT = 10.0  # seconds


class Desk:
    """A watched world."""

    def __init__(self, root: Path) -> None:
        self.world = root / "world"
        self.world.mkdir()
        self.hints: queue.Queue[list[bytes] | None] = queue.Queue()
        self.watch = Watch(os.fsencode(self.world), self.hints.put)
        self.seen: set[bytes] = set()

    def expect(self, *paths: bytes) -> None:
        """Wait until all of these were named."""
        deadline = time.monotonic() + WAIT
        while not set(paths) <= self.seen:
            left = deadline - time.monotonic()
            assert left > 0, f"never named: {set(paths) - self.seen}"
            try:
                self.seen.update(self.hints.get(timeout=left) or [])
            except queue.Empty:
                continue


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    assert desk.watch.start()
    yield desk
    desk.watch.stop()


CHANGES: dict[str, tuple[Callable[[Path], object], list[bytes]]] = {
    "a new file": (lambda world: (world / "new").write_bytes(b"x"), [b"new"]),
    "a name that is no UTF-8": (lambda world: (world / os.fsdecode(b"\xff\xfe")).write_bytes(b"x"), [b"\xff\xfe"]),
    "a name with a line break": (lambda world: (world / "a\nb").write_bytes(b"x"), [b"a\nb"]),
    "written on": (lambda world: (world / "old").open("ab").write(b"x"), [b"old"]),
    "renamed": (lambda world: (world / "old").rename(world / "older"), [b"old", b"older"]),
    "deleted": (lambda world: (world / "old").unlink(), [b"old"]),
    "a directory": (lambda world: (world / "d").mkdir(), [b"d"]),
    "deep inside": (lambda world: (world / "sub/deep/file").write_bytes(b"x"), [b"sub/deep/file"]),
    "a directory renamed": (lambda world: (world / "sub").rename(world / "sub2"), [b"sub", b"sub2"]),
    "moved out": (lambda world: (world / "old").rename(world.parent / "out"), [b"old"]),
    "moved in": (lambda world: (world.parent / "outside").rename(world / "inside"), [b"inside"]),
    "a link": (lambda world: (world / "link").symlink_to("old"), [b"link"]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_is_named(tmp_path: Path, name: str) -> None:
    desk = Desk(tmp_path)
    (desk.world / "sub/deep").mkdir(parents=True)
    (desk.world / "old").write_bytes(b"x")
    (tmp_path / "outside").write_bytes(b"x")
    assert desk.watch.start()
    change, paths = CHANGES[name]
    change(desk.world)
    desk.expect(*paths)
    desk.watch.stop()


def test_what_happens_in_a_directory_that_is_new_is_named_with_it(desk: Desk) -> None:
    (desk.world / "d").mkdir()
    desk.expect(b"d")
    (desk.world / "d/file").write_bytes(b"x")
    desk.expect(b"d/file")


def test_what_happens_in_a_directory_that_was_moved_in_is_named(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "outside/deep").mkdir(parents=True)
    (tmp_path / "outside").rename(desk.world / "inside")
    desk.expect(b"inside")
    (desk.world / "inside/deep/file").write_bytes(b"x")
    desk.expect(b"inside/deep/file")


def test_it_says_whether_it_is_well(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    wells = [desk.watch.is_well]
    assert desk.watch.start()
    wells.append(desk.watch.is_well)
    desk.watch.stop()
    desk.watch.stop()
    wells.append(desk.watch.is_well)
    assert wells == [False, True, False]


def test_where_nothing_can_be_watched_it_says_so(tmp_path: Path) -> None:
    watch = Watch(os.fsencode(tmp_path / "missing"), lambda _: None)
    assert not watch.start()
    assert not watch.is_well


def test_a_receiver_that_fails_does_not_end_it(tmp_path: Path) -> None:
    calls: list[list[bytes] | None] = []

    def fail_once(paths: list[bytes] | None) -> None:
        calls.append(paths)
        if len(calls) == 1:
            raise RuntimeError

    watch = Watch(os.fsencode(tmp_path), fail_once)
    for name in (b"a", b"b"):
        watch._dispatch(FileModifiedEvent(os.fsencode(tmp_path) + b"/" + name))
    assert calls == [[b"a"], None, [b"b"]], "after a failure everything is looked at"


def test_what_lies_outside_is_no_hint(tmp_path: Path) -> None:
    calls: list[list[bytes] | None] = []
    watch = Watch(os.fsencode(tmp_path / "world"), calls.append)
    for path in (tmp_path / "world", tmp_path / "worldly", tmp_path / "other/world/x"):
        watch._dispatch(FileModifiedEvent(os.fsencode(path)))
    assert calls == []


def test_after_a_burst_everything_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the kernel may have kept: it drops without a word."""
    timers: list[list[None]] = []

    class AtOnce(threading.Timer):
        def start(self) -> None:
            timers.append(self.args)  # type: ignore[arg-type]
            self.function(*self.args)

    monkeypatch.setattr(threading, "Timer", AtOnce)
    monkeypatch.setattr(watches, "_BURST", 10)
    calls: list[list[bytes] | None] = []
    watch = Watch(os.fsencode(tmp_path), calls.append)
    for _ in range(9):
        watch._dispatch(FileModifiedEvent(os.fsencode(tmp_path / "a")))
    assert None not in calls
    for _ in range(9):
        watch._dispatch(FileModifiedEvent(os.fsencode(tmp_path / "a")))
    assert calls.count(None) == 1


def test_field_F04_directories_nested_without_end_do_not_occupy_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that is made was walked to its bottom, once more for each: a million looks for a thousand directories."""
    looks = [0]
    scandir = os.scandir

    def counted(path: Any) -> Any:
        looks[0] += 1
        return scandir(path)

    monkeypatch.setattr(os, "scandir", counted)
    fd = os.open(desk.world, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    (desk.world / "beside").write_bytes(b"x")
    desk.expect(b"beside")
    assert desk.watch.is_well
    assert looks[0] < 20_000
    (desk.world / "d/d/page").write_bytes(b"x")
    desk.expect(b"d/d/page")
    (desk.world / "d/d/page").unlink()
    for depth in range(1200, 0, -1):
        os.rmdir(desk.world / ("d/" * depth))


def test_directories_that_can_not_be_watched_leave_the_others_watched(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is closed to the agent, when it begins and later."""
    desk.watch.stop()
    for name in ("closed", "open"):
        (desk.world / name).mkdir()
    add = Inotify._add_watch

    def refusing(self: Any, path: bytes, mask: int) -> int:
        if b"closed" in path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return int(add(self, path, mask))

    monkeypatch.setattr(Inotify, "_add_watch", refusing)
    assert desk.watch.start()
    (desk.world / "closed-too").mkdir()
    (desk.world / "open/page").write_bytes(b"x")
    desk.expect(b"open/page")
    assert desk.watch.is_well
