"""`fwrkit approve CITIZEN` and `fwrkit reject CITIZEN`: what becomes of what the deletion guard holds."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import servers

APPROVE, REJECT = "approve", "reject"


@dataclass(frozen=True)
class Decided:
    """What was decided, on how many deletions among how many files."""

    citizen: str
    ruling: str
    deleted: int
    files: int


def decide(machine: Machine, citizen: str, ruling: str, server: str | None = None) -> Decided:
    """Given a citizen and ``approve`` or ``reject``, decide at the server (the only one here unless named).

    Raise FwrError: NOT_FOUND if nothing of the citizen is held, UNREACHABLE if the server does not run.
    """
    node = servers.pick(machine, server)
    answer = machine.agent(machine.running(node.name)).decide(ruling, citizen)
    return Decided(citizen, ruling, int(answer["deleted"]), int(answer["files"]))
