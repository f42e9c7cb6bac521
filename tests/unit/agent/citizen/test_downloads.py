"""Runs downwards: what came is hashed, and nothing but regular files is taken."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent.backoff import Backoff, Pauses
from fwrkit.agent.citizen import downloads
from fwrkit.agent.citizen.downloads import Downloader, look_at
from fwrkit.agent.citizen.staged import Staged
from fwrkit.agent.files.flat import place_name
from fwrkit.agent.states import file_state
from fwrkit.agent.wire.messages import Fetched, Offer


def test_regular_files_are_hashed_and_nothing_else_is_seen(tmp_path: Path) -> None:
    staging = tmp_path / "staging"
    (staging / "directory").mkdir(parents=True)
    (staging / "directory/inner").write_bytes(b"x")
    (tmp_path / "secret").write_bytes(b"secret")
    (staging / "link").symlink_to(tmp_path / "secret")
    (staging / "dangling").symlink_to("nowhere")
    os.mkfifo(staging / "fifo")
    contents = {"a": b"a", "empty": b"", "large": os.urandom(3_000_000)}
    for name, content in contents.items():
        (staging / name).write_bytes(content)
    assert look_at(staging) == {name: file_state(content) for name, content in contents.items()}


class Bringing:
    """A carrier that brings given contents."""

    def __init__(self, contents: dict[str, bytes], fails: bool = False) -> None:
        self.contents = contents
        self.fails = fails

    def send(self, outgoing: Path) -> None:
        raise AssertionError

    def fetch(self, run: int, staging: Path) -> None:
        for name, content in self.contents.items():
            (staging / name).write_bytes(content)
        if self.fails:
            raise OSError("cut")

    def stop(self) -> None:
        return


class Desk:
    """A downloader whose worker works when it is told to."""

    def __init__(self, root: Path) -> None:
        for name in ("staging", "staged"):
            (root / name).mkdir()
        self.staging = root / "staging"
        self.staged = Staged(root / "staged")
        self.said: list[Any] = []
        self.jobs: list[Callable[[], Callable[[], None]]] = []
        self.downloader = Downloader(self.staging, self.staged, self.said.append, self.jobs.append)

    def work(self) -> Callable[[], None]:
        return self.jobs.pop()()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(downloads, "_PAUSES", Pauses(0.0, 0.0))
    return Desk(tmp_path)


def test_what_was_offered_is_fetched_and_kept_apart(desk: Desk) -> None:
    desk.downloader.carrier = Bringing({place_name(b"p"): b"a"})
    desk.downloader.offered(Offer(7, 1, 1))
    assert desk.downloader.current == 7
    desk.work()()
    assert desk.said == [Fetched(7, True)]
    assert desk.downloader.current == 0
    assert desk.staged.find(b"p", file_state(b"a")) is not None
    assert list(desk.staging.iterdir()) == []


def test_what_did_not_come_whole_is_said(desk: Desk) -> None:
    desk.downloader.carrier = Bringing({place_name(b"p"): b"a"}, fails=True)
    desk.downloader.offered(Offer(7, 2, 2))
    desk.work()()
    assert desk.said == [Fetched(7, False)]


def test_field_F14_a_run_that_fails_says_why_and_tries_ever_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(threading.Event, "wait", lambda _, seconds: pauses.append(seconds))
    desk.downloader._failures = Backoff(Pauses(2.0, 120.0))
    for run in range(1, 9):
        desk.downloader.carrier = Bringing({}, fails=True)
        desk.downloader.offered(Offer(run, 2, 2))
        desk.work()()
    assert pauses[0] <= 2.0 < pauses[2] < pauses[4] and 90.0 <= pauses[-1] <= 120.0
    assert "cut" in desk.staged.lack, "and the reason is said"
    desk.downloader.carrier = Bringing({place_name(b"p"): b"a"})
    desk.downloader.offered(Offer(9, 2, 2))
    desk.work()()
    assert pauses[-1] <= 2.0, "what comes forward a little is no loop without progress"


def test_with_the_connection_a_run_is_void(desk: Desk) -> None:
    desk.downloader.carrier = Bringing({place_name(b"p"): b"a"})
    desk.downloader.offered(Offer(7, 1, 1))
    come_back = desk.work()
    desk.downloader.reset()
    come_back()
    assert desk.said == []
    assert desk.staged.find(b"p", file_state(b"a")) is None
    desk.downloader.clear()
    assert list(desk.staging.iterdir()) == []
