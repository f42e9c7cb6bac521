"""`fwrkit ban`."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from fwrkit.host.cli import moments
from fwrkit.host.cli.context import CitizenName, Json, ThroughNode, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import citizens as verb

EPILOG = 'Examples: fwrkit ban mallory --reason "deleted the archive" · fwrkit ban mallory --reason spam --until 7d'


def ban(
    citizen: CitizenName,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why. Every citizen can read it.")],
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="A day, a time (UTC), or a span like 7d (default: for good).")] = None,
    node: ThroughNode = None,
    json: Json = False,
) -> None:
    """Let a citizen in no more: their connection ends within a second. Officials only; `fwrkit unban` ends it."""
    machine, out = begin(json)
    moment = moments.parse(until, time.time(), is_ahead=True) if until is not None else None
    result = verb.ban(machine, citizen, reason, moment, node)
    out.result("ban", result, lambda: _show(out, result))


def _show(out: Output, result: verb.Banned) -> None:
    until = f" until {moments.shown(result.until)}" if result.until else ""
    out.line(f"{result.name} is banned{until or ' for good'}.")
    out.line(f"What they wrote stays. To see what could be taken back: fwrkit revert --by {result.name} --since 1d --dry-run")
