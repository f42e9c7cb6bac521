"""`fwrkit peers`: which nodes serve a world beside its server, and which of them a node follows now."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.core.records import PeerRecord
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import through


@dataclass(frozen=True)
class Peers:
    """The peers as a node knows them, in the order in which it tries them; ``following`` is the name of the one that it follows now, empty: none."""

    node: str
    following: str
    peers: list[PeerRecord]


def peers(machine: Machine, name: str | None) -> Peers:
    """Return what a node knows of its world's peers. Raise FwrError: NOT_FOUND, USAGE, UNREACHABLE (it does not run)."""
    node = machine.running(through.pick(machine, name).name)
    answer = machine.agent(node).peers()
    return Peers(node.name, str(answer["following"]), [PeerRecord.from_json(item) for item in answer["peers"]])
