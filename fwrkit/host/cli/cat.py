"""`fwrkit cat`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli.context import Json, begin
from fwrkit.host.cli.versions import FromNode
from fwrkit.host.verbs import cat as verb

EPILOG = "Examples: fwrkit cat www/index.html@before-the-move · fwrkit cat www/photo.jpg@'3 days ago' > photo.jpg"


def cat(
    target: Annotated[str, typer.Argument(metavar="PATH@VERSION", help="A file of the world, and which version (default: the newest).")],
    node: FromNode = None,
    json: Json = False,
) -> None:
    """Print a file of any version, byte for byte. Works offline, but for large files that only the server has."""
    machine, out = begin(json)
    if json:
        found = verb.content(machine, target, node)
        out.result("cat", found, lambda: None)
    else:
        verb.cat(machine, target, node, out.raw)
