"""Contents that a run has brought and nobody has placed yet. The server delivers every one of them; what is delivered, leaves."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from fwrkit.agent.files.flat import empty, place_name


class Staged:
    """Verified contents, one flat directory for each run that brought some: the next run's Unison must not meet them.

    ``lack`` says why what the last run did not bring is not here.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._places: dict[str, tuple[bytes, Path]] = {}
        self._left: dict[Path, int] = {}  # contents that a directory still holds
        self._serial = 0
        self.lack = ""

    def add(self, staging: Path, arrived: dict[str, bytes]) -> None:
        """Take over what arrived in ``staging``, name to SHA-256; an empty directory is left in its place. Raise OSError."""
        self._serial += 1
        place = self._directory / str(self._serial)
        os.rename(staging, place)
        staging.mkdir(mode=0o700)
        self._left[place] = 0
        for name, state in arrived.items():
            self._forget(name)
            self._places[name] = (state, place)
            self._left[place] += 1
        self._let_go(place)

    def find(self, path: bytes, state: bytes) -> Path | None:
        """Return where a content for a path lies, None if it does not."""
        name = place_name(path)
        found, place = self._places.get(name, (None, self._directory))
        return place / name if found == state and (place / name).exists() else None

    def drop(self, path: bytes) -> None:
        """What came for a path has been delivered, or will not be."""
        self._forget(place_name(path))

    def clear(self) -> None:
        """Remove everything: it is delivered anew."""
        self._places.clear()
        self._left.clear()
        empty(self._directory)

    def _forget(self, name: str) -> None:
        _, place = self._places.pop(name, (b"", None))
        if place is not None:
            (place / name).unlink(missing_ok=True)
            self._left[place] -= 1
            self._let_go(place)

    def _let_go(self, place: Path) -> None:
        """Remove a directory that nothing is taken from any more; what an interrupted transfer left in it goes too."""
        if self._left[place] == 0:
            del self._left[place]
            shutil.rmtree(place, ignore_errors=True)
