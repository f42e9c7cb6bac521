"""How versions are printed for people: short ids, times in UTC, and what a version did in one line."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.core.history import LogEntry, PathChange
from fwrkit.host.cli import moments
from fwrkit.host.cli.context import complete_node
from fwrkit.host.cli.output import Output

SHORT = 10  # hex digits
_SIGNS = {"added": "+", "deleted": "-"}
_STYLES = {"+": "green", "-": "red", "@": "cyan"}

FromNode = Annotated[
    str | None,
    typer.Option(
        "--node", metavar="NODE", autocompletion=complete_node, help="Whose history (default: the only node, or the only server)."
    ),
]


def moment(seconds: int) -> str:
    """Given Unix seconds, return the time as people read it."""
    return f"{moments.second(seconds)} UTC"


def one_line(text: str) -> str:
    """Given a path or a message, return it without line breaks of its own."""
    return text.replace("\n", "\\n").replace("\t", "\\t")


def heading(out: Output, entry: LogEntry) -> None:
    """Print who made a version when, and what it did in one line."""
    out.line(f"{entry.version[:SHORT]}  {moment(entry.time)}  {one_line(entry.author)}  {one_line(entry.message.partition(chr(10))[0])}")


def changes(out: Output, found: list[PathChange], count: int) -> None:
    """Print what happened to paths, one a line."""
    for item in found:
        size = f"  {item.size} bytes" if item.kind != "deleted" else ""
        out.line(f"  {_SIGNS.get(item.kind, '~')} {one_line(item.path)}{size}")
    if count > len(found):
        out.line(f"  … and {count - len(found)} more")


def patch(out: Output, text: str, is_cut: bool) -> None:
    """Print a difference as text."""
    for line in text.split("\n")[:-1] if text.endswith("\n") else text.split("\n"):
        is_header = line.startswith(("+++", "---"))
        out.line(line, "bold" if is_header or line.startswith("diff ") else _STYLES.get(line[:1], ""))
    if is_cut:
        out.line("… it goes on; look at one path: fwrkit diff A B PATH")
