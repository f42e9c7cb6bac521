"""`fwrkit audit`: what was done to the rules and the citizens of a world, and whether the log of it is whole."""

from __future__ import annotations

from dataclasses import dataclass, field

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import through


@dataclass(frozen=True)
class AuditEntry:
    """One line of the log: who did what to whom, when (Unix seconds), and words about it."""

    number: int
    time: int
    actor: str
    event: str
    subject: str
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditLog:
    """The log as a node has it. ``fault`` says what is wrong with its chain, empty if nothing; ``head`` is the hash of its last line."""

    entries: list[AuditEntry]
    head: str
    fault: str


def audit(machine: Machine, node: str | None) -> AuditLog:
    """Return the audit log of a node's copy of the world. Raise FwrError: NOT_FOUND, UNREACHABLE."""
    answer = through.agent(machine, node).audit()
    entries = [
        AuditEntry(int(each["number"]), int(each["time"]), each["actor"], each["event"], each["subject"], dict(each["details"]))
        for each in answer["entries"]
    ]
    return AuditLog(entries, str(answer["head"]), str(answer["fault"]))


def check(log: AuditLog) -> None:
    """Raise FwrError (FAILED) if the log's chain is not whole."""
    if log.fault:
        hint = "Somebody has rewritten it. Compare with other citizens' copies: fwrkit audit --verify on their nodes; fwrkit log .fwr/audit"
        raise FwrError(ExitCode.FAILED, log.fault, hint)
