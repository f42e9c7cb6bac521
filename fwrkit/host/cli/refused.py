"""`fwrkit refused` and `fwrkit refused give`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.core.records import KeptRefusal
from fwrkit.host.cli import moments
from fwrkit.host.cli.context import Json, begin, complete_node
from fwrkit.host.cli.group import GroupWithDefault
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import refused as verb

EPILOG = "Examples: fwrkit refused · fwrkit refused --node alice · fwrkit refused give 3 > page.txt"
_GIVE = "Examples: fwrkit refused give 3 > page.txt · fwrkit refused give 3 --node alice"
_KINDS = {"deletion": " (deletion)", "directory": "/"}

app = typer.Typer(help="What the policy has refused of your edits, and having it back.", cls=GroupWithDefault, epilog=EPILOG)
OwnNode = Annotated[
    str | None,
    typer.Option(
        "--node",
        metavar="NODE",
        autocompletion=complete_node,
        help="Which node (default: the only one that runs here, else the only server).",
    ),
]


@app.command("list", epilog=EPILOG)
def refused(node: OwnNode = None, json: Json = False) -> None:
    """List what was refused and undone. Its content is kept for 90 days. This is what `fwrkit refused` does."""
    machine, out = begin(json)
    result = verb.refused(machine, node)
    out.result("refused", result, lambda: _show(out, result))


@app.command("give", epilog=_GIVE)
def give(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The number that `fwrkit refused` shows.")],
    node: OwnNode = None,
) -> None:
    """Print the content of a refused change, byte for byte."""
    machine, out = begin(False)
    verb.give(machine, number, node, out.raw)


def _show(out: Output, found: list[KeptRefusal]) -> None:
    if not found:
        out.line("Nothing was refused.")
        return
    rows = [
        [
            str(each.number) if each.has_content else "-", moments.minute(each.since), each.path + _KINDS.get(each.kind, ""),
            each.reason + (" Something writes it again and again: it is left alone for a while." if each.is_held else ""),
        ]
        for each in found
    ]  # fmt: skip
    out.table(["NUMBER", "WHEN (UTC)", "PATH", "WHY"], rows)
    out.progress("To have one back: fwrkit refused give NUMBER > FILE")
