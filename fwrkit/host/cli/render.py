"""`fwrkit render`."""

from __future__ import annotations

from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.verbs import render as verb

EPILOG = "Example: fwrkit render server > compose.yaml"


def render(node: NodeName, json: Json = False) -> None:
    """Print a node's compose file, to read or to keep."""
    machine, out = begin(json)
    result = verb.render(machine, node)
    out.result("render", result, lambda: out.line(result.text.rstrip("\n")))
