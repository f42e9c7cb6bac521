"""Scenarios beside one another: each process has homes that no other one works in, and a test that measures has the machine to itself."""

from __future__ import annotations

import fcntl
import itertools
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fwrkit.host.adapters.ports import PREFERRED_HTTP, PREFERRED_SSH

HOMES = Path(__file__).parents[2] / ".test-homes"


@dataclass(frozen=True)
class Homes:
    """Homes of one process below a directory; ``number`` is nobody else's as long as the process lives."""

    directory: Path
    number: int

    def path(self, machine: str) -> Path:
        """Given which machine a home stands for, return the home's path."""
        return self.directory / f"{self.number}-{machine}"

    def kept(self) -> list[Path]:
        """Return those that are there already: an earlier run left them."""
        return sorted(self.directory.glob(f"{self.number}-*"))


@contextmanager
def claimed(directory: Path) -> Iterator[Homes]:
    """Have the homes of the first number that no process has: the kernel ends the claim of one that dies."""
    for number in itertools.count(1):
        lock = _try(directory, number)
        if lock is not None:
            with lock:
                yield Homes(directory, number)
            return


@contextmanager
def left_behind(directory: Path) -> Iterator[list[Homes]]:
    """Have all homes that no process has: of runs that were ended or ran with more processes. Nobody takes them during the block."""
    with ExitStack() as locks:
        found = []
        for number in sorted({int(path.name.partition("-")[0]) for path in directory.glob("[0-9]*-*")}):
            lock = _try(directory, number)
            if lock is not None:
                locks.enter_context(lock)
                found.append(Homes(directory, number))
        yield found


def _try(directory: Path, number: int) -> IO[str] | None:
    directory.mkdir(exist_ok=True)
    lock = _opened(directory / f"lock.{number}")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _opened(path: Path) -> IO[str]:
    return open(path, "w")  # the kernel's lock lasts as long as the file is open


@contextmanager
def preferred_ports_kept() -> Iterator[None]:
    """Keep the ports that fwrkit gives first to itself: a node that is down would lose such a one to the next new node of another home."""
    with ExitStack() as stack:
        for port in (PREFERRED_HTTP, PREFERRED_SSH):
            kept = stack.enter_context(socket.socket())
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # each process does so, and the others of this run may
            with suppress(OSError):  # somebody works there, who will not be given it again either
                kept.bind(("0.0.0.0", port))
        yield


class Floor:
    """The machine, which tests share unless one says that it is to be alone. Nobody overtakes who waits to be alone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: tuple[IO[str], IO[str]] | None = None
        self._is_alone = False

    def enter(self, *, is_alone: bool) -> None:
        """Return when a test may begin; a process that was alone with its last test, and is to be with this one, has stayed so."""
        if self._is_alone:
            return
        turnstile, floor = self._files()
        fcntl.flock(turnstile, fcntl.LOCK_EX)
        fcntl.flock(floor, fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH)
        fcntl.flock(turnstile, fcntl.LOCK_UN)
        self._is_alone = is_alone

    def leave(self, *, stays_alone: bool) -> None:
        """A test has ended; ``stays_alone`` if the process's next one wants to be alone, too."""
        if self._is_alone and stays_alone:
            return
        fcntl.flock(self._files()[1], fcntl.LOCK_UN)
        self._is_alone = False

    def _files(self) -> tuple[IO[str], IO[str]]:
        if self._open is None:
            self._directory.mkdir(exist_ok=True)
            self._open = _opened(self._directory / "turnstile"), _opened(self._directory / "floor")
        return self._open
