"""`fwrkit log`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.core.history import LogEntry
from fwrkit.host.adapters.agent import LogFilter
from fwrkit.host.cli import versions
from fwrkit.host.cli.context import Json, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.cli.versions import FromNode
from fwrkit.host.verbs import log as verb

EPILOG = "Examples: fwrkit log · fwrkit log www/index.html · fwrkit log --by bob --since '3 days ago' · fwrkit log --until 2026-11-20 --node alice"
_LISTED = 3  # changes of one version that are printed


def log(
    path: Annotated[str, typer.Argument(metavar="[PATH]", help="A file or directory of the world.")] = "",
    by: Annotated[str, typer.Option("--by", metavar="CITIZEN", help="Only what this citizen did.")] = "",
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="2026-11-20, 2026-11-20T10:00 (UTC), '3 days ago'.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="The same; a day counts to its end.")] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=10000, help="At most so many versions.")] = LogFilter.limit,
    node: FromNode = None,
    json: Json = False,
) -> None:
    """Say what was changed, when and by whom, the newest first. Works offline."""
    machine, out = begin(json)
    found = verb.log(machine, LogFilter(path, by, since, until, limit), node)
    out.result("log", found, lambda: _show(out, found))


def _show(out: Output, found: list[LogEntry]) -> None:
    if not found:
        out.line("Nothing.")
    for entry in found:
        versions.heading(out, entry)
        versions.changes(out, entry.changes[:_LISTED], entry.count)
