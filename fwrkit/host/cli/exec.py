"""`fwrkit exec`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fwrkit.host.cli.become import become
from fwrkit.host.cli.context import NodeName, begin
from fwrkit.host.verbs import exec as verb

EPILOG = "Example: fwrkit exec alice -- ls -la www"


def execute(node: NodeName, command: Annotated[list[str], typer.Argument(metavar="-- COMMAND…", help="What to run.")]) -> None:
    """Run a command in a node's world, as its citizen. The exit status is the command's own."""
    machine, _ = begin(False)
    become(verb.execute(machine, node, command, has_terminal=sys.stdin.isatty() and sys.stdout.isatty()))
