"""What keeps scenarios of several processes apart: the kernel's locks, which belong to an open file, so that threads show what processes do."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.integration.beside import Floor, claimed, left_behind
from tests.unit.agent.house import wait_until

_DIES = """
import os, signal, sys
from pathlib import Path
from tests.integration.beside import claimed
with claimed(Path(sys.argv[1])) as homes:
    homes.path("here").mkdir()
    print(homes.number, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_each_process_has_homes_of_its_own(tmp_path: Path) -> None:
    with claimed(tmp_path) as first, claimed(tmp_path) as second:
        assert {first.path("here"), first.path("elsewhere")}.isdisjoint({second.path("here"), second.path("elsewhere")})
    with claimed(tmp_path) as again:
        assert again == first


def test_what_others_work_in_is_not_left_behind(tmp_path: Path) -> None:
    with claimed(tmp_path) as mine, claimed(tmp_path) as other:
        for homes in (mine, other):
            homes.path("here").mkdir()
        with left_behind(tmp_path) as left:
            assert left == []
    with claimed(tmp_path), left_behind(tmp_path) as left:
        assert left == [other]
        assert other.kept() == [other.path("here")]


def test_the_claim_of_one_that_was_killed_is_over(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _DIES, tmp_path], capture_output=True, check=False)
    assert done.stdout == b"1\n"
    with left_behind(tmp_path) as left:
        assert [homes.number for homes in left] == [1]
        with claimed(tmp_path) as mine:
            assert mine.number == 2, "nobody takes a home while it is being cleared"


def test_two_go_on_at_a_time(tmp_path: Path) -> None:
    one, two = Floor(tmp_path), Floor(tmp_path)
    one.enter(is_alone=False)
    two.enter(is_alone=False)
    one.leave(stays_alone=False)
    two.leave(stays_alone=False)


def is_taken(lock: Path) -> bool:
    """Say whether somebody has a lock."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_who_is_to_be_alone_waits_for_the_others_and_is_not_overtaken(tmp_path: Path) -> None:
    floors = [Floor(tmp_path) for _ in range(3)]
    said: list[str] = []

    def enter(floor: Floor, word: str, *, is_alone: bool) -> None:
        floor.enter(is_alone=is_alone)
        said.append(word)

    waiting = [
        threading.Thread(target=enter, args=(floors[1], "alone"), kwargs={"is_alone": True}, daemon=True),
        threading.Thread(target=enter, args=(floors[2], "late"), kwargs={"is_alone": False}, daemon=True),
    ]
    floors[0].enter(is_alone=False)
    waiting[0].start()
    wait_until(lambda: is_taken(tmp_path / "turnstile"), "the one who is to be alone stands there first")
    waiting[1].start()
    time.sleep(0.2)
    assert said == []
    floors[0].leave(stays_alone=False)
    waiting[0].join(15)
    time.sleep(0.2)
    assert said == ["alone"]
    floors[1].leave(stays_alone=True)
    floors[1].enter(is_alone=True)
    time.sleep(0.2)
    assert said == ["alone"], "from one test to the next it stays alone"
    floors[1].leave(stays_alone=False)
    waiting[1].join(15)
    assert said == ["alone", "late"]
