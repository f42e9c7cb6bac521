"""`fwrkit invites`, `fwrkit invites withdraw`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli import moments
from fwrkit.host.cli.context import Json, ThroughNode, begin
from fwrkit.host.cli.group import GroupWithDefault
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import invites as verb

EPILOG = "Examples: fwrkit invites · fwrkit invites withdraw book-club"
_WITHDRAW = "Example: fwrkit invites withdraw book-club"

app = typer.Typer(help="Which invites are good still, and their end before their time.", cls=GroupWithDefault, epilog=EPILOG)


@app.command("list", epilog=EPILOG)
def invites(node: ThroughNode = None, json: Json = False) -> None:
    """List the invites that let somebody in still. This is what `fwrkit invites` does. Officials only."""
    machine, out = begin(json)
    result = verb.invites(machine, node)
    out.result("invites", result, lambda: _show(out, result))


@app.command("withdraw", epilog=_WITHDRAW)
def withdraw(
    name: Annotated[str, typer.Argument(metavar="NAME", help="For whom the invites are.")], node: ThroughNode = None, json: Json = False
) -> None:
    """End the invites for a name: they let in nobody else. Who came by one stays."""
    machine, out = begin(json)
    result = verb.withdraw(machine, name, node)
    out.result("withdrawn", result, lambda: out.line(f"No invite for {result.name} is good any more."))


def _show(out: Output, found: verb.Invites) -> None:
    if not found.invites:
        out.line("No invite is good still.")
        return
    rows = [[each.name, each.by or "-", moments.minute(each.expires), f"{each.left} of {each.uses}"] for each in found.invites]
    out.table(["FOR", "MADE BY", "UNTIL (UTC)", "LEFT"], rows)
