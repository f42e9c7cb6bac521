"""`fwrkit unban`."""

from __future__ import annotations

from fwrkit.host.cli.context import CitizenName, Json, ThroughNode, begin
from fwrkit.host.verbs import citizens as verb

EPILOG = "Example: fwrkit unban mallory"


def unban(citizen: CitizenName, node: ThroughNode = None, json: Json = False) -> None:
    """End a ban. Officials only."""
    machine, out = begin(json)
    result = verb.unban(machine, citizen, node)
    out.result("unban", result, lambda: out.line(f"{result.name} is let in again; their node connects by itself."))
