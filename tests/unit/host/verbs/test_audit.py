"""The audit log as a node has it."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs.audit import AuditEntry, AuditLog, audit, check
from fwrkit.host.verbs.up import ServerWish, up_server
from tests.unit.host.simulated import SimulatedMachine

LINE = {"number": 1, "time": 5, "actor": "ada", "event": "ban", "subject": "bob", "details": {"reason": "x"}, "previous": "0"}


def test_a_whole_log_is_shown_and_a_broken_one_is_an_error(machine: SimulatedMachine) -> None:
    up_server(machine, ServerWish(citizen="ada"))
    machine.republic.audit = {"entries": [LINE], "head": "h", "fault": ""}
    found = audit(machine, None)
    assert found == AuditLog([AuditEntry(1, 5, "ada", "ban", "bob", {"reason": "x"})], "h", "")
    check(found)
    machine.republic.audit = {"entries": [], "head": "h", "fault": "Line 1 was changed after it was written."}
    with pytest.raises(FwrError) as raised:
        check(audit(machine, None))
    assert raised.value.code is ExitCode.FAILED
