"""`fwrkit serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.cli.up import show_addresses
from fwrkit.host.verbs import serve as verb

EPILOG = "Examples: fwrkit serve alice · fwrkit serve alice --address alice.example.org --ssh-port 2212 · fwrkit serve alice --stop"


def serve(
    node: NodeName,
    name: Annotated[str | None, typer.Option(help="A name for the node that serves (default: NODE-peer).")] = None,
    address: Annotated[
        str | None,
        typer.Option(metavar="HOST", help="How other machines reach it; without it: clients of the same server on this machine."),
    ] = None,
    ssh_port: Annotated[int | None, typer.Option(metavar="N", help="Port for citizens.")] = None,
    http_port: Annotated[int | None, typer.Option(metavar="N", help="Port for the web.")] = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="Serve no more: the right is given back, the node removed with what it holds.")
    ] = False,
    json: Json = False,
) -> None:
    """Let an official's client serve the other citizens of its world where the server can not be reached."""
    machine, out = begin(json)
    wish = verb.ServeWish(node, name, address, ssh_port, http_port)
    if not stop:
        serving = verb.serve(machine, wish)
        out.result("serve", serving, lambda: _show(out, serving))
        return
    if (address, ssh_port, http_port) != (None, None, None):
        raise FwrError(ExitCode.USAGE, "What serves no more has no address and no ports.", f"End it with: fwrkit serve {node} --stop")
    ended = verb.stop(machine, wish)
    out.result("serve-stop", ended, lambda: out.line(f"{ended.citizen} serves no more, and is no citizen any more.", "bold green"))


def _show(out: Output, serving: verb.Serving) -> None:
    out.line(f"{serving.up.node} serves beside {serving.beside}, as {serving.citizen}, at {serving.host}:{serving.port}.", "bold green")
    out.line("Clients go there by themselves while the server can not be reached. Which there are: fwrkit peers")
    show_addresses(out, serving.up)
