"""`fwrkit rm`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.nodes import Node
from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import rm as verb

EPILOG = "Examples: fwrkit rm alice · fwrkit rm alice --volumes --yes"


def rm(
    node: NodeName,
    volumes: Annotated[bool, typer.Option("--volumes", help="Remove what the node holds too: world, state and keys.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Forget a node. Its volumes stay for a node of the same name, unless --volumes is given."""
    machine, out = begin(json)
    found = verb.check(machine, node)
    if not yes:
        _ask(found, volumes, json)
    result = verb.remove(machine, found, with_volumes=volumes)
    out.result("rm", result, lambda: _show(out, result, found.is_peer))


def _ask(node: Node, volumes: bool, is_json: bool) -> None:
    if is_json or not sys.stdin.isatty():
        raise FwrError(ExitCode.USAGE, "Removing a node has to be confirmed.", f"Repeat it with --yes: fwrkit rm {node.name} --yes")
    what = "with its world, its history and its keys" if volumes else "(its volumes stay)"
    if not typer.confirm(f"Remove the {node.kind} '{node.name}' {what}?"):
        raise FwrError(ExitCode.REFUSED, "Nothing was removed.", "")


def _show(out: Output, result: verb.Removed, is_peer: bool) -> None:
    out.line(f"{result.node} is removed.")
    for volume in result.kept_volumes:
        out.line(f"kept: {volume}", "dim")
    if result.kept_directory:
        out.line(f"kept: {result.kept_directory}", "dim")
    if is_peer:
        out.line("Its right to serve stays until it is taken back: fwrkit serve NODE --stop, with the client that it was beside.")
