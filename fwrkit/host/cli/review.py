"""`fwrkit review`: list, diff, accept, reject."""

from __future__ import annotations

from typing import Annotated

import typer

from fwrkit.host.cli import moments
from fwrkit.host.cli.context import Json, ThroughNode, begin
from fwrkit.host.cli.group import GroupWithDefault
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import review as verb

EPILOG = "Examples: fwrkit review · fwrkit review diff 3 · fwrkit review accept 3 4 · fwrkit review reject 5 --reason 'no advertising'"
_LIST = "Example: fwrkit review list"
_DIFF = "Example: fwrkit review diff 3"
_ACCEPT = "Examples: fwrkit review accept 3 4 · fwrkit review accept --by alice"
_REJECT = "Examples: fwrkit review reject 3 --reason 'no advertising' · fwrkit review reject --by mallory"

app = typer.Typer(help='What waits until an official accepts it (policy: then = "review").', cls=GroupWithDefault, epilog=EPILOG)
Numbers = Annotated[list[int] | None, typer.Argument(metavar="[NUMBER]…", help="The numbers that `fwrkit review` shows.")]
By = Annotated[str, typer.Option("--by", metavar="CITIZEN", help="Instead of numbers: all that waits of a citizen's.")]


@app.command("list", epilog=_LIST)
def list_(node: ThroughNode = None, json: Json = False) -> None:
    """List what waits: everything for officials, their own for citizens. This is what `fwrkit review` does."""
    machine, out = begin(json)
    result = verb.reviews(machine, node)
    out.result("reviews", result, lambda: _show(out, result))


@app.command("diff", epilog=_DIFF)
def diff(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The number that `fwrkit review` shows.")],
    node: ThroughNode = None,
    json: Json = False,
) -> None:
    """Show what a change would do."""
    machine, out = begin(json)
    result = verb.diff(machine, number, node)
    out.result("review-diff", result, lambda: _show_diff(out, result))


@app.command("accept", epilog=_ACCEPT)
def accept(numbers: Numbers = None, by: By = "", node: ThroughNode = None, json: Json = False) -> None:
    """Let changes through: they are their author's, as if nothing had been between. Officials only."""
    machine, out = begin(json)
    result = verb.decide(machine, "accept", numbers or [], by, "", node)
    out.result("reviewed", result, lambda: _decided(out, result, "accepted"))


@app.command("reject", epilog=_REJECT)
def reject(
    numbers: Numbers = None,
    by: By = "",
    reason: Annotated[str, typer.Option(metavar="TEXT", help="A sentence for the author.")] = "",
    node: ThroughNode = None,
    json: Json = False,
) -> None:
    """Turn changes down: they are undone at their author's, who keeps the content (fwrkit refused). Officials only."""
    machine, out = begin(json)
    result = verb.decide(machine, "reject", numbers or [], by, reason, node)
    out.result("reviewed", result, lambda: _decided(out, result, "rejected"))


def _show(out: Output, found: verb.Reviews) -> None:
    if not found.reviews:
        out.line("Nothing waits.")
        return
    rows = [[str(each.number), each.by, moments.minute(each.since), each.kind, each.path, str(each.size)] for each in found.reviews]
    out.table(["NUMBER", "BY", "SINCE (UTC)", "", "PATH", "BYTES"], rows)
    if found.count > len(found.reviews):
        out.line(f"… and {found.count - len(found.reviews)} more")


def _show_diff(out: Output, result: verb.ReviewDiff) -> None:
    if result.is_binary:
        out.line(f"{result.change.path}: {result.change.size} bytes that are no text, or too many to be shown.")
        return
    for line in result.diff.splitlines():
        out.line(line)


def _decided(out: Output, result: verb.Reviewed, word: str) -> None:
    for path in result.paths:
        out.line(path)
    out.line(f"{result.count} {'change' if result.count == 1 else 'changes'} {word}.")
