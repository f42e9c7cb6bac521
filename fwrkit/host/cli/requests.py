"""`fwrkit requests`, `fwrkit requests open`, `fwrkit requests close`, `fwrkit requests dismiss`."""

from __future__ import annotations

import typer

from fwrkit.host.cli import moments
from fwrkit.host.cli.context import CitizenName, Json, ThroughNode, begin
from fwrkit.host.cli.group import GroupWithDefault
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import requests as verb

EPILOG = "Examples: fwrkit requests · fwrkit requests close · fwrkit requests dismiss mallory"
_OPEN = "Example: fwrkit requests open"
_CLOSE = "Example: fwrkit requests close"
_DISMISS = "Example: fwrkit requests dismiss mallory"

app = typer.Typer(help="Who asks to be let in, and whether anybody may.", cls=GroupWithDefault, epilog=EPILOG)


@app.command("list", epilog=EPILOG)
def requests(node: ThroughNode = None, json: Json = False) -> None:
    """List who asks to be let in (fwrkit join HOST without an invite). This is what `fwrkit requests` does. Officials only."""
    machine, out = begin(json)
    result = verb.requests(machine, node)
    out.result("requests", result, lambda: _show(out, result))


@app.command("open", epilog=_OPEN)
def open_(node: ThroughNode = None, json: Json = False) -> None:
    """Let anybody who reaches the server ask to be let in (that is how it begins)."""
    machine, out = begin(json)
    result = verb.take(machine, True, node)
    out.result("requests", result, lambda: _show(out, result))


@app.command("close", epilog=_CLOSE)
def close(node: ThroughNode = None, json: Json = False) -> None:
    """Let nobody ask: only an invite lets in. What waits already stays."""
    machine, out = begin(json)
    result = verb.take(machine, False, node)
    out.result("requests", result, lambda: _show(out, result))


@app.command("dismiss", epilog=_DISMISS)
def dismiss(citizen: CitizenName, node: ThroughNode = None, json: Json = False) -> None:
    """Turn down who asks under a name."""
    machine, out = begin(json)
    result = verb.dismiss(machine, citizen, node)
    out.result("dismissed", result, lambda: out.line(f"Nobody asks as {result.name} any more."))


def _show(out: Output, found: verb.Petitions) -> None:
    if found.requests:
        rows = [[each.name, moments.minute(each.since), each.fingerprint] for each in found.requests]
        out.table(["NAME", "SINCE (UTC)", "KEY"], rows)
        out.progress("Compare the key with the one that they see, then: fwrkit admit NAME")
    else:
        out.line("Nobody asks to be let in.")
    if not found.is_open:
        out.line("Nobody may ask: only an invite lets in (fwrkit requests open).")
