"""`fwrkit unmute`."""

from __future__ import annotations

from fwrkit.host.cli.context import CitizenName, Json, begin
from fwrkit.host.cli.refused import OwnNode
from fwrkit.host.verbs import filters as verb

EPILOG = "Examples: fwrkit unmute mallory · fwrkit unmute mallory --node alice"


def unmute(citizen: CitizenName, node: OwnNode = None, json: Json = False) -> None:
    """Have what a citizen writes again, also what came meanwhile."""
    machine, out = begin(json)
    result = verb.change(machine, "muted", citizen, False, node)
    out.result(
        "filters",
        result,
        lambda: out.line(f"What {citizen} has written comes to {result.node} again, as soon as the server can be reached."),
    )
