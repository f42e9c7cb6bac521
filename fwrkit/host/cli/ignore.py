"""`fwrkit ignore`."""

from __future__ import annotations

from fwrkit.host.cli import filters
from fwrkit.host.cli.context import Json, begin
from fwrkit.host.cli.filters import Pattern
from fwrkit.host.cli.refused import OwnNode
from fwrkit.host.verbs import filters as verb

EPILOG = "Examples: fwrkit ignore '*.mp4' · fwrkit ignore 'www/films/**' --node alice"


def ignore(
    pattern: Pattern,
    node: OwnNode = None,
    json: Json = False,
) -> None:
    """Leave paths out, on this node alone: they neither come here nor go from here."""
    machine, out = begin(json)
    result = verb.change(machine, "ignored", pattern, True, node)
    out.result(
        "filters",
        result,
        lambda: filters.left_out(out, result, f"{pattern} does not travel to or from {result.node} any more; what is here stays."),
    )
