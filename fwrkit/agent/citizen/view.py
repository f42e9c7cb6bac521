"""What an engine shows of itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from fwrkit.agent.wire.messages import Refusal


@dataclass(frozen=True)
class View:
    """A moment of an engine.

    ``refused``: path to reason. ``left_out``: what stays on this node by a rule, path to reason.
    ``waiting``: paths that are not agreed on yet, and why (empty: on their way). ``coming``: files that a run is bringing.
    ``position``: the server's newest version, as it last said at ``position_at`` (the engine's clock, seconds).
    ``behind_server``: by how many seconds the server's clock is ahead. ``alerts``: sentences about what went wrong or was healed.
    ``reviews``: how many changes wait for an official. ``is_server_back``: the peer at the other end says that the server has everything of it.
    """

    is_connected: bool = False
    is_ready: bool = False
    waiting: dict[bytes, str] = field(default_factory=dict)
    coming: int = 0
    refused: dict[bytes, str] = field(default_factory=dict)
    left_out: dict[bytes, str] = field(default_factory=dict)
    refusal: Refusal | None = None
    world_id: str = ""
    world_name: str = ""
    behind_server: float = 0.0
    alerts: tuple[str, ...] = ()
    reviews: int = 0
    position: int = 0
    position_at: float = 0.0
    is_server_back: bool = False
