"""`fwrkit doctor`."""

from __future__ import annotations

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import Finding
from fwrkit.host.cli.context import Json, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import doctor as verb

EPILOG = "Example: fwrkit doctor --json"


def doctor(json: Json = False) -> None:
    """Look whether this machine and its nodes have what they need. Changes nothing."""
    machine, out = begin(json)
    findings = verb.doctor(machine)
    out.result("doctor", findings, lambda: _show(out, findings))
    bad = [finding for finding in findings if not finding.ok]
    if bad:
        raise FwrError(ExitCode.FAILED, f"{len(bad)} of {len(findings)} checks failed.", bad[0].hint)


def _show(out: Output, findings: list[Finding]) -> None:
    rows = [["ok" if each.ok else "BAD", each.check, each.message + (f" {each.hint}" if each.hint else "")] for each in findings]
    out.table(["", "CHECK", ""], rows)
