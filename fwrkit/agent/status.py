"""What the node says of itself: a file for its health check and for people, and a shorter one for the footer of its pages."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fwrkit.agent.files.reasons import BEING_WRITTEN
from fwrkit.core.records import NodeStatus

log = logging.getLogger("fwrkit.status")

STUCK = "some can not go on by themselves: fwrkit status says why"
_EVERY = 1.0  # seconds between two looks
_AT_LEAST = 15.0  # seconds after which an unchanged status is written again: the health check looks at its age


class StatusWriter:
    """Writes ``look()`` whenever it says something new. ``since`` is filled in here."""

    def __init__(self, look: Callable[[], NodeStatus], private: Path, shown: Path) -> None:
        self._look = look
        self._private = private
        self._shown = shown
        self._state = "starting"
        self._since = time.time()
        self._last: NodeStatus | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="status", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Stop writing."""
        self._stop.set()
        self._thread.join(5)

    def now(self) -> NodeStatus:
        """Return the status at this moment."""
        status = self._look()
        if status.state != self._state:
            self._state, self._since = status.state, time.time()
        return replace(status, since=self._since, written=time.time())

    def _loop(self) -> None:
        while not self._stop.is_set():
            try:
                status = self.now()
                last = self._last
                if last is None or replace(status, written=last.written) != last or status.written - last.written > _AT_LEAST:
                    self._write(status)
            except Exception:
                log.exception("the status can not be written")
            self._stop.wait(_EVERY)

    def _write(self, status: NodeStatus) -> None:
        _replace(self._private, status)
        # what every visitor may read: no names, no paths
        stuck = any(note.reason != BEING_WRITTEN for note in status.waiting)
        shown = NodeStatus(
            node=status.node, role=status.role, citizen="", world=status.world, world_id="", state=status.state, since=status.since,
            written=status.written, pending=status.pending, detail=STUCK if stuck else "",
        )  # fmt: skip
        _replace(self._shown, shown)
        self._last = status  # only now: what could not be written is tried again


def _replace(path: Path, status: NodeStatus) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(json.dumps(status.to_json()))
    temporary.chmod(0o644)
    os.replace(temporary, path)
