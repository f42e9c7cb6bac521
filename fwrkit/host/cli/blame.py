"""`fwrkit blame`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.core.history import BlamedLine
from fwrkit.host.cli import versions
from fwrkit.host.cli.context import Json, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.cli.versions import FromNode
from fwrkit.host.verbs import blame as verb

EPILOG = "Examples: fwrkit blame www/index.html · fwrkit blame www/index.html@before-the-move"


def blame(
    target: Annotated[str, typer.Argument(metavar="PATH[@VERSION]", help="A text file of the world, as it is or was.")],
    node: FromNode = None,
    json: Json = False,
) -> None:
    """Say of each line of a file who wrote it when. Works offline."""
    machine, out = begin(json)
    found = verb.blame(machine, target, node)
    out.result("blame", found, lambda: _show(out, found))


def _show(out: Output, found: list[BlamedLine]) -> None:
    width = max((len(line.author) for line in found), default=0)
    for line in found:
        out.line(f"{line.version[: versions.SHORT]}  {versions.moment(line.time)}  {line.author:{width}}  {line.number:>4}  {line.text}")
