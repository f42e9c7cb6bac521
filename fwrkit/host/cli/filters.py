"""`fwrkit filters`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli.context import Json, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.cli.refused import OwnNode
from fwrkit.host.verbs import filters as verb

EPILOG = "Examples: fwrkit filters · fwrkit filters --node alice"

Pattern = Annotated[str, typer.Argument(metavar="PATTERN", help="Paths, as in the policy: www/films/** or *.mp4")]


def filters(node: OwnNode = None, json: Json = False) -> None:
    """Show whom this node has muted and what it ignores."""
    machine, out = begin(json)
    result = verb.filters(machine, node)
    out.result("filters", result, lambda: _show(out, result))


def _show(out: Output, found: verb.Filters) -> None:
    if not found.muted and not found.ignored:
        out.line(f"Everything comes to {found.node}.")
        return
    out.table(["", ""], [*(["muted", name] for name in found.muted), *(["ignored", pattern] for pattern in found.ignored)])


def left_out(out: Output, filters: verb.Filters, sentence: str) -> None:
    """Say what is left out from now on; on a server, that the public does not see it either."""
    out.line(sentence)
    if filters.is_server:
        out.line(
            f"The public site is this node's: it is left out there, too. For your own copy alone: --node NODE instead of {filters.node}."
        )
