"""`fwrkit revert`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.cli import reverted
from fwrkit.host.cli.context import Json, ThroughNode, begin
from fwrkit.host.cli.reverted import DryRun
from fwrkit.host.verbs import revert as verb

EPILOG = "Examples: fwrkit revert www/index.html --to '2 days ago' · fwrkit revert --by mallory --since '3 hours ago' --dry-run"


def revert(
    path: Annotated[str, typer.Argument(metavar="[PATH]", help="A file or a directory of the world.")] = "",
    to: Annotated[str, typer.Option(metavar="VERSION", help="What it shall be again: a snapshot, an id (fwrkit log), or a time.")] = "",
    by: Annotated[
        str, typer.Option(metavar="CITIZEN", help="Instead of a path: all that somebody did. Officials only, but for oneself.")
    ] = "",
    since: Annotated[str, typer.Option(metavar="TIME", help="With --by: since when.")] = "",
    dry_run: DryRun = False,
    node: ThroughNode = None,
    json: Json = False,
) -> None:
    """Make something what it was. That is a new version, which can be reverted, too; what others have edited since a vandal stays."""
    machine, out = begin(json)
    if bool(path) == bool(by) or bool(path) != bool(to) or bool(by) != bool(since):
        hint = "Either: fwrkit revert PATH --to VERSION · or: fwrkit revert --by CITIZEN --since TIME"
        raise FwrError(ExitCode.USAGE, "It has to be said what is to be reverted, and to when.", hint)
    result = verb.revert(machine, path, to, dry_run, node) if path else verb.revert_by(machine, by, since, dry_run, node)
    out.result("reverted", result, lambda: reverted.show(out, result))
