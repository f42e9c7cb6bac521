"""`fwrkit audit`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli import moments
from fwrkit.host.cli.context import Json, ThroughNode, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import audit as verb

EPILOG = "Examples: fwrkit audit · fwrkit audit --verify --node alice"
_SHOWN = 50  # lines, unless all are wanted


def audit(
    verify: Annotated[bool, typer.Option("--verify", help="Only say whether the log is whole, by the exit status too.")] = False,
    everything: Annotated[bool, typer.Option("--all", help=f"The whole log, not its last {_SHOWN} lines.")] = False,
    node: ThroughNode = None,
    json: Json = False,
) -> None:
    """Show who was admitted and banned, what was refused, and what officials decided. Every citizen can read it, offline too."""
    machine, out = begin(json)
    result = verb.audit(machine, node)
    out.result("audit", result, lambda: _show(out, result, verify, everything))
    verb.check(result)


def _show(out: Output, log: verb.AuditLog, verify: bool, everything: bool) -> None:
    if not verify:
        shown = log.entries if everything else log.entries[-_SHOWN:]
        rows = [[moments.second(each.time), each.actor, each.event, each.subject, _words(each)] for each in shown]
        out.table(["WHEN (UTC)", "WHO", "DID", "TO", ""], rows)
    if not log.fault:
        out.line(f"The log is whole: {len(log.entries)} lines, the last one {log.head[:16]}.")


def _words(each: verb.AuditEntry) -> str:
    return ", ".join(f"{name}: {value}" for name, value in each.details.items())
