"""`fwrkit move`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli.context import Json, begin, complete_node
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import follow as verb

EPILOG = "Example: fwrkit move server"


def move(
    server: Annotated[
        str | None,
        typer.Argument(metavar="[SERVER]", autocompletion=complete_node, help="A server on this machine (default: the only one)."),
    ] = None,
    json: Json = False,
) -> None:
    """Print the line by which citizens follow to this server. It holds no secret."""
    machine, out = begin(json)
    result = verb.line(machine, server)
    out.result("move", result, lambda: _show(out, result))


def _show(out: Output, result: verb.Moved) -> None:
    out.line(result.line)
    accept = " --accept" if result.is_declared else ""
    out.progress(f"Citizens type: fwrkit follow NODE LINE{accept}. The world's authority: {result.authority}")
