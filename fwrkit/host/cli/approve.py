"""`fwrkit approve`."""

from __future__ import annotations

from fwrkit.host.cli.context import CitizenName, Json, ThroughNode, begin
from fwrkit.host.verbs import decide as verb

EPILOG = "Examples: fwrkit approve alice · fwrkit approve alice --server server"


def approve(citizen: CitizenName, node: ThroughNode = None, json: Json = False) -> None:
    """Let the deletions of a citizen through that the guard holds."""
    machine, out = begin(json)
    result = verb.decide(machine, citizen, verb.APPROVE, node)
    out.result(
        "decided",
        result,
        lambda: out.line(f"{result.citizen} may delete these files: it happens when their node connects, within seconds if it is online."),
    )
