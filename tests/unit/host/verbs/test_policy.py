"""The policy: shown, tested, and changed as it was said."""

from __future__ import annotations

from fwrkit.host.verbs import policy as verb
from fwrkit.host.verbs.up import ServerWish, up_server
from tests.unit.host.simulated import SimulatedMachine


def test_each_verb(machine: SimulatedMachine) -> None:
    up_server(machine, ServerWish(citizen="ada"))
    assert verb.show(machine, None) == verb.PolicyText("# a policy\n", "")
    assert verb.test(machine, "a", "bob", "", 5, None).explanation == "refused: 5"
    assert verb.add(machine, {"name": "r", "then": "refuse", "paths": ["*"], "roles": [], "reason": ""}, "q", None) == verb.PolicyChanged(2)
    verb.remove(machine, "r", None)
    verb.put(machine, "", None)
    assert [change for _, _, change in machine.republic.asked] == [
        {"add": {"name": "r", "then": "refuse", "paths": ["*"]}, "before": "q"}, {"remove": "r"}, {"set": ""},
    ]  # fmt: skip
