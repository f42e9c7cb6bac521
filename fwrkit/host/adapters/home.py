"""Where fwrkit keeps its nodes on this machine, and the names that derive from that place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_ID_LENGTH = 6  # hex digits of the path's hash: enough to keep a few checkouts apart, short enough to read


@dataclass(frozen=True)
class Home:
    """One directory with nodes; two homes on one machine never meet."""

    path: Path

    @property
    def identity(self) -> str:
        """Six hex digits that stand for this home in names of projects, networks and volumes."""
        return hashlib.sha256(os.fsencode(os.path.realpath(self.path))).hexdigest()[:_ID_LENGTH]

    @property
    def nodes(self) -> Path:
        """The directory with one directory a node."""
        return self.path / "nodes"

    def project(self, node: str) -> str:
        """Given a node's name, return its compose project."""
        return f"fwrkit-{self.identity}-{node}"

    def container(self, node: str, service: str) -> str:
        """Given a node's name and one of its services, return the container's name."""
        return f"{self.project(node)}-{service}"

    def volume(self, node: str, key: str) -> str:
        """Given a node's name and ``world``, ``state`` or ``keys``, return the volume's name."""
        return f"{self.project(node)}_{key}"

    def network(self, node: str, key: str) -> str:
        """Given a node's name and ``uplink`` or ``site``, return the network's name."""
        return f"{self.project(node)}_{key}"


def find_home(environment: Mapping[str, str]) -> Home:
    """Given the environment, return ``$FWRKIT_HOME`` or the XDG data directory's ``fwrkit``."""
    chosen = environment.get("FWRKIT_HOME")
    if chosen:
        return Home(Path(chosen).absolute())
    data = environment.get("XDG_DATA_HOME")
    base = Path(data) if data and os.path.isabs(data) else Path(environment.get("HOME", "~")).expanduser() / ".local/share"
    return Home(base / "fwrkit")
