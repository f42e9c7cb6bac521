"""`invite`: by which server, and when not."""

from __future__ import annotations

import pytest

from fwrkit.core import invites
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs import up
from fwrkit.host.verbs.down import down
from fwrkit.host.verbs.invite import invite
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def code_of(machine: SimulatedMachine, citizen: str, server: str | None = None) -> ExitCode:
    with pytest.raises(FwrError) as raised:
        invite(machine, citizen, server)
    assert raised.value.hint
    return raised.value.code


def test_an_invite_names_the_address_that_others_reach(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish(address="wiki.example.org"))
    made = invite(machine, "bob", expires=60)
    said = invites.decode(made.invite)
    assert (said.host, said.port, said.citizen) == ("wiki.example.org", machine.nodes.get("server").ssh_port, "bob")
    assert said.expires == made.expires


def test_a_server_of_this_machine_only_invites_nobody(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    assert code_of(machine, "bob") == ExitCode.REFUSED


def test_which_server(machine: SimulatedMachine) -> None:
    assert code_of(machine, "bob") == ExitCode.NOT_FOUND
    up.up_server(machine, ServerWish(address="a.example.org"))
    up.up_server(machine, ServerWish(name="wiki", address="b.example.org"))
    assert code_of(machine, "bob") == ExitCode.USAGE
    assert invites.decode(invite(machine, "bob", "wiki").invite).host == "b.example.org"
    join(machine, JoinWish("server", name="alice"))
    assert invites.decode(invite(machine, "bob", "alice").invite).host == "gate.example.org", "a client does not know, the server does"
    assert machine.republic.asked[-1] == ("alice", "invite", {"name": "bob"})
    down(machine, "wiki")
    assert code_of(machine, "bob", "wiki") == ExitCode.UNREACHABLE
    assert code_of(machine, "Bob!") == ExitCode.USAGE
