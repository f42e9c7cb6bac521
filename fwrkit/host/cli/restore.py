"""`fwrkit restore`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli import reverted
from fwrkit.host.cli.context import Json, ThroughNode, begin
from fwrkit.host.cli.reverted import DryRun
from fwrkit.host.verbs import revert as verb

EPILOG = "Examples: fwrkit restore www/data/pages/start.txt · fwrkit restore www/archive --dry-run"


def restore(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A file or a directory that was deleted.")],
    dry_run: DryRun = False,
    node: ThroughNode = None,
    json: Json = False,
) -> None:
    """Bring back something that was deleted, a directory with what went with it."""
    machine, out = begin(json)
    result = verb.restore(machine, path, dry_run, node)
    out.result("reverted", result, lambda: reverted.show(out, result))
