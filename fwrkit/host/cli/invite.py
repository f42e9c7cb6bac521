"""`fwrkit invite`."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from fwrkit.host.cli.context import Json, ServerName, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import invite as verb

EPILOG = "Examples: fwrkit invite alice · fwrkit invite alice --server server --expires 2"
_DAY = 86400


def invite(
    citizen: Annotated[str, typer.Argument(metavar="CITIZEN", help="Who is invited; a citizen who exists moves to a new machine.")],
    server: ServerName = None,
    expires: Annotated[float | None, typer.Option(metavar="DAYS", min=0.0, help="Days for which it is good (default: 7).")] = None,
    json: Json = False,
) -> None:
    """Make a one-time line with which a citizen joins from another machine."""
    machine, out = begin(json)
    result = verb.invite(machine, citizen, server, int(expires * _DAY) if expires is not None else None)
    out.result("invite", result, lambda: _show(out, result))


def _show(out: Output, result: verb.Invited) -> None:
    out.line(result.invite)
    until = time.strftime("%Y-%m-%d %H:%M", time.localtime(result.expires))
    out.progress(
        f"Send this line to {result.citizen}, who types: fwrkit join LINE. It works once, until {until}. Whoever has it can use it."
    )
