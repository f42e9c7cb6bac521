"""Settings of an agent, from its environment. Sizes in bytes, times in seconds."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fwrkit.core.errors import ExitCode, FwrError


@dataclass(frozen=True)
class Settings:
    """What may be tuned with ``FWRKIT_SETTINGS`` (a JSON object of these names)."""

    inline_limit: int = 1024 * 1024  # content above it goes by a run instead of the stream
    batch_count: int = 500  # changes at once above it go by a run
    batch_bytes: int = 8 * 1024 * 1024
    run_count: int = 2000  # deliveries that are due at once above it are shared between stream and runs, each of so many files
    settle_quiet: float = 0.004
    settle_limit: float = 0.04
    history_quiet: float = 0.5
    history_limit: float = 2.0
    large_limit: int = 10 * 1024 * 1024  # files above it go into the history as large objects
    large_retention: float = 90 * 86400.0  # for which a large file's content is kept after nobody has it any more
    concurrent_runs: int = 3
    run_patience: float = 60.0  # seconds for which one of them keeps others waiting
    run_limit_bytes: int = 64 * 1024**3  # what one run may bring, and what one file of it may have
    account_processes: int = 32  # of one citizen's account; a node that works needs six
    account_memory: int = 1024**3
    walk_every: float = 900.0  # the slow timer: events are hints
    server_patience: float = (
        60.0  # for which the server has to be out of reach until a client turns to a peer; three times as long it may say nothing
    )
    certificate_life: int = 90 * 86400  # seconds that a citizen's certificate is valid; it renews itself daily while there is a connection
    authority_overlap: int = 30 * 86400  # seconds for which the authority's old and new key are valid together
    behind_quiet: float = (
        10.0  # a server that was put back to an older copy hears who else comes within this time after the first, if one has more;
    )
    behind_patience: float = 120.0  # if none has, it waits so long for one who has;
    behind_limit: float = 600.0  # for the first of all, so long;
    behind_bytes: int = 4 * 1024**3  # and it takes no larger a pack
    guard_files: int = 50  # a citizen who deletes more files than that,
    guard_share: float = 0.25  # and more than this share of the world's,
    guard_window: float = 60.0  # within this time, is held;
    guard_emptied: int = 2  # and so is who deletes the last files of a world, so many or more


@dataclass(frozen=True)
class Node:
    """Who this agent is."""

    role: str
    name: str
    node_id: str
    citizen: str
    template: str
    world_name: str
    owner: tuple[int, int]
    settings: Settings
    address: tuple[str, int] | None = None  # where other machines reach a server


@dataclass(frozen=True)
class Places:
    """Where things are in a container; tests put them elsewhere."""

    volume: Path = Path("/srv/fwr")
    state: Path = Path("/var/lib/fwrkit")
    keys: Path = Path("/etc/fwrkit/keys")
    run: Path = Path("/run/fwrkit")
    templates: Path = Path("/usr/share/fwrkit/templates")

    @property
    def world(self) -> Path:
        """The world itself."""
        return self.volume / "world"

    @property
    def private(self) -> Path:
        """The agent's own directory on the world's filesystem."""
        return self.volume / "private"

    @property
    def control(self) -> Path:
        """The socket of ``fwrkit-agent VERB``."""
        return self.run / "control.sock"

    @property
    def stream(self) -> Path:
        """The socket that the gate joins a citizen's channel to."""
        return self.run / "stream.sock"

    @property
    def asking(self) -> Path:
        """The socket that the gate joins what a citizen asks for to."""
        return self.run / "asking.sock"

    @property
    def enrol(self) -> Path:
        """The socket that the gate passes enrolments to."""
        return self.run / "enrol.sock"


def from_environment(environment: Mapping[str, str] = os.environ) -> Node:
    """Given an environment, return who the agent is. Raise FwrError (USAGE) if something is missing or malformed."""
    try:
        settings = Settings(**_known(json.loads(environment.get("FWRKIT_SETTINGS") or "{}")))
        return Node(
            role=environment["FWRKIT_ROLE"],
            name=environment["FWRKIT_NODE"],
            node_id=environment["FWRKIT_NODE_ID"],
            citizen=environment.get("FWRKIT_CITIZEN", ""),
            template=environment.get("FWRKIT_TEMPLATE", "static"),
            world_name=environment.get("FWRKIT_WORLD_NAME", "") or environment["FWRKIT_NODE"],
            owner=(int(environment.get("FWRKIT_WORLD_UID", "2011")), int(environment.get("FWRKIT_WORLD_GID", "2011"))),
            settings=settings,
            address=_address(environment.get("FWRKIT_ADDRESS", "")),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise FwrError(ExitCode.USAGE, f"The agent's environment is not complete: {error}.", "Start it by its compose file.") from error


def _address(text: str) -> tuple[str, int] | None:
    host, _, port = text.rpartition(":")
    return (host, int(port)) if host else None


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    names = {item.name for item in dataclasses.fields(Settings)}
    unknown = set(values) - names
    if unknown:
        raise ValueError(f"unknown settings {sorted(unknown)}")
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int if isinstance(getattr(Settings, name), int) else int | float):
            raise TypeError(f"{name} is no number")
    return dict(values)
