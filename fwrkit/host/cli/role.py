"""`fwrkit role`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli.context import CitizenName, Json, ThroughNode, begin
from fwrkit.host.verbs import citizens as verb

EPILOG = "Examples: fwrkit role alice official · fwrkit role mallory reader"


def role(
    citizen: CitizenName,
    role: Annotated[str, typer.Argument(metavar="official|citizen|reader", help="Officials admit, ban and filter; readers only read.")],
    node: ThroughNode = None,
    json: Json = False,
) -> None:
    """Give a citizen a role. It counts from their next change on. Officials only."""
    machine, out = begin(json)
    result = verb.role(machine, citizen, role, node)
    before = f" (before: {result.before})" if result.before != result.role else " already"
    out.result("role", result, lambda: out.line(f"{result.name} is {result.role}{before}."))
