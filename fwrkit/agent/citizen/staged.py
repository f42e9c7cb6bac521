"""Contents that a run has brought and nobody has placed yet. The server delivers every one of them; what is delivered, leaves."""

from __future__ import annotations

import os
from pathlib import Path

from fwrkit.agent.files.flat import empty, place_name


class Staged:
    """A flat directory of verified contents. It is no run's own: the next run's Unison may empty staging meanwhile.

    ``lack`` says why what the last run did not bring is not here.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._states: dict[str, bytes] = {}
        self.lack = ""

    def add(self, staging: Path, arrived: dict[str, bytes]) -> None:
        """Move what arrived in ``staging`` here: name to SHA-256. Raise OSError."""
        for name, state in arrived.items():
            os.rename(staging / name, self._directory / name)
            self._states[name] = state

    def find(self, path: bytes, state: bytes) -> Path | None:
        """Return where a content for a path lies, None if it does not."""
        name = place_name(path)
        place = self._directory / name
        return place if self._states.get(name) == state and place.exists() else None

    def drop(self, path: bytes) -> None:
        """What came for a path has been delivered, or will not be."""
        name = place_name(path)
        if self._states.pop(name, None) is not None:
            (self._directory / name).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove everything: it is delivered anew."""
        self._states.clear()
        empty(self._directory)
