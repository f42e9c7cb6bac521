"""`fwrkit request`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli import join
from fwrkit.host.cli.context import Json, Timezone
from fwrkit.host.verbs.join import FORCED_HOST

EPILOG = "Example: fwrkit request wiki.example.org:2211 --name alice"


def request(
    host: Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="A server that others reach.")],
    name: Annotated[str | None, typer.Option(help="Who you would like to be, and the name of the new node.")] = None,
    http_port: Annotated[int | None, typer.Option(metavar="N", help="Port for the web, on this machine only.")] = None,
    world: Annotated[str | None, typer.Option(metavar="DIR", help="Keep the world in a directory of this machine.")] = None,
    timezone: Timezone = None,
    json: Json = False,
) -> None:
    """Ask a server to be let in, without an invite. An official admits you; repeat it to see. The same as `fwrkit join HOST`."""
    join.join(host if host.startswith(FORCED_HOST) else FORCED_HOST + host, name, http_port, world, timezone, json)
