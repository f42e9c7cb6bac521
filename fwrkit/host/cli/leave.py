"""`fwrkit leave`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.verbs import leave as verb

EPILOG = "Examples: fwrkit leave alice · fwrkit leave alice --yes"


def leave(
    node: NodeName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Leave a world. What you wrote stays there, and your copy, with its history, stays yours."""
    machine, out = begin(json)
    if not yes:
        _ask(node, json)
    result = verb.leave(machine, node)
    out.result("leave", result, lambda: out.line(f"{result.citizen} has left '{result.world}'. The copy on {result.node} stays as it is."))


def _ask(node: str, is_json: bool) -> None:
    if is_json or not sys.stdin.isatty():
        raise FwrError(ExitCode.USAGE, "Leaving has to be confirmed.", f"Type: fwrkit leave {node} --yes")
    if not typer.confirm(f"Leave the world of '{node}'? To come back you will need an invite.", err=True):
        raise FwrError(ExitCode.REFUSED, "Nobody has left.", "")
