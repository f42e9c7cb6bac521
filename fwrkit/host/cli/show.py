"""`fwrkit show`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.core.history import Shown
from fwrkit.host.cli import versions
from fwrkit.host.cli.context import Json, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.cli.versions import FromNode
from fwrkit.host.verbs import show as verb

EPILOG = "Examples: fwrkit show 3f9c2a81 · fwrkit show before-the-move · fwrkit show '2 hours ago' --node alice"


def show(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="An id or its beginning, a snapshot's name, or a time.")],
    node: FromNode = None,
    json: Json = False,
) -> None:
    """Show one version and what it changed. Works offline."""
    machine, out = begin(json)
    found = verb.show(machine, version, node)
    out.result("show", found, lambda: _show(out, found))


def _show(out: Output, found: Shown) -> None:
    entry = found.entry
    rows = [["version", entry.version], ["snapshot", found.snapshot], ["by", entry.author], ["when", versions.moment(entry.time)]]
    out.table(["", ""], [row for row in rows if row[1]])
    out.line()
    out.line(entry.message)
    versions.changes(out, entry.changes, entry.count)
    out.line()
    versions.patch(out, found.patch, found.is_cut)
