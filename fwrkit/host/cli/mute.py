"""`fwrkit mute`."""

from __future__ import annotations

from fwrkit.host.cli import filters
from fwrkit.host.cli.context import CitizenName, Json, begin
from fwrkit.host.cli.refused import OwnNode
from fwrkit.host.verbs import filters as verb

EPILOG = "Examples: fwrkit mute mallory · fwrkit mute mallory --node alice"


def mute(citizen: CitizenName, node: OwnNode = None, json: Json = False) -> None:
    """Leave out what a citizen writes, on this node alone: it stays with everybody else."""
    machine, out = begin(json)
    result = verb.change(machine, "muted", citizen, True, node)
    out.result(
        "filters",
        result,
        lambda: filters.left_out(out, result, f"What {citizen} writes does not come to {result.node} any more; what is here stays."),
    )
