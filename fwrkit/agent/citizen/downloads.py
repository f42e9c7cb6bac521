"""A run downwards, seen from the citizen: fetch into staging, look at what came, say so. Deliveries take it up from there, one by one."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fwrkit.agent.citizen.carriers import Carrier
from fwrkit.agent.citizen.staged import Staged
from fwrkit.agent.files.flat import empty
from fwrkit.agent.files.linux import syncfs
from fwrkit.agent.wire.messages import Fetched, Offer

log = logging.getLogger("fwrkit.downloads")

_PAUSE_AFTER_FAILURE = 2.0  # seconds: a full disk does not become empty by asking at once again


class Downloader:
    """Fetches what is offered. ``work`` as in :class:`fwrkit.agent.citizen.uploads.Uploader`."""

    def __init__(
        self, staging: Path, staged: Staged, say: Callable[[Any], None], work: Callable[[Callable[[], Callable[[], None]]], None]
    ) -> None:
        self._staging = staging
        self._say = say
        self._work = work
        self.current = 0
        self._staged = staged
        self.carrier: Carrier | None = None

    def reset(self) -> None:
        """The connection ended."""
        self.current = 0

    def offered(self, offer: Offer) -> None:
        """The outbox is ready."""
        self.current = offer.run
        carrier = self.carrier

        def fetch() -> Callable[[], None]:
            staged: dict[str, bytes] = {}
            try:
                if carrier is not None:
                    carrier.fetch(offer.run, self._staging)
                staged = look_at(self._staging)
            except Exception as error:
                log.warning("a run downwards failed: %s", error)
            if len(staged) < offer.count:
                time.sleep(_PAUSE_AFTER_FAILURE)
            return lambda: self._fetched(offer, staged)

        self._work(fetch)

    def _fetched(self, offer: Offer, staged: dict[str, bytes]) -> None:
        if self.current != offer.run:
            return
        self.current = 0
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
