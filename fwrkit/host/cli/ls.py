"""`fwrkit ls`."""

from __future__ import annotations

from fwrkit.host.cli.context import Json, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import ls as verb

EPILOG = "Example: fwrkit ls --json"


def ls(json: Json = False) -> None:
    """List the nodes of this machine."""
    machine, out = begin(json)
    nodes = verb.ls(machine)
    out.result("ls", nodes, lambda: _show(out, nodes))


def _show(out: Output, nodes: list[verb.ListedNode]) -> None:
    if not nodes:
        out.line("There are no nodes on this machine. Start one with: fwrkit up server")
        return
    rows = [
        [each.node, "peer" if each.is_peer else each.role, each.state, each.citizen, each.world, each.server, each.url] for each in nodes
    ]
    out.table(["NODE", "ROLE", "STATE", "CITIZEN", "WORLD", "FOLLOWS", "OPEN"], rows)
