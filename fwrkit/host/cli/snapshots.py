"""`fwrkit snapshots`."""

from __future__ import annotations

from fwrkit.core.history import Snapshot
from fwrkit.host.cli import versions
from fwrkit.host.cli.context import Json, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.cli.versions import FromNode
from fwrkit.host.verbs import snapshots as verb

EPILOG = "Examples: fwrkit snapshots · fwrkit snapshots --node alice"


def snapshots(node: FromNode = None, json: Json = False) -> None:
    """List versions that have a name, and whether the world's authority signed them. Works offline."""
    machine, out = begin(json)
    found = verb.snapshots(machine, node)
    out.result("snapshots", found, lambda: _show(out, found))


def _show(out: Output, found: list[Snapshot]) -> None:
    if not found:
        out.line("There are no snapshots. Make one with: fwrkit snapshot NAME")
        return
    rows = [[each.name, versions.moment(each.time), each.by, each.version[: versions.SHORT], _verdict(each)] for each in found]
    out.table(["NAME", "MADE", "BY", "VERSION", "VERIFIED"], rows)


def _verdict(snapshot: Snapshot) -> str:
    return "yes" if snapshot.is_verified else f"NO: {snapshot.note}"
