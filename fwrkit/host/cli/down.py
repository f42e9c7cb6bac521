"""`fwrkit down`."""

from __future__ import annotations

from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.verbs import down as verb

EPILOG = "Example: fwrkit down alice"


def down(node: NodeName, json: Json = False) -> None:
    """Stop a node. Everything it holds stays."""
    machine, out = begin(json)
    result = verb.down(machine, node)
    out.result("down", result, lambda: out.line(f"{node} is down." if result.was_running else f"{node} was not running."))
