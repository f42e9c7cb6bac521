"""`fwrkit drill succession`."""

from __future__ import annotations

import typer

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import Finding
from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import drill as verb

EPILOG = "Example: fwrkit drill succession alice"
app = typer.Typer(help="Play on copies what one hopes will not happen.", epilog=EPILOG, no_args_is_help=True)


@app.command(epilog=EPILOG)
def succession(node: NodeName, json: Json = False) -> None:
    """Play the loss of the server on copies of what a node has, and say whether the world would survive it. Touches no node."""
    machine, out = begin(json)
    findings = verb.succession(machine, node)
    out.result("drill", findings, lambda: _show(out, findings, node))
    bad = [finding for finding in findings if not finding.ok]
    if bad:
        hint = bad[0].hint or "See what is wrong above."
        raise FwrError(
            ExitCode.FAILED, f"With what {node} has, this world would not survive whole: {len(bad)} of {len(findings)} checks failed.", hint
        )


def _show(out: Output, findings: list[Finding], node: str) -> None:
    rows = [["ok" if each.ok else "BAD", each.check, each.message + (f" {each.hint}" if each.hint else "")] for each in findings]
    out.table(["", "CHECK", ""], rows)
    if all(each.ok for each in findings):
        out.line(f"With what {node} has, this world would survive the loss of its server.", "bold green")
