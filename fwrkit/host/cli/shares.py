"""`fwrkit shares`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import shares as verb

EPILOG = "Example: fwrkit shares server --need 2 --of 3"


def shares(
    server: NodeName,
    need: Annotated[int, typer.Option("--need", metavar="M", help="How many officials have to come together.")],
    of: Annotated[int, typer.Option("--of", metavar="N", help="How many shares there are: one line of words for each official.")],
    json: Json = False,
) -> None:
    """Print the world's authority in shares for its officials. Whoever has M of them can be the server; fewer tell nothing."""
    machine, out = begin(json)
    result = verb.shares(machine, server, need, of)
    out.result("shares", result, lambda: _show(out, result))


def _show(out: Output, result: verb.Shared) -> None:
    for line in result.shares:
        out.line(line)
    out.progress(
        f"{result.of} shares of the authority {result.authority}, a line each: one for each official, on paper or in a password store."
    )
    out.progress(f"Whoever has {result.need} of them can be the server: fwrkit promote NODE --shares")
    out.progress("They are kept nowhere else: see them now or never. Earlier sets count until the authority changes: fwrkit rekey SERVER")
