"""`fwrkit promote`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.cli import password
from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.cli.up import show_addresses
from fwrkit.host.verbs import promote as verb

EPILOG = "Examples: fwrkit promote alice --new-epoch --address wiki.example.org · fwrkit promote alice --shares"


def promote(
    node: NodeName,
    name: Annotated[str | None, typer.Option(help="A name for the new server (default: server, or NODE-server).")] = None,
    address: Annotated[str | None, typer.Option(metavar="HOST", help="How other machines reach the new server.")] = None,
    ssh_port: Annotated[int | None, typer.Option(metavar="N", help="Port for citizens.")] = None,
    http_port: Annotated[int | None, typer.Option(metavar="N", help="Port for the web.")] = None,
    world: Annotated[str | None, typer.Option(metavar="DIR", help="Keep the server's world in a directory of this machine.")] = None,
    citizen: Annotated[str | None, typer.Option(metavar="NAME", help="Who the server's own account is (default: CITIZEN-server).")] = None,
    authority: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="The private key of the world's authority: everybody follows it. Or a server's backup that has it."
        ),
    ] = None,
    identity: Annotated[Path | None, typer.Option(metavar="FILE", help="What opens the keys of that backup, else a passphrase.")] = None,
    shares: Annotated[
        bool, typer.Option("--shares", help="That key in shares, as `fwrkit shares` printed them: lines of standard input, else asked for.")
    ] = False,
    new_epoch: Annotated[
        bool, typer.Option("--new-epoch", help="Nobody kept that key: declare a new one, which each citizen accepts.")
    ] = False,
    accept_loss: Annotated[bool, typer.Option("--accept-loss", help="Go on although the node lacks versions that the server had.")] = False,
    json: Json = False,
) -> None:
    """Make a new server of the same world from an official's client, where the old one is gone. The client goes on, and follows it."""
    machine, out = begin(json)
    if identity is not None and (authority is None or not verb.is_backup(authority)):
        raise FwrError(ExitCode.USAGE, "--identity opens the keys of a backup.", "Name the backup: --authority FILE")
    wish = verb.PromoteWish(
        node=node, name=name, address=address, ssh_port=ssh_port, http_port=http_port, world=world, citizen=citizen, authority=authority,
        shares=[] if shares else None, new_epoch=new_epoch, accept_loss=accept_loss,
    )  # fmt: skip
    header = verb.check(machine, wish)
    if shares:
        wish = replace(wish, shares=password.shares())
    if header is not None:
        wish = replace(wish, lock=password.lock(identity))
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
