"""What one citizen's account may take of the server's machine. Whoever takes more has their processes ended, and their connection.

Most of it the gate bounds already (limits of the kernel); what these do not know is how much a replica holds, and how many connections
an account has opened. A replica may grow by what the run that is under way announced, by nearly nothing otherwise.

The doors, accounts that machines open which are no citizen's yet, are looked at too: sshd counts nobody whom it has let in, and any key opens one of them.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from fwrkit.agent.children import end_processes_at, end_processes_of
from fwrkit.agent.files.flat import empty
from fwrkit.agent.server.room import room
from fwrkit.agent.settings import Settings
from fwrkit.core.names import FIRST_UID

log = logging.getLogger("fwrkit.warden")

_PAUSE = 1.0  # seconds between two looks
_SHARE, _LONGEST = 10, 3.0  # counting what lies in replicas takes one part of the time at most; but seconds that it can wait
_SPARE_BYTES = 64 * 1024**2  # beside what was announced: Unison's own files, a part that is sent twice
_SPARE_FILES = 2000
_ROUNDED_UP = 64 * 1024  # bytes that a filesystem may occupy for a file beyond its length
_AT_A_DOOR = 100  # processes of all who are at one: they come, say one line and go. sshd has as many again for them
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LANDINGS = ("replicas", "accounts")


@dataclass
class Usage:
    """What the processes of an account take. ``memory`` in bytes; ``writes``: whether one of them can write into the landing places."""

    processes: int = 0
    memory: int = 0
    writes: bool = False


class Warden:
    """Looks at the accounts of citizens, and at the ``doors`` (uids), in a thread of its own. ``allowance`` says how many bytes and files a uid's
    run may bring."""

    def __init__(
        self,
        state: Path,
        settings: Settings,
        allowance: Callable[[int], tuple[int, int]],
        on_excess: Callable[[int, str], None],
        doors: Collection[int] = (),
    ) -> None:
        self._state = state
        self._doors = frozenset(doors)
        self._settings = settings
        self._allowance = allowance
        self._on_excess = on_excess
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="warden", daemon=True)
        self._wrote: set[int] = set()
        self._changed: dict[Path, int] = {}  # when landing places changed last
        self._due = 0.0  # when replicas are counted again, on the monotonic clock

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def _loop(self) -> None:
        while not self._stop.wait(_PAUSE):
            try:
                self.look(usage_by_account(self._doors))
            except Exception:
                log.exception("looking at the accounts failed")

    def look(self, usages: dict[int, Usage]) -> None:
        """End what is too much. Given what the accounts take at the moment, by uid."""
        began = time.monotonic()
        usages = {uid: usage for uid, usage in usages.items() if not self._is_door(uid, usage)}
        places = self._places()
        self._wrote |= {uid for uid, usage in usages.items() if usage.writes} | self._changed_since(places)
        counted = self._wrote if began >= self._due else set()
        for uid in usages.keys() | counted:
            reason = self._excess(uid, usages.get(uid, Usage()), places.get(uid, []) if uid in counted else [])
            if reason:
                log.warning("uid %d is ended: %s", uid, reason)
                end_processes_of(uid)
                self._on_excess(uid, reason)
        if counted:  # those that have ended were looked at once more, for what they left
            self._wrote = {uid for uid, usage in usages.items() if usage.writes}
            now = time.monotonic()
            self._due = now + min(_LONGEST, _SHARE * (now - began))

    def _is_door(self, uid: int, usage: Usage) -> bool:
        """Say whether a uid is a door's. Where there is a crowd, all are sent away: nobody knows there who is who, and who means it tries again."""
        if uid in self._doors and usage.processes > _AT_A_DOOR:
            log.warning("a door (uid %d) is cleared: %d processes", uid, usage.processes)
            end_processes_at(uid)
        return uid in self._doors

    def _places(self) -> dict[int, list[Path]]:
        """Return the landing places by the uid that may write there."""
        found: dict[int, list[Path]] = {}
        for kind in _LANDINGS:
            for place in (self._state / kind).iterdir():
                found.setdefault(place.stat().st_uid, []).append(place)
        return found

    def _changed_since(self, places: dict[int, list[Path]]) -> set[int]:
        """Return in whose places something came or went since this was asked last: a program may have ended before anybody saw it."""
        before, self._changed = self._changed, {place: place.stat().st_mtime_ns for each in places.values() for place in each}
        return {uid for uid, each in places.items() if any(before.get(place) != self._changed[place] for place in each)}

    def _excess(self, uid: int, usage: Usage, places: list[Path]) -> str:
        if usage.processes > self._settings.account_processes:
            return f"{usage.processes} processes of one citizen"
        if usage.memory > self._settings.account_memory:
            return f"the programs of one citizen take {usage.memory >> 20} MiB of memory"
        if not places:
            return ""
        size, count = self._allowance(uid)
        size, count = size + size // 8 + _SPARE_BYTES, 2 * count + _SPARE_FILES
        found_size, found_count = measure(places, uid, size, count)
        is_full = found_size > _SPARE_BYTES and room(self._state) < 0
        if found_size <= size and found_count <= count and not is_full:
            return ""
        end_processes_of(uid)
        for place in places:
            empty(place)
        return "a run brings more than it announced" if not is_full else "the disk is full"


def usage_by_account(doors: Collection[int] = ()) -> dict[int, Usage]:
    """Return what the processes of citizens' accounts take, and those at the doors, by uid."""
    found: dict[int, Usage] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            uid = entry.stat().st_uid
            if uid < FIRST_UID and uid not in doors:
                continue
            resident, shared = (int(word) for word in Path(entry.path, "statm").read_text().split()[1:3])
            program = Path(entry.path, "comm").read_text()
        except (OSError, ValueError):
            continue
        usage = found.setdefault(uid, Usage())
        usage.processes += 1
        usage.memory += (resident - shared) * _PAGE  # without files that are mapped
        usage.writes = usage.writes or not program.startswith(("sshd", "socat"))
    return found


def footprint(status: os.stat_result) -> int:
    """Return how many bytes a file takes: its length, as a run announces it, or what it occupies where that is clearly more or less.

    A filesystem rounds each file up to a block (and XFS allocates ahead while a file grows). A run can not announce that, and files are counted besides.
    """
    occupied = status.st_blocks * 512
    return max(min(status.st_size, occupied), occupied - _ROUNDED_UP)


def measure(places: list[Path], uid: int, most_bytes: int, most_files: int) -> tuple[int, int]:
    """Return how many bytes and entries of a uid's own lie in directories; counting ends where it is too much already.

    The bytes are those of :func:`footprint`, as a run announces them.
    """
    size = count = 0
    waiting = [os.fspath(place) for place in places]
    while waiting:
        try:
            entries = os.scandir(waiting.pop())
        except OSError:
            continue  # it is gone by now
        with entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                if status.st_uid != uid:
                    continue  # a link to a file of the canon
                count += 1
                size += footprint(status)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                if size > most_bytes or count > most_files:
                    return size, count
    return size, count
