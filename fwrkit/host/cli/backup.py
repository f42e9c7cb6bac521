"""`fwrkit backup`."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.cli.password import passphrase
from fwrkit.host.verbs import backup as verb

EPILOG = "Examples: fwrkit backup server --keys · fwrkit backup server /backups --every 24h --keep 7 --recipient age1… · fwrkit backup alice - | ssh …"


def backup(
    node: NodeName,
    target: Annotated[
        str, typer.Argument(metavar="[FILE|DIRECTORY|-]", help="A file that does not exist, a directory (default: this one), or -.")
    ] = "",
    keys: Annotated[bool, typer.Option("--keys", help="The keys too, encrypted by a passphrase that is asked for.")] = False,
    recipient: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="The keys too, encrypted for an age1… or ssh-ed25519 … (may be repeated).")
    ] = None,
    restic: Annotated[str | None, typer.Option(metavar="REPOSITORY", help="Into a restic repository of yours.")] = None,
    every: Annotated[str | None, typer.Option(metavar="SPAN", help="Now, and again each 30m, 24h, 7d, until it is interrupted.")] = None,
    keep: Annotated[int | None, typer.Option(min=1, metavar="N", help="Then remove this node's older ones there but the newest N.")] = None,
    json: Json = False,
) -> None:
    """Save everything of a node that can not be made anew, while it runs or not."""
    machine, out = begin(json)
    machine.nodes.get(node)
    if target == verb.STANDARD_OUTPUT:
        _check_standard_output(json, every, keep)
    wish = verb.BackupWish(node, target, _lock(keys, recipient), keep or 0, restic or "")
    if every is None:
        result = verb.backup(machine, wish, _raw)
        _tell(out, result)
        return
    verb.every(machine, wish, verb.span(every), _raw, lambda what: _tell(out, what))


def _check_standard_output(is_json: bool, every: str | None, keep: int | None) -> None:
    if is_json or every is not None or keep is not None:
        raise FwrError(ExitCode.USAGE, "On standard output is the backup, once, and nothing else.", "Leave --json, --every and --keep out.")
    if sys.stdout.isatty():
        raise FwrError(ExitCode.USAGE, "A backup is nothing for a terminal.", "Send it somewhere: fwrkit backup NODE - > FILE")


def _lock(keys: bool, recipients: list[str] | None) -> dict[str, Any] | None:
    if recipients:
        return {"recipients": recipients}
    return {"passphrase": passphrase(is_new=True)} if keys else None


def _raw(piece: bytes) -> None:
    try:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:  # elsewhere whoever reads along may have seen enough; half a backup is none
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise FwrError(ExitCode.FAILED, "Nobody takes the backup any more: it is not whole.", "See why, then try again.") from error


def _tell(out: Output, what: verb.BackedUp | FwrError) -> None:
    if isinstance(what, FwrError):
        out.error(what)
    elif what.file == verb.STANDARD_OUTPUT:
        for sentence in _sentences(what):
            out.progress(sentence)
    else:
        out.result("backup", what, lambda: _show(out, what))


def _show(out: Output, result: verb.BackedUp) -> None:
    first, *others = _sentences(result)
    out.line(first, "bold green")
    for sentence in others:
        out.line(sentence)


def _sentences(result: verb.BackedUp) -> list[str]:
    where = "standard output" if result.file == verb.STANDARD_OUTPUT else result.file
    content = f"{result.files} files, {verb.amount(result.content)}"
    found = [f"{result.node} is in {where}: {verb.amount(result.size)} ({content}) in {result.seconds:.1f} s."]
    if not result.has_keys:
        found.append("Its keys are not in it (--keys): see what that means before you need it, fwrkit restore --help.")
    found += [f"left out: {line}" for line in result.left_first]
    if result.left > len(result.left_first):
        found.append(f"left out: {result.left - len(result.left_first)} more")
    found += [f"was written all the time, and may be torn: {path}" for path in result.unsteady]
    return [*found, *(f"removed: {path}" for path in result.removed)]
