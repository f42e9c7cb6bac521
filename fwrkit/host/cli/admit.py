"""`fwrkit admit`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli.context import CitizenName, Json, ThroughNode, begin
from fwrkit.host.verbs import requests as verb

EPILOG = "Examples: fwrkit admit bob · fwrkit admit bob --key SHA256:pQ3x"


def admit(
    citizen: CitizenName,
    key: Annotated[
        str | None, typer.Option(metavar="FINGERPRINT", help="The beginning of their key's fingerprint, where several ask under one name.")
    ] = None,
    node: ThroughNode = None,
    json: Json = False,
) -> None:
    """Let somebody in who asked. Officials only."""
    machine, out = begin(json)
    result = verb.admit(machine, citizen, key, node)
    out.result("admit", result, lambda: out.line(f"{result.name} is a citizen now, with the key {result.fingerprint}."))
