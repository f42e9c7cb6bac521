"""What every command gets: the machine, and how to speak."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from fwrkit.host.adapters.home import find_home
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.cli import output
from fwrkit.host.cli.output import Output

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]
NodeName = Annotated[
    str, typer.Argument(metavar="NODE", autocompletion=lambda incomplete: complete_node(incomplete), help="A node of this machine.")
]

Timezone = Annotated[
    str | None, typer.Option(metavar="ZONE", help="In which time zone pages are written: Europe/Berlin (default: this machine's).")
]

CitizenName = Annotated[str, typer.Argument(metavar="CITIZEN", help="A citizen, as `fwrkit citizens` names them.")]
ThroughNode = Annotated[
    str | None,
    typer.Option(
        "--node",
        "--server",
        metavar="NODE",
        autocompletion=lambda incomplete: complete_node(incomplete),
        help="Through which node of this machine (default: its only server, else its only client).",
    ),
]


def begin(is_json: bool) -> tuple[Machine, Output]:
    """Given whether a program is listening, return the machine and the output; errors are printed the same way from here on."""
    out = Output(is_json)
    output_in_use.append(out)
    return Machine(find_home(os.environ), out.progress), out


def complete_node(incomplete: str) -> list[str]:
    """Given the beginning of a node's name, return the names that begin so (shell completion)."""
    return [node.name for node in Machine(find_home(os.environ)).nodes.all() if node.name.startswith(incomplete)]


output_in_use: list[output.Output] = []  # the last one tells how an error is to be printed
