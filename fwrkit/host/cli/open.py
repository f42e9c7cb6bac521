"""`fwrkit open`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.verbs import open as verb

EPILOG = "Examples: fwrkit open alice · fwrkit open alice --tourist"


def open_(
    node: NodeName,
    tourist: Annotated[bool, typer.Option("--tourist", help="The public site.")] = False,
    json: Json = False,
) -> None:
    """Open a node's site in the browser, and print its address."""
    machine, out = begin(json)
    result = verb.address(machine, node, tourist=tourist)
    out.result("open", result, lambda: out.line(result.url))
    if not json and sys.stdout.isatty():
        typer.launch(result.url)
