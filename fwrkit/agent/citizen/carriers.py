"""How bulk content travels between a citizen's private directory and their landing places at the server."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Protocol

from fwrkit.agent.files.flat import empty


class Carrier(Protocol):
    """Brings whole directories. What arrived is hashed afterwards: a carrier may fail in any way and at any moment."""

    def send(self, outgoing: Path) -> None:
        """Bring everything in ``outgoing`` to the citizen's replica. Raise OSError or FwrError if it can not be."""

    def fetch(self, run: int, staging: Path) -> None:
        """Bring what the outbox has for a run into ``staging``. Raise OSError or FwrError if it can not be."""

    def stop(self) -> None:
        """End what is going on."""


class LocalCarrier:
    """For the server's own world: the landing places are on this machine, though perhaps on another filesystem."""

    def __init__(self, replica: Path, outbox: Path) -> None:
        self._replica = replica
        self._outbox = outbox

    def send(self, outgoing: Path) -> None:
        """Copy everything into the replica."""
        for item in os.scandir(outgoing):
            target = self._replica / item.name
            target.unlink(missing_ok=True)
            shutil.copyfile(item.path, target, follow_symlinks=False)

    def fetch(self, run: int, staging: Path) -> None:
        """Copy what the outbox has into staging."""
        empty(staging)
        for item in os.scandir(self._outbox / str(run)):
            shutil.copyfile(item.path, staging / item.name, follow_symlinks=False)

    def stop(self) -> None:
        """Copies end by themselves."""
