"""`fwrkit reject`."""

from __future__ import annotations

from fwrkit.host.cli.context import CitizenName, Json, ThroughNode, begin
from fwrkit.host.verbs import decide as verb

EPILOG = "Examples: fwrkit reject alice · fwrkit reject alice --server server"


def reject(citizen: CitizenName, node: ThroughNode = None, json: Json = False) -> None:
    """Give a citizen the files back whose deletion the guard holds."""
    machine, out = begin(json)
    result = verb.decide(machine, citizen, verb.REJECT, node)
    out.result(
        "decided",
        result,
        lambda: out.line(f"{result.citizen} gets the files back when their node connects, within seconds if it is online."),
    )
