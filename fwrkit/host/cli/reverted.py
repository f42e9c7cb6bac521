"""How the commands that bring something back say what came of it."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli.output import Output
from fwrkit.host.verbs.revert import Reverted

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be changed.")]
_SHOWN = 20  # paths that were changed; those that were left are all shown


def show(out: Output, result: Reverted) -> None:
    """Print a result for people."""
    for path in result.done[:_SHOWN]:
        out.line(path)
    if result.count > _SHOWN:
        out.line(f"… and {result.count - _SHOWN} more")
    verb = "would be changed" if result.is_rehearsal else "changed"
    out.line(f"{result.count} {'path' if result.count == 1 else 'paths'} {verb}.")
    if result.left:
        out.line(f"Left as they are: {result.left_count}")
        out.table(["PATH", "WHY"], [[each.path, each.reason] for each in result.left])
