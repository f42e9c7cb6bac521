"""`fwrkit citizens`."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.core.records import CitizenRecord
from fwrkit.host.cli import moments
from fwrkit.host.cli.context import Json, ThroughNode, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import citizens as verb

EPILOG = "Examples: fwrkit citizens · fwrkit citizens --node alice --fingerprints"


def citizens(
    node: ThroughNode = None,
    fingerprints: Annotated[bool, typer.Option("--fingerprints", help="Their keys' fingerprints, too.")] = False,
    json: Json = False,
) -> None:
    """Say who belongs to the world, with which role, and who is banned and why. Works offline, too."""
    machine, out = begin(json)
    result = verb.citizens(machine, node)
    out.result("citizens", result, lambda: _show(out, result, fingerprints))


def _show(out: Output, roll: verb.Roll, with_keys: bool) -> None:
    heads = ["CITIZEN", "ROLE", "SINCE", *(["LAST SEEN (UTC)", "BEHIND"] if roll.is_live else []), "", *(["KEY"] if with_keys else [])]
    rows = []
    for each in roll.citizens:
        live = [_seen(each), str(each.behind) if each.role != "former" else ""] if roll.is_live else []
        rows.append([each.name, each.role, moments.day(each.since), *live, _note(each), *([each.fingerprint] if with_keys else [])])
    out.table(heads, rows)
    if with_keys and roll.authority:
        out.line(f"The world's authority: {roll.authority}")
    if not roll.is_live:
        out.progress(roll.why)
        out.progress("This is what the node last heard.")


def _seen(each: CitizenRecord) -> str:
    if each.connected:
        return "connected"
    return moments.minute(each.last_seen) if each.last_seen else "never"


def _note(each: CitizenRecord) -> str:
    if each.reason:
        until = f" until {moments.shown(each.banned_until)}" if each.banned_until else ""
        return f"banned{until} by {each.banned_by}: {each.reason}"
    return f"held: {each.held}" if each.held else ""
