"""`fwrkit sync`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.verbs import sync as verb

EPILOG = "Example: fwrkit sync alice --timeout 10"


def sync(
    node: NodeName,
    timeout: Annotated[float, typer.Option(metavar="S", min=0.1, help="Seconds to wait at most.")] = 60.0,
    json: Json = False,
) -> None:
    """Wait until a node and its upstream hold the same; say what does not if that takes too long."""
    machine, out = begin(json)
    result = verb.sync(machine, node, timeout)
    if result.in_sync:
        out.result("sync", result, lambda: out.line(f"{node} and its upstream hold the same."))
    verb.check(result, timeout)
