"""Children that are owned: started again ever more slowly, ended for good, and nobody else's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fwrkit.agent import children
from fwrkit.agent.children import Child, end_processes_at, end_processes_of
from fwrkit.core.commands import Command, start
from fwrkit.core.names import FIRST_UID
from tests.unit.agent.clock import Clock
from tests.unit.agent.house import wait_until

WAIT = 10.0  # seconds


def delays_of(command: Command, count: int) -> list[float]:
    child = Child("test", command)
    clock = Clock(count)
    child._stop = clock
    child.start()
    child._thread.join(WAIT)
    assert not child._thread.is_alive()
    return clock.delays


@pytest.mark.parametrize("argv", [["true"], ["false"], ["/does/not/exist"]])
def test_what_ends_is_started_again_with_a_growing_delay(argv: list[str]) -> None:
    delays = delays_of(Command(argv), 9)
    assert 0 < delays[0] <= 1.0
    assert all(later == min(2 * earlier, 30.0) for earlier, later in pairwise(delays))
    assert delays[-1] == 30.0


def test_after_a_long_life_the_delay_is_short_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    lives = [1.0] * 6 + [100.0] + [1.0]

    def monotonic() -> float:
        now[0] += 0.0 if len(times) % 2 == 0 else lives[len(times) // 2]
        times.append(now[0])
        return now[0]

    times: list[float] = []
    monkeypatch.setattr(children, "time", SimpleNamespace(monotonic=monotonic))
    delays = delays_of(Command(["true"]), 8)
    assert delays[6] < delays[5]
    assert delays[6] < delays[7]


def test_it_runs_and_is_ended_for_good(tmp_path: Path) -> None:
    child = Child("test", Command([sys.executable, "-c", "import time; open('there', 'w').close(); time.sleep(60)"], cwd=str(tmp_path)))
    states = [child.is_running]
    child.start()
    wait_until(lambda: (tmp_path / "there").exists(), "it runs")
    states.append(child.is_running)
    began = time.monotonic()
    child.stop()
    states.append(child.is_running)
    assert states == [False, True, False]
    assert time.monotonic() - began < WAIT


def test_a_signal_reaches_it_and_one_that_ended_by_itself_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "_FIRST_DELAY", 0.01)
    script = "import os, time; open(str(os.getpid()), 'w').close(); time.sleep(60)"
    child = Child("test", Command([sys.executable, "-c", script], cwd=str(tmp_path)))
    child.start()
    wait_until(lambda: len(list(tmp_path.iterdir())) == 1, "it runs")
    child.signal(signal.SIGKILL)
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2, "it runs again")
    child.stop()
    child.signal(signal.SIGKILL)


@pytest.mark.parametrize("how", ["signal", "stop"])
def test_a_signal_reaches_it_while_it_is_being_started(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started, known = threading.Event(), threading.Event()

    def slowly(*words: Any, **options: Any) -> Any:
        process = really(*words, **options)
        started.set()
        known.wait(WAIT)  # it runs, and nobody has been told yet
        return process

    really = start
    monkeypatch.setattr(children, "start", slowly)
    child = Child("test", Command(["sleep", "60"], cwd=str(tmp_path)))
    child.start()
    assert started.wait(WAIT)
    ending = threading.Thread(target=child.stop if how == "stop" else lambda: child.signal(signal.SIGKILL), daemon=True)
    ending.start()
    ending.join(0.1)
    known.set()
    ending.join(WAIT)
    process = child._process
    assert process is not None and process.wait(WAIT) == (-signal.SIGTERM if how == "stop" else -signal.SIGKILL)
    child.stop()


def sleeper(uid: int | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"], user=uid, extra_groups=[] if uid is not None else None)


@pytest.mark.parametrize("uid", [os.geteuid(), 0, FIRST_UID - 1])
def test_nobody_but_a_citizen_s_processes_are_ended(uid: int) -> None:
    mine = sleeper()
    end_processes_of(uid)
    if uid in (os.geteuid(), 0):
        end_processes_at(uid)
    assert mine.poll() is None
    mine.kill()
    mine.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has processes of others")
def test_of_a_citizen_s_processes_all_or_one_program_s() -> None:
    other, stays, goes = sleeper(FIRST_UID + 50_001), sleeper(FIRST_UID + 50_000), sleeper(FIRST_UID + 50_000)
    try:
        end_processes_of(FIRST_UID + 50_000, "unison")
        assert [process.poll() for process in (other, stays, goes)] == [None] * 3
        stays.kill()
        stays.wait()
        end_processes_of(FIRST_UID + 50_000, "sle")
        assert goes.wait(WAIT) == -signal.SIGKILL
        assert other.poll() is None
        again = sleeper(FIRST_UID + 50_000)
        end_processes_of(FIRST_UID + 50_000)
        assert again.wait(WAIT) == -signal.SIGKILL
        at_a_door = sleeper(FIRST_UID - 50)
        end_processes_at(FIRST_UID - 50)
        assert at_a_door.wait(WAIT) == -signal.SIGKILL
    finally:
        for process in (other, stays, goes):
            process.kill()
            process.wait()
