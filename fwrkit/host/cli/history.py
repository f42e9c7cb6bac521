"""`fwrkit history gc`."""

from __future__ import annotations

import typer

from fwrkit.host.cli.context import Json, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.cli.versions import FromNode
from fwrkit.host.verbs import history as verb

EPILOG = "Examples: fwrkit history gc · fwrkit history gc --node alice"

app = typer.Typer(help="Looking after the history's store.", no_args_is_help=True, epilog=EPILOG)


@app.callback()
def history() -> None:
    """Look after the history's store."""


@app.command("gc", epilog=EPILOG)
def collect(node: FromNode = None, json: Json = False) -> None:
    """Pack a node's history, and let old contents of large files go whose time is over. Nodes do it by themselves, too."""
    machine, out = begin(json)
    result = verb.collect(machine, node)
    out.result("tidied", result, lambda: _show(out, result))


def _show(out: Output, result: verb.TidiedNode) -> None:
    done = result.tidied
    out.line(f"{result.node}: {_size(done.before)} before, {_size(done.after)} now")
    if done.dropped:
        out.line(f"{done.dropped} old contents of large files ({_size(done.dropped_bytes)}) are kept no longer.")


def _size(count: int) -> str:
    return f"{count / 1024:.0f} KiB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MiB"
