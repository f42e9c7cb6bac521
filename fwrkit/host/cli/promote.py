"""`fwrkit promote`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.cli.up import show_addresses
from fwrkit.host.verbs import promote as verb

EPILOG = "Examples: fwrkit promote alice --new-epoch --address wiki.example.org · fwrkit promote alice --authority authority.key"


def promote(
    node: NodeName,
    name: Annotated[str | None, typer.Option(help="A name for the new server (default: server, or NODE-server).")] = None,
    address: Annotated[str | None, typer.Option(metavar="HOST", help="How other machines reach the new server.")] = None,
    ssh_port: Annotated[int | None, typer.Option(metavar="N", help="Port for citizens.")] = None,
    http_port: Annotated[int | None, typer.Option(metavar="N", help="Port for the web.")] = None,
    world: Annotated[str | None, typer.Option(metavar="DIR", help="Keep the server's world in a directory of this machine.")] = None,
    citizen: Annotated[str | None, typer.Option(metavar="NAME", help="Who the server's own account is (default: CITIZEN-server).")] = None,
    authority: Annotated[
        str | None, typer.Option(metavar="FILE", help="The private key of the world's authority: everybody follows it.")
    ] = None,
    new_epoch: Annotated[
        bool, typer.Option("--new-epoch", help="Nobody kept that key: declare a new one, which each citizen accepts.")
    ] = False,
    accept_loss: Annotated[bool, typer.Option("--accept-loss", help="Go on although the node lacks versions that the server had.")] = False,
    json: Json = False,
) -> None:
    """Make a new server of the same world from an official's client, where the old one is gone. The client goes on, and follows it."""
    machine, out = begin(json)
    wish = verb.PromoteWish(
        node=node, name=name, address=address, ssh_port=ssh_port, http_port=http_port, world=world, citizen=citizen, authority=authority,
        new_epoch=new_epoch, accept_loss=accept_loss,
    )  # fmt: skip
    result = verb.promote(machine, wish)
    out.result("promote", result, lambda: _show(out, result, node))


def _show(out: Output, result: verb.Promoted, node: str) -> None:
    founded = result.up.founded
    out.line(f"{result.up.node} is the server of '{founded['name']}' now; {node} follows it.", "bold green")
    out.line(f"It goes on from {founded['files']:,} files and {founded['versions']:,} versions that {node} had.")
    if result.missing:
        out.line(f"{result.missing:,} versions that only the lost server had are not among them.")
    show_addresses(out, result.up)
    accept = " --accept" if result.is_new_epoch else ""
    if result.line:
        out.line(f"Send this line to everybody: it holds no secret. They type: fwrkit follow NODE LINE{accept}")
        out.line(result.line)
    else:
        out.line(f"Others on this machine type: fwrkit follow NODE {result.up.node}{accept}")
    if result.is_new_epoch:
        out.line(f"The new authority, to be compared with what they see: {result.authority}")
