"""`fwrkit up`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.cli.context import Json, Timezone, begin, complete_node
from fwrkit.host.cli.output import Output
from fwrkit.host.cli.password import citizen_site_hash
from fwrkit.host.verbs import up as verb

EPILOG = (
    "Examples: fwrkit up server · fwrkit up server --template static --address wiki.example.org · fwrkit up laptop ·"
    " fwrkit up server --name mine --from-volume copy"
)


def up(
    node: Annotated[
        str, typer.Argument(metavar="server|NODE", autocompletion=complete_node, help="'server' makes one; a node's name starts it.")
    ],
    name: Annotated[str | None, typer.Option(help="A name for the new server.")] = None,
    template: Annotated[str | None, typer.Option(help="What a new world is made from: dokuwiki, static or php.")] = None,
    address: Annotated[
        str | None, typer.Option(metavar="HOST", help="How other machines reach this server; without it: this machine only.")
    ] = None,
    ssh_port: Annotated[int | None, typer.Option(metavar="N", help="Port for citizens.")] = None,
    http_port: Annotated[int | None, typer.Option(metavar="N", help="Port for the web.")] = None,
    world: Annotated[str | None, typer.Option(metavar="DIR", help="Keep the world in a directory of this machine.")] = None,
    citizen: Annotated[str | None, typer.Option(metavar="NAME", help="Who the operator is in the world (default: the login name).")] = None,
    citizen_site: Annotated[
        str | None, typer.Option(metavar="password", help="Show /fwr on the server too, behind a password that is asked for.")
    ] = None,
    from_volume: Annotated[
        str | None, typer.Option(metavar="WORLD", help="Make the world from a copy: a volume, or a directory of this machine.")
    ] = None,
    history: Annotated[
        str | None, typer.Option(metavar="STATE", help="Where the copy's history is; without it, history begins anew.")
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(metavar="SECONDS", help="How long the server has to be out of reach before a client turns to a peer (60)."),
    ] = None,
    timezone: Timezone = None,
    behind_proxy: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Believe a TLS proxy at this address, as the server sees it (several: commas; '': none)."),
    ] = None,
    json: Json = False,
) -> None:
    """Make and start a server, or start a node that exists."""
    machine, out = begin(json)
    options = (template, address, world, citizen, citizen_site, from_volume, history, behind_proxy)
    if node == "server" or name is not None or any(option is not None for option in options):
        if patience is not None:
            raise FwrError(ExitCode.USAGE, "A server follows nobody, and needs no --patience.", "Give it to a client: fwrkit up NODE")
        if name is not None and node != "server":
            raise FwrError(ExitCode.USAGE, "Only a new server is given a name.", f"Start a node that exists with: fwrkit up {node}")
        wish = verb.ServerWish(
            name=name or node, template=template, address=address, ssh_port=ssh_port, http_port=http_port, world=world, citizen=citizen,
            citizen_site_hash=_hash(citizen_site), from_volume=from_volume, history=history, timezone=timezone,
            proxy=behind_proxy,
        )  # fmt: skip
        result = verb.up_server(machine, wish)
    else:
        result = verb.up_node(machine, node, ssh_port, http_port, patience=patience, timezone=timezone)
    out.result("up", result, lambda: _show(out, result))


def _hash(citizen_site: str | None) -> str | None:
    if citizen_site is None:
        return None
    if citizen_site != "password":
        raise FwrError(
            ExitCode.USAGE, "--citizen-site takes the word 'password'.", "The password itself is asked for, or read from standard input."
        )
    return citizen_site_hash()


def _show(out: Output, result: verb.Up) -> None:
    out.line(f"{result.node} is up.", "bold green")
    if result.is_new and result.founded:
        show_founded(out, result.founded)
    show_addresses(out, result)


def show_founded(out: Output, founded: dict[str, Any]) -> None:
    """Say what a world was made from."""
    out.line(f"A world of its own, made from '{founded['origin_name']}': {founded['files']:,} files, {founded['bytes'] / 1e6:,.1f} MB.")
    if founded["version"]:
        out.line(f"Its history goes on from there: {founded['versions']:,} versions, the newest of them {founded['version'][:10]}.")
    else:
        out.line("Its history begins anew: none came with the copy.")
    if founded.get("absent"):
        out.line(
            f"{founded['absent']:,} files of that version are not in the copy: deleted there, left out by it, or not there yet. They can be restored."
        )
    if founded["lost"]:
        out.line(f"Of {founded['lost']:,} old versions of large files, the copy had the name only.")
    if not founded["is_still"]:
        out.line("The world was edited all the time: each file is whole, but they may be some seconds apart.")


def show_addresses(out: Output, result: verb.Up) -> None:
    """Say where a node is to be found."""
    rows = [[f"{site} site", url] for site, url in result.urls.items()]
    if result.role == "server":
        reach = (
            f"{result.address}:{result.ssh_port}" if result.address else "this machine only (give --address HOST to a new server for more)"
        )
        rows.append(["for citizens", reach])
        if not result.is_peer:
            rows.append(["to join here", f"fwrkit join {result.node} --name NAME"])
        if result.address and not result.is_peer:
            rows.append(["to invite", f"fwrkit invite NAME --server {result.node}"])
    if not result.is_joined:
        how = (
            "finish with the same `fwrkit serve` as before"
            if result.is_peer
            else "finish with the same `fwrkit join` as before, or with an invite"
        )
        rows.append(["not joined yet", how])
    out.table(["", ""], rows)
