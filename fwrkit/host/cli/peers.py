"""`fwrkit peers`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli import moments
from fwrkit.host.cli.context import Json, begin, complete_node
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import peers as verb

EPILOG = "Examples: fwrkit peers · fwrkit peers alice"


def peers(
    node: Annotated[
        str | None,
        typer.Argument(
            metavar="NODE", autocompletion=complete_node, help="Of which node (default: the only server here, else the only client)."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Say which nodes serve the world beside its server, in the order in which clients try them. Works offline, too."""
    machine, out = begin(json)
    result = verb.peers(machine, node)
    out.result("peers", result, lambda: _show(out, result))


def _show(out: Output, result: verb.Peers) -> None:
    if not result.peers:
        out.line("Nobody serves this world beside its server. An official types: fwrkit serve NODE")
        return
    rows = [
        [each.name, each.by, f"{each.host}:{each.port}", moments.day(each.since), "followed now" if each.name == result.following else ""]
        for each in result.peers
    ]
    out.table(["PEER", "OFFICIAL", "ADDRESS", "SINCE", ""], rows)
    if not result.following:
        out.line(f"{result.node} follows none of them now.")
