"""`fwrkit join`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli.context import Json, Timezone, begin, complete_node
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import join as verb

EPILOG = "Examples: fwrkit join fwr1AbC… · fwrkit join server --name alice · fwrkit join wiki.example.org:2211"


def join(
    server: Annotated[
        str,
        typer.Argument(
            metavar="SERVER",
            autocompletion=complete_node,
            help="An invite, a server on this machine, or host[:port] (host:NAME forces that).",
        ),
    ],
    name: Annotated[str | None, typer.Option(help="A name for the new node (default: the invite's citizen).")] = None,
    http_port: Annotated[int | None, typer.Option(metavar="N", help="Port for the web, on this machine only.")] = None,
    world: Annotated[str | None, typer.Option(metavar="DIR", help="Keep the world in a directory of this machine.")] = None,
    timezone: Timezone = None,
    json: Json = False,
) -> None:
    """Have a copy of a world on this machine, and keep it in step with the others."""
    machine, out = begin(json)
    result = verb.join(machine, verb.JoinWish(server=server, name=name, http_port=http_port, world=world, timezone=timezone))
    out.result("join", result, lambda: _show(out, result))
    verb.check_joined(result)


def _show(out: Output, result: verb.Joined) -> None:
    if result.authority:
        out.line(f"The world's authority: {result.authority}")
        out.line("Nobody but an official can tell you that this is theirs (fwrkit citizens --fingerprints): compare it with them.")
    if result.fingerprint:
        out.line(f"Your key: {result.fingerprint} (an official sees it in: fwrkit requests)")
    elif not result.is_joined:
        out.line(f"The public key of {result.node}, for an official of the world to see who asks:")
        out.line(f"  {result.public_key}")
    if not result.is_joined:
        return
    out.line(f"{result.node} has joined '{result.world}' as {result.citizen}.", "bold green")
    out.table(["", ""], [[f"{site} site", url] for site, url in result.urls.items()])
