"""Children that the agent owns: started again with a growing delay when they end."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from fwrkit.core.commands import Command, start
from fwrkit.core.names import FIRST_UID

log = logging.getLogger("fwrkit.children")

_FIRST_DELAY, _LAST_DELAY = 0.5, 30.0  # seconds
_LONG_ENOUGH = 60.0  # seconds after which an end counts as a new misfortune


class Child:
    """One program that should always run."""

    def __init__(self, name: str, command: Command) -> None:
        self.name = name
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()  # who signals while it is being started waits until it is known
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Begin to keep it running."""
        self._thread.start()

    def stop(self) -> None:
        """End it for good."""
        self._stop.set()
        self.signal(signal.SIGTERM)
        self._thread.join(10)

    def signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        with self._starting:
            process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(number)

    @property
    def is_running(self) -> bool:
        """Whether it runs at the moment."""
        process = self._process
        return process is not None and process.poll() is None

    def _loop(self) -> None:
        delay = _FIRST_DELAY
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                with self._starting:
                    if self._stop.is_set():
                        return
                    self._process = start(self._command, stdout=None, stderr=None)
                status = self._process.wait()
                log.log(logging.INFO if self._stop.is_set() else logging.WARNING, "%s ended with status %d", self.name, status)
            except OSError as error:
                log.warning("%s can not be started: %s", self.name, error)
            delay = _FIRST_DELAY if time.monotonic() - began > _LONG_ENOUGH else min(2 * delay, _LAST_DELAY)
            self._stop.wait(delay)


def end_processes_of(uid: int, program: str = "") -> None:
    """End the processes of a citizen's account: all of them, or those whose program's name begins with ``program``.

    Only ever for accounts of citizens: the agent's own uid is none.
    """
    if uid >= FIRST_UID and uid != os.geteuid():
        _end(uid, program)


def end_processes_at(door: int) -> None:
    """End the processes of an account (its uid) that machines open which are no citizen's yet: never root's, nor the agent's own."""
    if door not in (0, os.geteuid()):
        _end(door, "")


def _end(uid: int, program: str) -> None:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                if entry.stat().st_uid == uid and Path(entry.path, "comm").read_text().startswith(program):
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                continue
