"""`fwrkit volume copy`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import volume as verb

app = typer.Typer(help="Copies of a world.", no_args_is_help=True, rich_markup_mode=None)
EPILOG = "Examples: fwrkit volume copy alice spare · fwrkit volume copy server spare --history"


@app.command("copy", epilog=EPILOG)
def copy(
    node: NodeName,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for the new volume.")],
    history: Annotated[bool, typer.Option("--history", help="The history too, in a volume NAME-history.")] = False,
    json: Json = False,
) -> None:
    """Copy a node's world into a volume of its own, while the node works."""
    machine, out = begin(json)
    result = verb.copy(machine, node, name, with_history=history)
    out.result("volume", result, lambda: _show(out, result))


def _show(out: Output, result: verb.Copied) -> None:
    out.line(f"{result.world} has the world of {result.node}: {result.files:,} files, {result.bytes / 1e6:,.1f} MB.", "bold green")
    if result.history:
        out.line(f"{result.history} has its history: {result.versions:,} versions.")
    more = f" --history {result.history}" if result.history else ""
    out.progress(f"To make a world of its own of it: fwrkit up server --name NAME --from-volume {result.world}{more}")
