"""`fwrkit images build`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli.context import Json, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import images as verb

EPILOG = "Examples: fwrkit images build · fwrkit images build --base mirror"

app = typer.Typer(help="The images that nodes run.", no_args_is_help=True)


@app.command("build", epilog=EPILOG)
def build(
    base: Annotated[
        str | None, typer.Option(metavar="auto|pull|mirror", help="Where Debian comes from (default: $FWRKIT_BASE, else auto).")
    ] = None,
    json: Json = False,
) -> None:
    """Build base, server and client. What is built already takes no time."""
    machine, out = begin(json)
    result = verb.build(machine, base)
    out.result("images", result, lambda: _show(out, result))


def _show(out: Output, result: verb.Built) -> None:
    out.table(["", ""], [["base", result.base], ["server", result.server], ["client", result.client]])
