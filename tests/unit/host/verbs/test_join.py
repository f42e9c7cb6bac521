"""`join`: by an invite, of a server here, of a host; interrupted, repeated, refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from fwrkit.core import invites
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs import down, rm, up
from fwrkit.host.verbs import join as verb
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedAgent, SimulatedMachine


@pytest.fixture
def served(machine: SimulatedMachine) -> SimulatedMachine:
    """A machine with a server."""
    up.up_server(machine, ServerWish(citizen="ada"))
    return machine


def invite_of(machine: SimulatedMachine, port: int, citizen: str = "bob", expires: int = 3600) -> str:
    """Return an invite as a server elsewhere makes it, which answers at a port here."""
    return str(SimulatedAgent(machine, "server").ask("invite", name=citizen, host="127.0.0.1", port=port, expires=expires)["invite"])


def code_of(machine: SimulatedMachine, wish: JoinWish) -> ExitCode:
    with pytest.raises(FwrError) as raised:
        join(machine, wish)
    assert "\n" not in raised.value.message
    return raised.value.code


# of a server on this machine


def test_joining_a_server_here(served: SimulatedMachine) -> None:
    joined = join(served, JoinWish("server", name="alice"))
    assert (joined.node, joined.citizen, joined.server, joined.world, joined.is_joined) == ("alice", "alice", "server", "world", True)
    assert set(joined.urls) == {"citizens", "tourist"}
    assert served.republic.joined == {"alice": "server"}
    assert served.home.network("server", "uplink") in (served.nodes.directory("alice") / "compose.yaml").read_text()


def test_without_a_name_it_is_the_client(served: SimulatedMachine) -> None:
    assert join(served, JoinWish("server")).node == "client"
    assert not join(served, JoinWish("server")).is_new
    up.up_server(served, ServerWish(name="wiki"))
    assert join(served, JoinWish("wiki")).node == "client-2"
    assert join(served, JoinWish("wiki")).node == "client-2"
    assert join(served, JoinWish("server")).node == "client"


def test_repeating_it_is_harmless(served: SimulatedMachine) -> None:
    first = join(served, JoinWish("server", name="alice"))
    used = dict(served.republic.used)
    second = join(served, JoinWish("server", name="alice"))
    assert dataclasses.replace(second, is_new=True, status=first.status) == first
    assert served.republic.used == used, "no second invite is used"


def test_an_interrupted_join_finishes(served: SimulatedMachine) -> None:
    served.republic.is_reachable = False
    assert code_of(served, JoinWish("server", name="alice")) == ExitCode.UNREACHABLE
    begun = served.nodes.get("alice")
    assert not begun.is_joined
    served.republic.is_reachable = True
    assert join(served, JoinWish("server", name="alice")).is_joined
    assert served.nodes.get("alice").node_id == begun.node_id


@pytest.mark.parametrize(
    ("name", "code"), [("server", ExitCode.USAGE), ("Alice", ExitCode.USAGE), ("a" * 25, ExitCode.USAGE), ("ada", ExitCode.TAKEN)]
)
def test_names_that_no_client_has(served: SimulatedMachine, name: str, code: ExitCode) -> None:
    assert code_of(served, JoinWish("server", name=name)) == code
    assert [node.name for node in served.nodes.all()] == ["server"]


def test_a_server_that_is_down_is_not_joined(served: SimulatedMachine) -> None:
    served.project(served.nodes.get("server")).remove_containers()
    assert code_of(served, JoinWish("server", name="alice")) == ExitCode.UNREACHABLE
    assert served.nodes.find("alice") is None


def test_a_client_serves_nobody(served: SimulatedMachine) -> None:
    join(served, JoinWish("server", name="alice"))
    assert code_of(served, JoinWish("alice", name="bob")) == ExitCode.USAGE


def test_a_name_of_something_else_is_taken(served: SimulatedMachine) -> None:
    up.up_server(served, ServerWish(name="wiki"))
    join(served, JoinWish("server", name="alice"))
    assert code_of(served, JoinWish("wiki", name="alice")) == ExitCode.TAKEN
    assert code_of(served, JoinWish("server", name="wiki")) == ExitCode.TAKEN
    assert served.nodes.get("wiki").role == "server"


def test_what_a_client_is_does_not_change_in_passing(served: SimulatedMachine, tmp_path: Path) -> None:
    joined = join(served, JoinWish("server", name="alice"))
    port = served.nodes.get(joined.node).http_port
    assert code_of(served, JoinWish("server", name="alice", http_port=port + 1)) == ExitCode.TAKEN
    assert join(served, JoinWish("server", name="alice", http_port=port)).is_joined


def test_the_record_knows_what_it_runs_with(served: SimulatedMachine) -> None:
    join(served, JoinWish("server", name="alice"))
    node = served.nodes.get("alice")
    assert node.image in (served.nodes.directory("alice") / "compose.yaml").read_text()
    assert (bool(node.image), node.is_joined, node.world_id) == (True, True, "id-server")


# by an invite


def test_joining_by_an_invite(machine: SimulatedMachine, served: SimulatedMachine, sshd: int) -> None:
    joined = join(machine, JoinWish(invite_of(served, sshd)))
    assert (joined.node, joined.citizen, joined.server) == ("bob", "bob", f"127.0.0.1:{sshd}")
    assert machine.nodes.get("bob").world_id == "id-server"


def test_an_invite_under_another_name(served: SimulatedMachine, sshd: int) -> None:
    joined = join(served, JoinWish(invite_of(served, sshd), name="laptop"))
    assert (joined.node, joined.citizen) == ("laptop", "bob")


def test_an_invite_that_was_used_here_is_repeated_even_when_expired(
    served: SimulatedMachine, sshd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite = invite_of(served, sshd)
    join(served, JoinWish(invite))
    monkeypatch.setattr("fwrkit.host.verbs.join.time.time", lambda: 4e9)
    assert not join(served, JoinWish(invite)).is_new


def test_an_expired_invite_changes_nothing(served: SimulatedMachine, sshd: int) -> None:
    assert code_of(served, JoinWish(invite_of(served, sshd, expires=-1))) == ExitCode.REFUSED
    assert served.nodes.find("bob") is None


def test_an_invite_of_an_unreachable_server_changes_nothing(served: SimulatedMachine) -> None:
    assert code_of(served, JoinWish(invite_of(served, 9))) == ExitCode.UNREACHABLE
    assert served.nodes.find("bob") is None


def test_a_used_invite_leaves_nothing_behind(served: SimulatedMachine, sshd: int) -> None:
    invite = invite_of(served, sshd)
    served.republic.used[invite] = "somebody else"
    assert code_of(served, JoinWish(invite)) == ExitCode.TAKEN
    assert served.nodes.find("bob") is None
    assert served.docker.volumes(served.home.project("bob")) == {}


def test_a_used_invite_does_not_take_volumes_that_were_kept(served: SimulatedMachine, sshd: int) -> None:
    join(served, JoinWish(invite_of(served, sshd)))
    rm.remove(served, served.nodes.get("bob"), with_volumes=False)
    kept = served.docker.volumes(served.home.project("bob"))
    invite = invite_of(served, sshd, expires=60)
    served.republic.used[invite] = "somebody else"
    assert code_of(served, JoinWish(invite)) == ExitCode.TAKEN
    assert len(kept) == 3
    assert served.docker.volumes(served.home.project("bob")) == kept


def test_a_malformed_invite_changes_nothing(served: SimulatedMachine, sshd: int) -> None:
    invite = invite_of(served, sshd)
    assert code_of(served, JoinWish(invite[:-3])) == ExitCode.USAGE
    assert code_of(served, JoinWish(invites.PREFIX + "x" * 100)) == ExitCode.USAGE
    assert [node.name for node in served.nodes.all()] == ["server"]


def test_an_invite_never_takes_over_a_server_or_a_client_of_another_world(served: SimulatedMachine, sshd: int) -> None:
    up.up_server(served, ServerWish(name="bob"))
    assert code_of(served, JoinWish(invite_of(served, sshd))) == ExitCode.TAKEN
    assert served.nodes.get("bob").role == "server"
    join(served, JoinWish("server", name="carol"))
    assert code_of(served, JoinWish(invite_of(served, sshd), name="carol")) == ExitCode.TAKEN
    assert served.nodes.get("carol").upstream == "server"


# of a host


def test_a_host_gets_a_node_that_waits_with_its_key(machine: SimulatedMachine, sshd: int) -> None:
    waiting = join(machine, JoinWish(f"127.0.0.1:{sshd}"))
    assert not waiting.is_joined
    assert waiting.public_key.startswith("ssh-ed25519 ")
    with pytest.raises(FwrError) as raised:
        verb.check_joined(waiting)
    assert raised.value.code == ExitCode.HELD
    assert join(machine, JoinWish(f"host:127.0.0.1:{sshd}")).node == waiting.node


def test_the_node_that_waits_takes_an_invite(machine: SimulatedMachine, served: SimulatedMachine, sshd: int) -> None:
    join(machine, JoinWish(f"127.0.0.1:{sshd}", name="laptop"))
    joined = join(machine, JoinWish(invite_of(served, sshd), name="laptop"))
    verb.check_joined(joined)
    assert (joined.is_new, joined.citizen) == (False, "bob")


def test_an_unreachable_host_changes_nothing(machine: SimulatedMachine) -> None:
    assert code_of(machine, JoinWish("127.0.0.1:9")) == ExitCode.UNREACHABLE
    assert machine.nodes.all() == []


@pytest.mark.parametrize(
    ("text", "code"),
    [("wiki", ExitCode.NOT_FOUND), ("example.org:ssh", ExitCode.USAGE), ("example.org:0", ExitCode.USAGE), ("host:", ExitCode.USAGE)],
)
def test_what_is_no_host_is_said_so(machine: SimulatedMachine, text: str, code: ExitCode) -> None:
    assert code_of(machine, JoinWish(text)) == code


# a node that has joined, and that the server does not let in any more


def enrolled(machine: SimulatedMachine) -> int:
    return len(machine.republic.used)


@pytest.mark.parametrize("code", [ExitCode.REFUSED, ExitCode.UNREACHABLE])
def test_a_node_that_is_shut_out_is_let_in_again_by_a_new_invite(served: SimulatedMachine, sshd: int, code: ExitCode) -> None:
    join(served, JoinWish(invite_of(served, sshd)))
    join(served, JoinWish("server", name="alice"))
    assert enrolled(served) == 2
    served.republic.answers["citizens"] = FwrError(code, "No.", "")  # their keys open nothing any more
    assert join(served, JoinWish("server", name="alice")).is_joined
    assert join(served, JoinWish(invite_of(served, sshd))).is_joined
    assert enrolled(served) == 4


def test_what_the_server_says_of_that_invite_is_said(served: SimulatedMachine, sshd: int) -> None:
    join(served, JoinWish(invite_of(served, sshd)))
    served.republic.answers["citizens"] = FwrError(ExitCode.REFUSED, "You are banned.", "")
    used = invite_of(served, sshd)
    served.republic.used[used] = "another machine"
    assert code_of(served, JoinWish(used)) == ExitCode.TAKEN
    assert served.nodes.get("bob").is_joined, "the node and its copy stay"


def test_who_is_only_offline_goes_on_alone(served: SimulatedMachine) -> None:
    join(served, JoinWish("server", name="alice"))
    served.republic.answers["citizens"] = FwrError(ExitCode.UNREACHABLE, "No.", "")
    served.republic.is_reachable = False
    assert join(served, JoinWish("server", name="alice")).is_joined
    assert "goes on alone" in served.said[-1]
    down.down(served, "server")
    assert join(served, JoinWish("server", name="alice")).is_joined
