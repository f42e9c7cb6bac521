"""`fwrkit restore`: a path of the world that was deleted, or a node from a backup."""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from fwrkit.core.backups import SUFFIX, Header
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.cli import moments, password, reverted
from fwrkit.host.cli.context import Json, ThroughNode, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.cli.reverted import DryRun
from fwrkit.host.verbs import restore as verb
from fwrkit.host.verbs import revert

EPILOG = "Examples: fwrkit restore www/data/pages/start.txt · fwrkit restore www/archive --dry-run · fwrkit restore server-2026-11-26T031200Z.fwrkit"


def restore(
    what: Annotated[
        str,
        typer.Argument(
            metavar="PATH|FILE", help=f"A file or a directory of the world that was deleted; or a backup: a file named …{SUFFIX}, or -."
        ),
    ],
    name: Annotated[str | None, typer.Option(help="Backup: another name for the node.")] = None,
    world: Annotated[str | None, typer.Option(metavar="DIR", help="Backup: keep the world in an empty directory of this machine.")] = None,
    address: Annotated[str | None, typer.Option(metavar="HOST", help="Backup of a server: how other machines reach it now.")] = None,
    identity: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Backup: what opens its keys (of age-keygen, or an SSH key without a passphrase).")
    ] = None,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Backup: leave its keys out; a server gets new ones, and citizens need new invites.")
    ] = False,
    no_start: Annotated[bool, typer.Option("--no-start", help="Backup: do not start the node.")] = False,
    dry_run: DryRun = False,
    node: ThroughNode = None,
    json: Json = False,
) -> None:
    """Bring back something that was deleted, a directory with what went with it; or make a node from a backup."""
    machine, out = begin(json)
    options = (name, world, address, identity)
    is_backup = verb.is_backup(what) or any(option is not None for option in options) or without_keys or no_start
    if not is_backup or node is not None:
        result = revert.restore(machine, what, dry_run, node)
        out.result("reverted", result, lambda: reverted.show(out, result))
        return
    if dry_run:
        raise FwrError(ExitCode.USAGE, "A backup is looked at before anything is made, in any case.", "Leave --dry-run out.")
    with verb.opened(machine, what, sys.stdin.buffer) as file:
        header = verb.look(file)
        wish = verb.RestoreWish(name or "", world or "", address or "", None, not no_start)
        verb.check(machine, header, wish, are_keys_left_out=without_keys)
        lock = _lock(header, what, identity) if header.has_keys and not without_keys else None
        made = verb.restore(machine, file, replace(wish, lock=lock))
    out.result("restored", made, lambda: _show(out, machine, made))


def _lock(header: Header, what: str, identity: Path | None) -> dict[str, Any]:
    if identity is not None or what != verb.STANDARD_INPUT:
        return password.lock(identity)
    if not os.path.exists("/dev/tty") or not sys.stderr.isatty():
        hint = "Give --identity, or put the backup into a file first."
        raise FwrError(ExitCode.USAGE, f"The keys of {header.node} need a passphrase, and there is no terminal to ask for it.", hint)
    return {"passphrase": getpass.getpass("Passphrase of the backup: ")}


def _show(out: Output, machine: Machine, result: verb.Restored) -> None:
    out.line(
        f"{result.node} is {'up' if result.status is not None else 'restored'}, as it was on {moments.minute(result.made)} UTC.",
        "bold green",
    )
    rows = [[f"{site} site", url] for site, url in result.urls.items()] if result.status is not None else []
    if result.role == "server" and result.address:
        rows.append(["for citizens", f"{result.address}:{result.ssh_port}"])
    if result.status is None:
        rows.append(["to start it", f"fwrkit up {result.node}"])
    out.table(["", ""], rows)
    for note in result.notes:
        out.line(note)
