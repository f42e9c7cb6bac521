"""`fwrkit unignore`."""

from __future__ import annotations

from fwrkit.host.cli.context import Json, begin
from fwrkit.host.cli.filters import Pattern
from fwrkit.host.cli.refused import OwnNode
from fwrkit.host.verbs import filters as verb

EPILOG = "Examples: fwrkit unignore '*.mp4' · fwrkit unignore 'www/films/**' --node alice"


def unignore(
    pattern: Pattern,
    node: OwnNode = None,
    json: Json = False,
) -> None:
    """Have paths again that were left out."""
    machine, out = begin(json)
    result = verb.change(machine, "ignored", pattern, False, node)
    out.result(
        "filters",
        result,
        lambda: out.line(f"{pattern} travels to and from {result.node} again: everything is compared, and what is missing here comes."),
    )
