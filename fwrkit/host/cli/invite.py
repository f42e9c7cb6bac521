"""`fwrkit invite`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.cli import moments
from fwrkit.host.cli.context import Json, ThroughNode, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import invite as verb

EPILOG = "Examples: fwrkit invite alice · fwrkit invite alice --expires 2 · fwrkit invite book-club --uses 20"
_DAY = 86400


def invite(
    citizen: Annotated[str, typer.Argument(metavar="CITIZEN", help="Who is invited; a citizen who exists moves to a new machine.")],
    node: ThroughNode = None,
    expires: Annotated[float | None, typer.Option(metavar="DAYS", min=0.0, help="Days for which it is good (default: 7).")] = None,
    uses: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="For so many people, each under a name of their own (default: 1).")
    ] = None,
    json: Json = False,
) -> None:
    """Make a one-time line with which a citizen joins from another machine. Officials only."""
    machine, out = begin(json)
    if expires is not None and expires * _DAY < 1:
        raise FwrError(ExitCode.USAGE, "This invite would be over before anybody can use it.", "Give a larger --expires: it is in days.")
    result = verb.invite(machine, citizen, node, int(expires * _DAY) if expires is not None else None, uses)
    out.result("invite", result, lambda: _show(out, result))


def _show(out: Output, result: verb.Invited) -> None:
    out.line(result.invite)
    until = moments.shown(result.expires)
    if result.uses > 1:
        out.progress(
            f"Send this line to up to {result.uses} people, who type: fwrkit join LINE --name NAME. It works until {until}. Whoever has it can use it."
        )
        return
    out.progress(
        f"Send this line to {result.citizen}, who types: fwrkit join LINE. It works once, until {until}. Whoever has it can use it."
    )
