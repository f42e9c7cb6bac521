"""`fwrkit follow`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.verbs import follow as verb

EPILOG = "Examples: fwrkit follow alice fwrm1AbC… · fwrkit follow alice server · fwrkit follow alice fwrm1AbC… --accept"


def follow(
    node: NodeName,
    there: Annotated[str, typer.Argument(metavar="LINE|SERVER", help="The line that an official sent, or a server on this machine.")],
    accept: Annotated[
        bool, typer.Option("--accept", help="Take up a new authority, where an official declares that the old one is lost.")
    ] = False,
    json: Json = False,
) -> None:
    """Go to where the world's server is from now on."""
    machine, out = begin(json)
    result = verb.follow(machine, node, there, is_accepted=accept)
    out.result(
        "follow", result, lambda: out.line(f"{result.node} follows the server of '{result.world}' at {result.server}.", "bold green")
    )
