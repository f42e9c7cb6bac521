"""`fwrkit citizens`."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from fwrkit.core.records import CitizenRecord
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
    heads = ["CITIZEN", "ROLE", "SINCE", *(["LAST SEEN", "BEHIND"] if roll.is_live else []), "", *(["KEY"] if with_keys else [])]
    rows = []
    for each in roll.citizens:
        live = [_seen(each), str(each.behind) if each.role != "former" else ""] if roll.is_live else []
        rows.append([each.name, each.role, _day(each.since), *live, _note(each), *([each.fingerprint] if with_keys else [])])
    out.table(heads, rows)
    if not roll.is_live:
        out.progress("The server is out of reach: this is what this node last heard.")


def _seen(each: CitizenRecord) -> str:
    if each.connected:
        return "connected"
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(each.last_seen)) if each.last_seen else "never"


def _note(each: CitizenRecord) -> str:
    if each.reason:
        until = f" until {time.strftime('%Y-%m-%d %H:%M', time.localtime(each.banned_until))}" if each.banned_until else ""
        return f"banned{until} by {each.banned_by}: {each.reason}"
    return f"held: {each.held}" if each.held else ""


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
