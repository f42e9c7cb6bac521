"""`serve`: a peer beside an official's client."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fwrkit.core import invites
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import CitizenRecord, PeerRecord
from fwrkit.host.verbs import (
    backup,
    drill,
    founding,
    handover,
    invite,
    leave,
    ls,
    promote,
    readers,
    rekey,
    restore,
    rm,
    shares,
    through,
    up,
)
from fwrkit.host.verbs.backup import BackupWish
from fwrkit.host.verbs.follow import follow, line
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.promote import PromoteWish
from fwrkit.host.verbs.restore import RestoreWish
from fwrkit.host.verbs.serve import ServeWish, Serving, serve, stop
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine

CONNECTED = {"is_connected": True, "missing": 0, "authority": "SHA256:old", "trusted": []}


@pytest.fixture
def world(machine: SimulatedMachine) -> SimulatedMachine:
    """A server, and alice, an official, whose node is connected; bob is none."""
    up.up_server(machine, ServerWish(citizen="ada"))
    for name in ("alice", "bob"):
        join(machine, JoinWish("server", name=name))
    machine.republic.roll = [CitizenRecord("alice", "official", 5), CitizenRecord("bob", "citizen", 5)]
    machine.republic.answers["standing"] = dict(CONNECTED)
    return machine


def away(machine: SimulatedMachine) -> None:
    """The server of alice is on another machine."""
    machine.change("alice", upstream="", remote="wiki.example.org:2211")


def serving(machine: SimulatedMachine, **wish: Any) -> Serving:
    return serve(machine, ServeWish(**{"node": "alice", **wish}))


def error_of(do: Callable[[], object]) -> FwrError:
    with pytest.raises(FwrError) as raised:
        do()
    assert raised.value.message.endswith(".") and raised.value.hint
    return raised.value


def test_a_peer_is_made_from_the_client_s_volumes_and_let_in_by_the_server(world: SimulatedMachine) -> None:
    made = serving(world)
    node, alice = world.nodes.get("alice-peer"), world.nodes.get("alice")
    assert (node.role, node.kind, node.citizen, node.upstream, node.origin) == ("server", "peer", "alice-peer", "server", {})
    assert (node.is_joined, node.world_id, node.world_name) == (True, alice.world_id, alice.world_name)
    [(name, words, mounts)] = world.docker.founded
    assert (name, words[-2:]) == ("alice-peer", ["--succeed=/from/keys", "--peer"])
    assert set(mounts) == {world.home.volume("alice", key) for key in ("world", "state", "keys")}
    assert world.docker.given == [None], "no authority is given to it"
    assert (made.citizen, made.host, made.port, made.beside) == ("alice-peer", "alice-peer.fwr", 2222, "alice")
    [asked] = [words for through, what, words in world.republic.asked if what == "serve" and through == "alice"]
    assert asked == {
        "name": "alice-peer", "host": "alice-peer.fwr", "port": 2222, "server_host": "server.fwr", "server_port": 2222,
    }  # fmt: skip
    [used] = [invites.decode(each) for each, who in world.republic.used.items() if who == node.node_id]
    assert (used.citizen, used.host) == ("alice-peer", "server.fwr"), "the way that its client takes"
    assert ("alice", "freshened") in world.republic.looked_up
    assert world.services("alice-peer") == {"sync", "web"}
    [listed] = [each for each in ls.ls(world) if each.node == "alice-peer"]
    assert (listed.role, listed.is_peer, listed.server) == ("server", True, "server")


def test_with_an_address_others_reach_it_from_elsewhere(world: SimulatedMachine) -> None:
    away(world)
    assert error_of(lambda: serving(world)).code is ExitCode.USAGE, "nobody would find it"
    made = serving(world, address="alice.example.org", ssh_port=22999)
    assert (made.host, made.port) == ("alice.example.org", 22999)
    asked = next(words for _, what, words in world.republic.asked if what == "serve")
    assert (asked["server_host"], asked["server_port"]) == ("wiki.example.org", 2211)
    node = world.nodes.get("alice-peer")
    assert (node.address, node.upstream, node.remote) == ("alice.example.org", "", "wiki.example.org:2211")


def test_a_second_call_finishes_what_was_begun(world: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(founding, "parse_answer", interrupted)
        with pytest.raises(KeyboardInterrupt):
            serving(world)
    assert world.nodes.get("alice-peer").origin["peer"] == "yes"
    world.republic.is_reachable = False
    assert error_of(lambda: serving(world)).code is ExitCode.UNREACHABLE
    assert not world.nodes.get("alice-peer").is_joined, "it stays, and waits"
    assert not up.up_node(world, "alice-peer").is_joined
    world.republic.is_reachable = True
    made = serving(world)
    assert (made.up.is_new, made.up.is_joined, made.up.is_peer) == (False, True, True)
    assert len(world.docker.founded) == 2, "once more than it was interrupted"
    assert [each.name for each in world.republic.peers] == ["alice-peer"]


def test_a_peer_moves_to_another_address_and_behind_another_server_with_its_client(world: SimulatedMachine) -> None:
    serving(world)
    assert (serving(world, address="alice.example.org").host, world.republic.peers[0].host) == ("alice.example.org",) * 2
    away(world)
    serving(world)
    node = world.nodes.get("alice-peer")
    assert (node.upstream, node.remote, node.address) == ("", "wiki.example.org:2211", "alice.example.org")
    assert world.services("alice-peer") == {"sync", "web"}


def test_who_has_no_right_makes_nothing(world: SimulatedMachine) -> None:
    error = error_of(lambda: serving(world, node="bob"))
    assert error.code is ExitCode.REFUSED and "no right" in error.message and "fwrkit role bob official" in error.hint
    world.republic.roll[0] = dataclasses.replace(world.republic.roll[0], reason="spam")
    assert error_of(lambda: serving(world)).code is ExitCode.REFUSED
    world.republic.roll = []
    assert error_of(lambda: serving(world)).code is ExitCode.REFUSED
    assert [node.name for node in world.nodes.all()] == ["alice", "bob", "server"]


def test_without_the_server_there_is_no_right(world: SimulatedMachine) -> None:
    world.republic.answers["standing"] = {**CONNECTED, "is_connected": False}
    error = error_of(lambda: serving(world))
    assert error.code is ExitCode.UNREACHABLE and "promote" in error.hint
    assert world.nodes.find("alice-peer") is None


def test_what_the_server_refuses_is_gone_again(world: SimulatedMachine) -> None:
    world.republic.answers["serve"] = FwrError(ExitCode.TAKEN, "There is a citizen 'alice-peer' already.", "Another name.")
    assert error_of(lambda: serving(world)).code is ExitCode.TAKEN
    assert world.nodes.find("alice-peer") is None
    assert not world.docker.volumes(world.home.project("alice-peer"))


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"node": "nobody"}, ExitCode.NOT_FOUND),
        ({"node": "server"}, ExitCode.USAGE),
        ({"name": "server"}, ExitCode.USAGE),
        ({"name": "bob"}, ExitCode.TAKEN),
        ({"name": "Peer"}, ExitCode.USAGE),
        ({"address": "a:b"}, ExitCode.USAGE),
    ],
)
def test_what_makes_no_sense(world: SimulatedMachine, wish: dict[str, Any], code: ExitCode) -> None:
    assert error_of(lambda: serving(world, **wish)).code is code
    world.change("alice", is_joined=False)
    assert error_of(lambda: serving(world)).code is ExitCode.USAGE


def test_names_are_cut_to_what_fits(world: SimulatedMachine) -> None:
    world.change("alice", citizen="a" * 18 + "-bcdef")
    world.republic.roll.append(CitizenRecord("a" * 18 + "-bcdef", "official", 5))
    assert serving(world).citizen == "a" * 18 + "-peer"


def test_what_serves_no_more_is_gone_with_its_volumes(world: SimulatedMachine) -> None:
    serving(world)
    ended = stop(world, ServeWish("alice"))
    assert (ended.node, ended.citizen, len(ended.removed_volumes)) == ("alice-peer", "alice-peer", 3)
    assert world.nodes.find("alice-peer") is None and world.republic.peers == []
    assert error_of(lambda: stop(world, ServeWish("alice"))).code is ExitCode.NOT_FOUND
    assert error_of(lambda: stop(world, ServeWish("alice", name="bob"))).code is ExitCode.USAGE


def test_the_right_is_taken_back_of_what_is_gone_already_and_the_node_goes_where_the_right_has(world: SimulatedMachine) -> None:
    serving(world)
    rm.remove(world, world.nodes.get("alice-peer"), with_volumes=True)
    assert stop(world, ServeWish("alice")).removed_volumes == [] and world.republic.peers == []
    serving(world)
    world.republic.peers = []
    assert len(stop(world, ServeWish("alice")).removed_volumes) == 3


def test_without_the_server_the_right_can_not_be_taken_back(world: SimulatedMachine) -> None:
    serving(world)
    world.republic.answers["serve-stop"] = FwrError(ExitCode.UNREACHABLE, "The server is out of reach.", "")
    error = error_of(lambda: stop(world, ServeWish("alice")))
    assert error.code is ExitCode.UNREACHABLE and "fwrkit rm alice-peer" in error.hint
    assert world.nodes.find("alice-peer") is not None


def test_a_server_stays_while_a_peer_follows_it(world: SimulatedMachine) -> None:
    serving(world)
    rm.remove(world, world.nodes.get("alice"), with_volumes=False)
    rm.remove(world, world.nodes.get("bob"), with_volumes=False)
    assert error_of(lambda: rm.check(world, "server")).code is ExitCode.REFUSED
    assert rm.check(world, "alice-peer").is_peer


def test_nobody_takes_a_peer_for_the_server_or_for_somebody_s_client(world: SimulatedMachine) -> None:
    serving(world)
    assert through.pick(world, None).name == "server"
    assert readers.pick(world, None).name == "server"
    up.up_server(world, ServerWish())
    assert line_code(world) is ExitCode.REFUSED, "that server is the only one, and has no address"
    for name in ("server", "bob"):
        world.nodes.remove(name)
    assert through.pick(world, None).name == "alice"
    assert readers.pick(world, None).name == "alice"


def line_code(machine: SimulatedMachine) -> ExitCode:
    return error_of(lambda: line(machine, None)).code


def test_what_a_peer_can_not_do_names_the_server(world: SimulatedMachine, tmp_path: Path) -> None:
    serving(world, address="alice.example.org")
    refusals: list[Callable[[], object]] = [
        lambda: join(world, JoinWish("alice-peer", name="eve")),
        lambda: invite.invite(world, "eve", "alice-peer"),
        lambda: shares.shares(world, "alice-peer", 2, 3),
        lambda: rekey.rekey(world, "alice-peer"),
        lambda: handover.begin(world, "alice-peer", "alice", str(tmp_path / "key.age")),
        lambda: drill.succession(world, "alice-peer"),
        lambda: follow(world, "bob", "alice-peer"),
        lambda: line(world, "alice-peer"),
    ]
    for refusal in refusals:
        error = error_of(refusal)
        assert (error.code, error.hint) == (ExitCode.USAGE, "Name the server: server"), error
    world.change("alice-peer", upstream="", remote="wiki.example.org:2211")
    assert "wiki.example.org:2211" in error_of(refusals[0]).hint
    for other, word in (
        (lambda: promote.promote(world, PromoteWish("alice-peer", new_epoch=True)), "official's client"),
        (lambda: leave.leave(world, "alice-peer"), "--stop"),
        (lambda: backup.backup(world, BackupWish("alice-peer", str(tmp_path)), lambda _: None), "fwrkit serve"),
        (lambda: serving(world, node="alice-peer"), "client of an official"),
    ):
        error = error_of(other)
        assert error.code is ExitCode.USAGE and word in error.hint


def test_a_promotion_takes_a_begun_peer_for_no_begun_server(world: SimulatedMachine) -> None:
    world.republic.is_reachable = False
    error_of(lambda: serving(world))
    world.republic.answers["standing"] = {**CONNECTED, "is_connected": False}
    error = error_of(lambda: promote.promote(world, PromoteWish("alice", name="alice-peer", new_epoch=True)))
    assert error.code is ExitCode.TAKEN


def test_a_peer_follows_where_the_server_has_gone(world: SimulatedMachine) -> None:
    serving(world)
    up.up_server(world, ServerWish(name="next", citizen="ada"))
    assert follow(world, "alice-peer", "next").server == "next"
    assert world.nodes.get("alice-peer").upstream == "next"


def test_a_backup_that_says_it_is_of_a_peer_is_not_restored(world: SimulatedMachine, tmp_path: Path) -> None:
    serving(world)
    world.change("alice-peer", is_peer=False)
    place = tmp_path / "peer.fwrkit"
    backup.backup(world, BackupWish("alice-peer", str(place)), lambda _: None)
    place.write_bytes(place.read_bytes().replace(b'"is_peer": false', b'"is_peer": true '))
    with place.open("rb") as file:
        error = error_of(lambda: restore.restore(world, file, RestoreWish(name="again")))
    assert error.code is ExitCode.USAGE and "fwrkit serve" in error.hint


def test_the_order_is_the_server_s(world: SimulatedMachine) -> None:
    serving(world)
    assert world.republic.peers == [PeerRecord("alice-peer", "alice-peer.fwr", 2222, "alice", 5)]
