"""`fwrkit rekey`."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from fwrkit.host.cli import moments
from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import rekey as verb

EPILOG = "Examples: fwrkit rekey alice · fwrkit rekey server · fwrkit rekey server --now"


def rekey(
    node: NodeName,
    now: Annotated[
        bool,
        typer.Option(
            "--now", help="Of a server: the old key ends at once. Every node that has not learnt the new one by then needs a new invite."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Give a client a new key, or (of a server) its world a new authority. Use it when the old one may be in other hands."""
    machine, out = begin(json)
    result = verb.rekey(machine, node, now)
    out.result("rekey", result, lambda: _show(out, result))


def _show(out: Output, result: verb.Rekeyed) -> None:
    out.line(f"The new key of {result.node}: {result.fingerprint}")
    if result.until > time.time():
        until = moments.shown(result.until)
        out.line(f"The old one is valid too until {until}; every node that connects until then learns the new one by itself, within a day.")
    elif result.until:
        out.line("The old one is valid no more. A node that has not learnt the new one needs an invite: fwrkit invite CITIZEN")
    if result.were_shared:
        ends = "are worthless when the old one ends" if result.until > time.time() else "are worthless"
        out.line(f"Shares that were made of it {ends}. Make new ones: fwrkit shares {result.node} --need M --of N")
