"""What was announced survives a power cut at any moment, on the server's side, on the clients', or on both."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.power.disk import Disk, why_not
from tests.unit.agent.house import wait_until

CUTS = 12 if os.environ.get("FWRKIT_NIGHTLY") else 3  # of one process at work, for each seed
SEEDS = range(8 if os.environ.get("FWRKIT_NIGHTLY") else 1)

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


class Work:
    """The process at work, and what it has said so far."""

    def __init__(self, server: Disk, clients: Disk, seed: int) -> None:
        words = [sys.executable, "-m", "tests.power.work", str(server.place), str(clients.place), str(seed)]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True)
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._said = b""
        wait_until(lambda: any(item["kind"] == "begun" for item in self.said()), "it is at work", 60)

    def said(self) -> list[dict[str, Any]]:
        """Return everything that was said so far."""
        assert self._process.stdout is not None
        while chunk := self._process.stdout.read(1 << 20):
            self._said += chunk
        return [json.loads(line) for line in self._said.split(b"\n")[:-1]]

    @contextmanager
    def standing_still(self) -> Iterator[list[dict[str, Any]]]:
        """Stop the process for the time of a block; what it has begun to write is written."""
        os.kill(self._process.pid, signal.SIGSTOP)
        wait_until(self._is_stopped, "every thread stands still")
        try:
            yield self.said()
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def _is_stopped(self) -> bool:
        tasks = Path(f"/proc/{self._process.pid}/task")
        try:
            return all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in tasks.iterdir())
        except (FileNotFoundError, ProcessLookupError):  # one has ended in this very moment
            return False

    def go_on(self, seconds: float) -> None:
        """Let it work for some seconds, and in any case until something was said."""
        known = len(self.said())
        time.sleep(seconds)
        wait_until(lambda: len(self.said()) > known + 5, "something is going on", 60)

    def kill(self) -> None:
        """End it without a word."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def check(server: Disk, clients: Disk, said: list[dict[str, Any]]) -> None:
    """Have a server and clients started from what is left, by a process that lets go of the disks when it ends."""
    words = [sys.executable, "-m", "tests.power.check", str(server.place), str(clients.place)]
    done = subprocess.run(words, input=json.dumps(said).encode(), capture_output=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr.decode()[-4000:]


@pytest.mark.parametrize("seed", SEEDS)
def test_both_sides_lose_their_power_at_the_same_moment(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    disks = [Disk.fresh(tmp_path, name) for name in ("server", "clients")]
    work = Work(disks[0], disks[1], seed)
    cuts = []
    try:
        for number in range(CUTS):
            work.go_on(chance.uniform(0.2, 1.5))
            with work.standing_still() as said:
                cuts.append(([disk.cut(tmp_path, f"{disk.place.name}-{number}") for disk in disks], said))
    finally:
        work.kill()
        for disk in disks:
            disk.unmount()
    assert len(cuts[-1][1]) > len(cuts[0][1]) > 5, "something was going on"
    for left, said in cuts:
        for disk in left:
            disk.mount()
        try:
            check(left[0], left[1], said)
        finally:
            for disk in left:
                disk.unmount()


@pytest.mark.parametrize("side", ["server", "clients"])
@pytest.mark.parametrize("seed", SEEDS)
def test_one_side_loses_its_power(tmp_path: Path, side: str, seed: int) -> None:
    disks = {name: Disk.fresh(tmp_path, name) for name in ("server", "clients")}
    work = Work(disks["server"], disks["clients"], 1000 + seed)
    mounted = list(disks.values())
    try:
        work.go_on(random.Random(seed).uniform(0.5, 2))
        os.kill(work._process.pid, signal.SIGSTOP)
        wait_until(work._is_stopped, "every thread stands still")
        said = work.said()
        cut = disks[side].cut(tmp_path, f"{side}-cut")
        work.kill()
        cut.mount()
        mounted.append(cut)
        left = {**disks, side: cut}
        check(left["server"], left["clients"], said)
    finally:
        work.kill()
        for disk in mounted:
            disk.unmount()
