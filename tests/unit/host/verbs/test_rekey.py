"""A new key: of a client, or of a world's authority."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.rekey import Rekeyed, rekey
from fwrkit.host.verbs.up import ServerWish, up_server
from tests.unit.host.simulated import SimulatedMachine


def test_which_key_is_changed_depends_on_the_node(machine: SimulatedMachine) -> None:
    up_server(machine, ServerWish(citizen="ada"))
    join(machine, JoinWish("server", name="alice"))
    machine.republic.answers["change-authority"] = {"fingerprint": "SHA256:a", "until": 7}
    assert rekey(machine, "alice") == Rekeyed("alice", "SHA256:new")
    assert rekey(machine, "server", is_now=True) == Rekeyed("server", "SHA256:a", 7)
    assert machine.republic.asked[-1] == ("server", "change-authority", {"now": True})
    machine.republic.answers["change-authority"] = {"fingerprint": "SHA256:a", "until": 7, "were_shared": True}
    assert rekey(machine, "server").were_shared
    with pytest.raises(FwrError) as raised:
        rekey(machine, "alice", is_now=True)
    assert raised.value.code is ExitCode.USAGE
