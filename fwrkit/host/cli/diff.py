"""`fwrkit diff`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.core.history import Difference
from fwrkit.host.cli import versions
from fwrkit.host.cli.context import Json, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.cli.versions import FromNode
from fwrkit.host.verbs import diff as verb

EPILOG = "Examples: fwrkit diff '1 day ago' · fwrkit diff before-the-move www/index.html · fwrkit diff 3f9c2a81 77ab01cd www"


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="A version: an id, a snapshot's name, or a time.")],
    after: Annotated[str, typer.Argument(metavar="[B]", help="Another one (default: the newest), or a path.")] = "",
    path: Annotated[str, typer.Argument(metavar="[PATH]", help="Only this file or directory.")] = "",
    node: FromNode = None,
    json: Json = False,
) -> None:
    """Show what lies between two versions. Works offline."""
    machine, out = begin(json)
    found = verb.diff(machine, before, after, path, node)
    out.result("diff", found, lambda: _show(out, found))


def _show(out: Output, found: Difference) -> None:
    out.line(f"{found.before[: versions.SHORT]} → {found.after[: versions.SHORT]}")
    if not found.changes:
        out.line("No difference.")
        return
    versions.changes(out, found.changes, len(found.changes))
    out.line()
    versions.patch(out, found.patch, found.is_cut)
