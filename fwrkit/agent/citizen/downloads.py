"""A run downwards, seen from the citizen: fetch into staging, look at what came, say so. Deliveries take it up from there, one by one."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fwrkit.agent.backoff import Backoff, Pauses
from fwrkit.agent.citizen.carriers import Carrier
from fwrkit.agent.citizen.staged import Staged
from fwrkit.agent.files.flat import empty
from fwrkit.agent.files.linux import syncfs
from fwrkit.agent.wire.messages import Fetched, Offer

log = logging.getLogger("fwrkit.downloads")

_PAUSES = Pauses(2.0, 120.0)  # after a run that brought nothing: a full disk does not become empty by asking at once again
NO_ROOM, NOT_HERE = "there is no room for it", "its content has not arrived so far"


class Downloader:
    """Fetches what is offered. ``work`` as in :class:`fwrkit.agent.citizen.uploads.Uploader`."""

    def __init__(
        self, staging: Path, staged: Staged, say: Callable[[Any], None], work: Callable[[Callable[[], Callable[[], None]]], None]
    ) -> None:
        self._staging = staging
        self._say = say
        self._work = work
        self._offer: Offer | None = None
        self._staged = staged
        self._failures = Backoff(_PAUSES)
        self._wake = threading.Event()  # ends the pause that there is
        self.carrier: Carrier | None = None

    def reset(self) -> None:
        """The connection ended."""
        self._offer = None
        self._wake.set()

    @property
    def current(self) -> int:
        """The number of the run that is under way, 0 if none is."""
        return self._offer.run if self._offer is not None else 0

    @property
    def coming(self) -> int:
        """How many files it brings."""
        return self._offer.count if self._offer is not None else 0

    def offered(self, offer: Offer) -> None:
        """The outbox is ready."""
        self._offer = offer
        carrier = self.carrier
        self._wake = wake = threading.Event()

        def fetch() -> Callable[[], None]:
            staged: dict[str, bytes] = {}
            lack = NOT_HERE
            self._staging.mkdir(mode=0o700, exist_ok=True)  # a full disk may have kept the last run from leaving an empty one
            has_room = shutil.disk_usage(self._staging).free > offer.size  # what others work with is not filled up in vain
            try:
                if carrier is not None and has_room:
                    carrier.fetch(offer.run, self._staging)
                staged = look_at(self._staging)
            except Exception as error:
                log.warning("a run downwards failed: %s", error)
                lack = f"{NOT_HERE}: {error}"
            if staged:
                self._failures.succeeded()
            if len(staged) < offer.count:
                wake.wait(self._failures.failed())
            return lambda: self._fetched(offer, staged, lack if has_room else NO_ROOM)

        self._work(fetch)

    def _fetched(self, offer: Offer, staged: dict[str, bytes], lack: str) -> None:
        if self._offer is not offer:  # of an earlier connection; another may count its runs alike
            if self._offer is None:
                self.clear()
            return
        self._offer = None
        self._staged.lack = lack
        self._staged.add(self._staging, staged)
        self._say(Fetched(offer.run, len(staged) >= offer.count))

    def clear(self) -> None:
        """Remove what an interrupted run left in staging."""
        empty(self._staging)


def look_at(staging: Path) -> dict[str, bytes]:
    """Return the regular files of staging, name to SHA-256; they are on disk when this returns."""
    staged = {}
    for item in os.scandir(staging):
        if item.is_file(follow_symlinks=False):
            with Path(item.path).open("rb") as file:
                staged[item.name] = hashlib.file_digest(file, "sha256").digest()
    fd = os.open(staging, os.O_RDONLY | os.O_DIRECTORY)
    try:
        syncfs(fd)
    finally:
        os.close(fd)
    return staged
