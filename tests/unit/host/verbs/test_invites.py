"""Which invites are good still, and their end before their time."""

from __future__ import annotations

from fwrkit.host.verbs.invites import Invites, OpenInvite, Withdrawn, invites, withdraw
from fwrkit.host.verbs.up import ServerWish, up_server
from tests.unit.host.simulated import SimulatedMachine


def test_invites_are_the_server_s(machine: SimulatedMachine) -> None:
    up_server(machine, ServerWish(citizen="ada"))
    machine.republic.answers |= {
        "invites": {"invites": [{"name": "club", "by": "ada", "expires": 5, "uses": 20, "left": 7}]}, "withdraw": {"name": "club", "count": 1},
    }  # fmt: skip
    assert invites(machine, None) == Invites([OpenInvite("club", "ada", 5, 20, 7)])
    assert withdraw(machine, "club", None) == Withdrawn("club", 1)
    assert [(what, given) for _, what, given in machine.republic.asked] == [("invites", {}), ("withdraw", {"name": "club"})]
