"""`fork`: a new server from what a node has, and what is refused before anything is made."""

from __future__ import annotations

from typing import Any

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.history import Snapshot
from fwrkit.host.verbs import up
from fwrkit.host.verbs.down import down
from fwrkit.host.verbs.fork import ForkWish, fork
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.up import ServerWish, up_node
from tests.unit.host.simulated import SimulatedMachine


@pytest.fixture
def alice(machine: SimulatedMachine) -> SimulatedMachine:
    up.up_server(machine, ServerWish(citizen="ada"))
    join(machine, JoinWish("server", name="alice"))
    return machine


def code_of(machine: SimulatedMachine, **wish: Any) -> ExitCode:
    with pytest.raises(FwrError) as raised:
        fork(machine, ForkWish(**{"node": "alice", "new": "mine", **wish}))
    assert raised.value.hint
    return raised.value.code


def test_a_fork_is_a_server_made_from_the_nodes_volumes(alice: SimulatedMachine) -> None:
    made = fork(alice, ForkWish("alice", "mine"))
    node = alice.nodes.get("mine")
    assert (node.role, node.citizen, node.template, node.world_name, node.origin) == ("server", "alice", "static", "mine", {})
    assert made.up.founded["origin_name"] == "commons"
    assert made.invites == []
    assert alice.republic.looked_up == [("alice", "freshened")], "so that it is known by whom the newest was"
    volume = alice.home.volume
    assert alice.docker.founded == [
        (
            "mine",
            ["fwrkit-agent", "found", "--world=/from/world", "--history=/from/state"],
            {volume("alice", "world"): "/from/world", volume("alice", "state"): "/from/state"},
        )
    ]
    assert alice.services("mine") == {"sync", "web"}
    assert alice.services("alice") == {"sync", "web"}, "the other goes on"
    assert 'FWRKIT_TEMPLATE: "static"' in (alice.nodes.directory("mine") / "compose.yaml").read_text()


def test_its_operator_version_and_place_can_be_chosen(alice: SimulatedMachine) -> None:
    alice.republic.snapshots = [Snapshot("v1", "a" * 40, 5, "ada", True), Snapshot("bad", "b" * 40, 5, "eve", False, "nobody signed it")]
    fork(alice, ForkWish("alice", "one", citizen="zoe", version="3 days ago"))
    fork(alice, ForkWish("server", "two", snapshot="v1"))
    words = [words[-1] for _, words, _ in alice.docker.founded]
    assert words == ["--at=3 days ago", f"--at={'a' * 40}"]
    assert (alice.nodes.get("one").citizen, alice.nodes.get("two").citizen) == ("zoe", "ada")
    assert code_of(alice, snapshot="bad") == ExitCode.REFUSED
    assert code_of(alice, snapshot="v9") == ExitCode.NOT_FOUND
    down(alice, "alice")
    assert code_of(alice, snapshot="v1") == ExitCode.UNREACHABLE
    fork(alice, ForkWish("alice", "three"))  # that needs nobody who runs


def test_an_invite_for_everybody(alice: SimulatedMachine) -> None:
    made = fork(alice, ForkWish("alice", "mine", address="mine.example.org", invite_all=True))
    assert [each.citizen for each in made.invites] == ["bob", "carol"]
    assert {each.server for each in made.invites} == {"mine"}


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"node": "nobody"}, ExitCode.NOT_FOUND),
        ({"new": "server"}, ExitCode.TAKEN),
        ({"new": "alice"}, ExitCode.TAKEN),
        ({"new": "No Name"}, ExitCode.USAGE),
        ({"snapshot": "v1", "version": "abcd"}, ExitCode.USAGE),
        ({"citizen": "Zoe!"}, ExitCode.USAGE),
        ({"address": "http://x"}, ExitCode.USAGE),
        ({"invite_all": True}, ExitCode.USAGE),
        ({"world": "/there/is/none"}, ExitCode.NOT_FOUND),
    ],
)
def test_a_bad_wish_makes_nothing(alice: SimulatedMachine, wish: dict[str, Any], code: ExitCode) -> None:
    assert code_of(alice, **wish) == code
    assert [node.name for node in alice.nodes.all()] == ["alice", "server"]
    assert alice.docker.founded == []


def test_what_the_agent_refuses_leaves_nothing_behind(alice: SimulatedMachine) -> None:
    alice.docker.founding = FwrError(ExitCode.NOT_FOUND, "There is no version 'x'.", "See: fwrkit log")
    assert code_of(alice, version="x") == ExitCode.NOT_FOUND
    assert [node.name for node in alice.nodes.all()] == ["alice", "server"]
    assert alice.engine.volumes(alice.home.project("mine")) == {}


def test_what_was_interrupted_is_finished_by_the_same_words(alice: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("fwrkit.host.verbs.founding.parse_answer", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fork(alice, ForkWish("alice", "mine"))
    assert alice.nodes.get("mine").origin
    assert code_of(alice, node="server") == ExitCode.TAKEN, "from another node, that is another wish"
    assert code_of(alice, version="2026-11-20") == ExitCode.TAKEN, "and so is another version"
    assert fork(alice, ForkWish("alice", "mine")).up.founded["files"] == 3
    assert len(alice.docker.founded) == 2
    up_node(alice, "mine")
    assert len(alice.docker.founded) == 2, "once it is made, it is made"
    assert code_of(alice) == ExitCode.TAKEN
