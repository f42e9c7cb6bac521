"""`fwrkit fork`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.cli.up import show_addresses, show_founded
from fwrkit.host.verbs import fork as verb

EPILOG = "Examples: fwrkit fork alice utopia · fwrkit fork alice utopia --at 2026-11-20 --address utopia.example.org --invite-all"


def fork(
    node: NodeName,
    new: Annotated[str, typer.Argument(metavar="NEW", help="A name for the new world, and for its server here.")],
    from_: Annotated[str | None, typer.Option("--from", metavar="SNAPSHOT", help="As it was at a snapshot.")] = None,
    at: Annotated[str | None, typer.Option(metavar="VERSION", help="As it was in a version: an id or a time.")] = None,
    address: Annotated[str | None, typer.Option(metavar="HOST", help="How other machines reach the new server.")] = None,
    ssh_port: Annotated[int | None, typer.Option(metavar="N", help="Port for citizens.")] = None,
    http_port: Annotated[int | None, typer.Option(metavar="N", help="Port for the web.")] = None,
    world: Annotated[str | None, typer.Option(metavar="DIR", help="Keep the world in a directory of this machine.")] = None,
    citizen: Annotated[str | None, typer.Option(metavar="NAME", help="Who the operator is (default: the node's citizen).")] = None,
    invite_all: Annotated[bool, typer.Option("--invite-all", help="Print an invite for each citizen of the other world.")] = False,
    json: Json = False,
) -> None:
    """Make a world of your own from what a node has: its files, its history, its template. The other world is not touched and hears nothing."""
    machine, out = begin(json)
    wish = verb.ForkWish(
        node=node, new=new, snapshot=from_, version=at, address=address, ssh_port=ssh_port, http_port=http_port, world=world,
        citizen=citizen, invite_all=invite_all,
    )  # fmt: skip
    result = verb.fork(machine, wish)
    out.result("fork", result, lambda: _show(out, result, node))


def _show(out: Output, result: verb.Forked, node: str) -> None:
    out.line(f"{result.up.node} is a world of its own, forked from {node}.", "bold green")
    show_founded(out, result.up.founded)
    show_addresses(out, result.up)
    for each in result.invites:
        out.line(f"{each.citizen}  {each.invite}")
    if result.invites:
        out.progress("Send each line to whom it names, who types: fwrkit join LINE. It works once; whoever has it can use it.")
