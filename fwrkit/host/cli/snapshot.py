"""`fwrkit snapshot`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli import versions
from fwrkit.host.cli.context import Json, ThroughNode, begin
from fwrkit.host.verbs import snapshot as verb

EPILOG = "Examples: fwrkit snapshot before-the-move · fwrkit snapshot first-year --at 2026-11-20"


def snapshot(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits, dots, dashes and underscores.")],
    at: Annotated[str, typer.Option("--at", metavar="VERSION", help="Which version (default: the newest).")] = "",
    node: ThroughNode = None,
    json: Json = False,
) -> None:
    """Give a version a name: signed, kept by every node, moved by nobody. Officials do this."""
    machine, out = begin(json)
    made = verb.snapshot(machine, name, at, node)
    out.result("snapshot", made, lambda: out.line(f"{made.name} is version {made.version[: versions.SHORT]}"))
