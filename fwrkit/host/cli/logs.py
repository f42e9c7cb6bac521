"""`fwrkit logs`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli.become import become
from fwrkit.host.cli.context import NodeName, begin
from fwrkit.host.verbs import logs as verb

EPILOG = "Examples: fwrkit logs server · fwrkit logs server -f"


def logs(
    node: NodeName,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int | None, typer.Option("--tail", "-n", metavar="N", help="Only the last lines.")] = None,
) -> None:
    """Show what a node's containers wrote."""
    machine, _ = begin(False)
    become(verb.logs(machine, node, follow=follow, lines=lines))
