"""`fwrkit conflicts` and `fwrkit conflicts resolve`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli.context import Json, begin, complete_node
from fwrkit.host.cli.group import GroupWithDefault
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import conflicts as verb

EPILOG = "Examples: fwrkit conflicts · fwrkit conflicts alice · fwrkit conflicts resolve www/notes.txt --keep mine"

_RESOLVE = "Examples: fwrkit conflicts resolve www/notes.txt --keep mine · fwrkit conflicts resolve www/notes.txt --keep both --node alice"

app = typer.Typer(help="What two changed at once, and ending it.", cls=GroupWithDefault, epilog=EPILOG)


@app.command("list", epilog=EPILOG)
def conflicts(
    node: Annotated[
        str | None, typer.Argument(metavar="[NODE]", autocompletion=complete_node, help="A node of this machine (default: each that runs).")
    ] = None,
    json: Json = False,
) -> None:
    """List conflict copies and who wrote both versions. This is what `fwrkit conflicts [NODE]` does."""
    machine, out = begin(json)
    result = verb.conflicts(machine, node)
    out.result("conflicts", result, lambda: _show(out, result))


@app.command("resolve", epilog=_RESOLVE)
def resolve(
    path: Annotated[str, typer.Argument(metavar="PATH", help="The path in the world, or that of the copy.")],
    keep: Annotated[str, typer.Option("--keep", metavar="mine|theirs|both|CITIZEN", help="Whose version stays at the path.")],
    node: Annotated[
        str | None, typer.Option("--node", metavar="NODE", autocompletion=complete_node, help="As whom, if several nodes have it.")
    ] = None,
    json: Json = False,
) -> None:
    """End a conflict. What is not kept stays in the history. Deleting or renaming the copy by hand ends it, too."""
    machine, out = begin(json)
    result = verb.resolve(machine, path, keep, node)
    out.result("resolved", result, lambda: out.line(f"Kept at {result.kept}"))


def _show(out: Output, found: list[verb.NodeConflict]) -> None:
    if not found:
        out.line("No conflicts.")
        return
    rows = [[each.node, each.conflict.path, each.conflict.other or "?", each.conflict.copy, each.conflict.author] for each in found]
    out.table(["NODE", "PATH", "BY", "COPY", "BY"], rows)
