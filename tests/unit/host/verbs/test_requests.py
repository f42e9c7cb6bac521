"""Who asks to be let in, and letting them."""

from __future__ import annotations

from fwrkit.host.verbs.requests import Admitted, Dismissed, Petition, Petitions, admit, dismiss, requests, take
from fwrkit.host.verbs.up import ServerWish, up_server
from tests.unit.host.simulated import SimulatedMachine


def test_requests_are_the_server_s(machine: SimulatedMachine) -> None:
    up_server(machine, ServerWish(citizen="ada"))
    machine.republic.answers |= {
        "requests": {"open": False, "requests": [{"name": "eve", "since": 5, "fingerprint": "SHA256:x"}]},
        "take-requests": {"open": False}, "admit": {"name": "eve", "fingerprint": "SHA256:x"}, "dismiss": {"name": "eve"},
    }  # fmt: skip
    found = Petitions(False, [Petition("eve", 5, "SHA256:x")])
    assert requests(machine, None) == found
    assert take(machine, False, None) == found
    assert admit(machine, "eve", "SHA256:x", None) == Admitted("eve", "SHA256:x")
    assert dismiss(machine, "eve", None) == Dismissed("eve")
    assert [what for _, what, _ in machine.republic.asked] == ["requests", "take-requests", "requests", "admit", "dismiss"]
    assert machine.republic.asked[1][2] == {"open": False}
    assert machine.republic.asked[3][2] == {"name": "eve", "key": "SHA256:x"}
