"""`fwrkit handover`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import handover as verb

EPILOG = "Examples: fwrkit handover server alice · fwrkit handover server --to fwrm1AbC… · fwrkit handover server --cancel"


def handover(
    server: NodeName,
    citizen: Annotated[str | None, typer.Argument(metavar="[CITIZEN]", help="The official whose node is to be the server.")] = None,
    file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Where the key for them is written (default: handover-CITIZEN.age).")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="LINE", help="Where the new server is: what `promote` or `move` printed there.")
    ] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Go on as before.")] = False,
    json: Json = False,
) -> None:
    """Give the world to another server: nothing is taken any more, the authority goes to an official's node, and everybody is told where."""
    machine, out = begin(json)
    if [citizen is not None, to is not None, cancel].count(True) != 1 or (file is not None and citizen is None):
        hint = "First: fwrkit handover SERVER CITIZEN. When theirs serves: fwrkit handover SERVER --to LINE"
        raise FwrError(ExitCode.USAGE, "Say one thing: to whom, where it is now, or that it is called off.", hint)
    if citizen is not None:
        result = verb.begin(machine, server, citizen, file)
    else:
        result = verb.finish(machine, server, to) if to is not None else verb.cancel(machine, server)
    out.result("handover", result, lambda: _show(out, result))


def _show(out: Output, result: verb.HandedOver) -> None:
    if result.step == "begun":
        out.line(f"{result.server} takes nothing any more; {result.file} is for {result.citizen}'s node alone.", "bold green")
        out.line(f"1. {result.citizen} types: fwrkit promote NODE --authority {result.file} --address HOST")
        out.line(f"2. Here, with the line that it prints: fwrkit handover {result.server} --to LINE")
        out.line(f"   Everybody follows by itself then. To go on as before instead: fwrkit handover {result.server} --cancel")
    elif result.step == "finished":
        out.line(
            f"{result.server} tells everybody who comes that the server is at {result.place}. Leave it running until all have come.",
            "bold green",
        )
    else:
        out.line(f"{result.server} goes on as before.", "bold green")
