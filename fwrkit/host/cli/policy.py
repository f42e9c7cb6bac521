"""`fwrkit policy`: show, test, add, remove, edit, set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import editor
from fwrkit.host.cli.context import Json, ThroughNode, begin
from fwrkit.host.cli.group import GroupWithDefault
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import policy as verb

EPILOG = 'Examples: fwrkit policy · fwrkit policy test www/x.php --as bob · fwrkit policy add "no films" --path "*.mp4" --then refuse'
_SHOW = "Example: fwrkit policy show"
_TEST = "Examples: fwrkit policy test www_tourist/index.html --as bob · fwrkit policy test big.iso --as bob --size 700000000"
_ADD = 'Example: fwrkit policy add "only officials publish" --path "www_tourist/**" --role citizen --then refuse'
_REMOVE = 'Example: fwrkit policy remove "only officials publish"'
_EDIT = "Example: fwrkit policy edit"
_SET = "Examples: fwrkit policy set policy.toml · fwrkit policy set - < policy.toml"

app = typer.Typer(help="Who may change what in this world.", cls=GroupWithDefault, epilog=EPILOG)
Words = list[str]


@app.command("show", epilog=_SHOW)
def show(node: ThroughNode = None, json: Json = False) -> None:
    """Show the policy. This is what `fwrkit policy` does."""
    machine, out = begin(json)
    result = verb.show(machine, node)
    out.result("policy", result, lambda: _show(out, result))


@app.command("test", epilog=_TEST)
def test(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A path in the world.")],
    citizen: Annotated[str, typer.Option("--as", metavar="CITIZEN", help="Who would change it.")],
    operation: Annotated[str, typer.Option(metavar="add|edit|delete", help="How (default: edit if it is there, else add).")] = "",
    size: Annotated[int | None, typer.Option(metavar="BYTES", min=0, help="How large it would be (default: as it is).")] = None,
    node: ThroughNode = None,
    json: Json = False,
) -> None:
    """Explain which rule decides about a change. Works offline, too."""
    machine, out = begin(json)
    result = verb.test(machine, path, citizen, operation, size, node)
    out.result("policy-test", result, lambda: out.line(result.explanation))


@app.command("add", epilog=_ADD)
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the rule is about.")],
    then: Annotated[str, typer.Option(metavar="refuse|allow|review", help="What happens to what it concerns.")],
    path: Annotated[Words, typer.Option("--path", metavar="PATTERN", help="Paths that it concerns; may be repeated.")] = [],  # noqa: B006 - Typer's
    except_: Annotated[Words, typer.Option("--except", metavar="PATTERN", help="Paths that it does not; may be repeated.")] = [],  # noqa: B006
    role: Annotated[Words, typer.Option("--role", metavar="ROLE", help="Whom it concerns; may be repeated.")] = [],  # noqa: B006
    citizen: Annotated[Words, typer.Option("--citizen", metavar="NAME", help="Whom it concerns; may be repeated.")] = [],  # noqa: B006
    operation: Annotated[Words, typer.Option("--operation", metavar="add|edit|delete", help="May be repeated.")] = [],  # noqa: B006
    larger: Annotated[str, typer.Option(metavar="SIZE", help="Only files above it, like '5 MB'.")] = "",
    reason: Annotated[str, typer.Option(metavar="TEXT", help="A sentence for who is refused.")] = "",
    before: Annotated[
        str | None, typer.Option(metavar="RULE", help="Before this rule (default: the last one). The first that matches decides.")
    ] = None,
    node: ThroughNode = None,
    json: Json = False,
) -> None:
    """Add a rule. Officials only."""
    machine, out = begin(json)
    rule = {
        "name": name, "then": then, "paths": path, "except": except_, "roles": role, "citizens": citizen, "operations": operation,
        "larger": larger, "reason": reason,
    }  # fmt: skip
    result = verb.add(machine, rule, before, node)
    out.result("policy-changed", result, lambda: _changed(out, result))


@app.command("remove", epilog=_REMOVE)
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The rule's name.")], node: ThroughNode = None, json: Json = False
) -> None:
    """Remove a rule. Officials only."""
    machine, out = begin(json)
    result = verb.remove(machine, name, node)
    out.result("policy-changed", result, lambda: _changed(out, result))


@app.command("edit", epilog=_EDIT)
def edit(node: ThroughNode = None) -> None:
    """Change the policy in your editor ($EDITOR). Officials only. What is wrong is not taken: the line is said, and you may go on."""
    machine, out = begin(False)
    text = verb.show(machine, node).text
    while True:
        edited = editor.edit(text, ".toml")
        if edited == text:
            out.line("Nothing was changed.")
            return
        try:
            result = verb.put(machine, edited, node)
        except FwrError as error:
            out.error(error)
            text = edited
            if not typer.confirm("Go on editing?", default=True, err=True):
                raise typer.Abort from error
        else:
            _changed(out, result)
            return


@app.command("set", epilog=_SET)
def set_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file with the whole policy; - for standard input.")],
    node: ThroughNode = None,
    json: Json = False,
) -> None:
    """Put a whole policy in the place of the one there is. Officials only."""
    machine, out = begin(json)
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except UnicodeDecodeError as error:
        raise FwrError(ExitCode.USAGE, f"{file} is no text.", "A policy is a TOML file: see docs/policy.md.") from error
    except FileNotFoundError as error:
        raise FwrError(ExitCode.NOT_FOUND, f"There is no file {file}.", "Give the path of a TOML file, or - for standard input.") from error
    except OSError as error:
        raise FwrError(
            ExitCode.USAGE, f"{file} can not be read ({error.strerror}).", "Give a TOML file, or - for standard input."
        ) from error
    result = verb.put(machine, text, node)
    out.result("policy-changed", result, lambda: _changed(out, result))


def _show(out: Output, policy: verb.PolicyText) -> None:
    out.line(policy.text.rstrip() or "This world has no policy: every citizen may change everything but .fwr.")
    if policy.fault:
        out.progress(f"It is not in force: {policy.fault}")


def _changed(out: Output, result: verb.PolicyChanged) -> None:
    out.line(f"The policy is in force, with {result.rules} {'rule' if result.rules == 1 else 'rules'}.")
