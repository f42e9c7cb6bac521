"""`fwrkit approve CITIZEN` and `fwrkit reject CITIZEN`: what becomes of what the deletion guard holds."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import through

APPROVE, REJECT = "approve", "reject"


@dataclass(frozen=True)
class Decided:
    """What was decided, on how many deletions among how many files."""

    citizen: str
    ruling: str
    deleted: int
    files: int


def decide(machine: Machine, citizen: str, ruling: str, node: str | None = None) -> Decided:
    """Given a citizen and ``approve`` or ``reject``, decide, through a node of this machine whose citizen is an official.

    Raise FwrError: NOT_FOUND if nothing of the citizen is held, UNREACHABLE, REFUSED if the node's citizen is no official.
    """
    answer = through.agent(machine, node).ask("decide", name=citizen, ruling=ruling)
    return Decided(citizen, ruling, int(answer["deleted"]), int(answer["files"]))
