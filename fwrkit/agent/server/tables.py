"""The server's database file: opened if it is whole, else the last copy, with what the history has had since."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from fwrkit.agent.files import database
from fwrkit.agent.server.history import History
from fwrkit.agent.server.store import Store
from fwrkit.agent.states import ABSENT, is_file
from fwrkit.core.errors import ExitCode, FwrError

log = logging.getLogger("fwrkit.tables")

NAME, COPY = "hub.sqlite", "hub.sqlite.copy"
_LOOK = 5.0  # seconds between two looks whether the roll has changed
_EVERY = 3600.0  # seconds after which a copy is made in any case


def repair(state: Path) -> str:
    """See to it that the tables of a state directory can be opened; return what was done, empty if nothing had to be.

    Raise FwrError (FAILED) if they are damaged and so is the copy.
    """
    path, copied = state / NAME, state / COPY
    words = database.fault(path)
    if not words:
        return ""
    if not copied.exists() or database.fault(copied):
        hint = "Restore a backup of the state volume; the clients bring what is newer."
        raise FwrError(ExitCode.FAILED, f"The server's tables are damaged ({words}), and there is no good copy of them.", hint)
    place = database.set_aside(path)
    database.copy(copied, path)
    made = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(copied.stat().st_mtime))
    return f"The tables were damaged ({words}) and are those of {made} UTC again; what is missing comes from the history and the clients ({place.name})."


def adopt(store: Store, history: History) -> list[bytes]:
    """After tables were taken from a copy: make the canon's index what the history's newest commit has; return the paths that moved.

    Nothing that a citizen's machine was known to hold is known any more: everything is compared at the next contact. What was deleted
    just before the damage may be there again.
    """
    newest = history.files(store.states_by_oid())
    moved = []
    with store.transaction():
        for citizen in store.citizens():
            store.drop_lags(citizen.id)
            store.update_citizen(citizen.id, is_known=0, generation="", proposed="")
        known = {entry.path: entry.state for entry in store.entries() if is_file(entry.state)}
        for path, file in newest.items():
            if known.get(path) == file.state:
                continue
            author, changed = history.last_change(path, file.oid)
            is_behind = store.has_uncommitted(path)
            version = store.set_head(path, file.state, file.size, changed, author, time.time_ns(), "from the history")
            store.mark_committed([(version, file.oid)])
            if is_behind:  # what the copy knew as not committed yet is committed once more: this goes on top
                store.set_head(path, file.state, file.size, changed, author, time.time_ns(), "from the history")
            moved.append(path)
        for path in sorted(known.keys() - newest.keys()):
            if not store.has_uncommitted(path):
                store.mark_committed([(store.set_head(path, ABSENT, 0, 0, "", time.time_ns(), "from the history"), None)])
                moved.append(path)
    return moved


class Keeper:
    """A thread that copies the tables at the start and at the end, hourly, and soon after the roll has changed.

    ``roll`` tells one roll from the next: who was admitted after the copy would not be let in by it.
    """

    def __init__(self, state: Path, roll: Callable[[], object]) -> None:
        self._state = state
        self._roll = roll
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join(10)

    def _loop(self) -> None:
        copied_at, copied = -_EVERY, None
        is_stopping = False
        while True:
            try:
                roll, now = self._roll(), time.monotonic()
                if is_stopping or roll != copied or now - copied_at >= _EVERY:
                    database.copy(self._state / NAME, self._state / COPY)
                    copied_at, copied = now, roll
            except Exception:
                log.exception("the tables can not be copied")
                with contextlib.suppress(OSError):
                    (self._state / f"{COPY}.part").unlink(missing_ok=True)
            if is_stopping:
                return
            is_stopping = self._stop.wait(_LOOK)
