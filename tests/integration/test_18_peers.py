"""Scenario 18: clients that can not reach the server go on together at a peer, and return when it is back: nothing is lost, undone or kept twice."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fwrkit.core.errors import ExitCode
from tests.integration.faults import inspect, speechless
from tests.integration.republic import Node, Republic, digest, wait_until
from tests.integration.scale import scale

PATIENCE = 3  # seconds until a client turns to a peer; a minute for people
CLIENTS = ("alice", "bob", "carol")
PEER = "alice-peer"
TURNS = scale(3, 10)
WAYS = ("cable", "power", "agent")


@pytest.fixture(scope="module")
def world(republic: Republic, host: str) -> Republic:
    republic.up_server("--template", "static", "--citizen", "ada", "--address", host)
    for name in CLIENTS:
        republic.json("join", republic.json("invite", name)["invite"])
        republic.fwrkit("up", name, "--patience", str(PATIENCE))
        republic.nodes[name] = Node(republic, name)
    republic.fwrkit("role", "alice", "official")
    republic.nodes["alice"].do(*({"path": f"www/page{number}", "text": f"page {number}"} for number in range(20)))
    republic.nodes["alice"].do(*({"path": f"www/spare{number}", "text": f"spare {number}"} for number in range(6)))
    republic.nodes["alice"].do({"path": "www/page", "text": "as it was"})
    republic.settle()
    return republic


@pytest.fixture(scope="module")
def peer(world: Republic, host: str) -> Node:
    world.json("serve", "alice", "--address", host)
    world.fwrkit("up", PEER, "--patience", str(PATIENCE))
    for name in CLIENTS:
        wait_until(lambda name=name: [each["name"] for each in peers(world.nodes[name])["peers"]] == [PEER], f"{name} hears of it", 60)  # type: ignore[misc]
    node = Node(world, PEER, is_server=True)
    has_the_same(node, world.nodes["server"])
    return node


def has_the_same(peer: Node, server: Node) -> None:
    """Wait until a peer's world is what the server's is."""
    wait_until(lambda: peer.tree(user="0") == server.tree(), "the peer has the same", 60)


def decides_alike(peer: Node, server: Node) -> None:
    """Wait until a peer has heard of the roll and the policy that the server has, as a server: by these it decides."""

    def rules(node: Node) -> list[str | None]:
        canon = node.tree("/var/lib/fwrkit/canon", user="0")
        return [canon.get(path) for path in (".fwr/citizens.toml", ".fwr/policy.toml")]

    wait_until(lambda: rules(peer) == rules(server), "the peer has heard who may do what", 60)


def peers(node: Node) -> dict[str, Any]:
    said: dict[str, Any] = node.republic.json("peers", node.name)
    return said


def follows(node: Node, name: str) -> bool:
    return bool(peers(node)["following"] == name and node.status()["state"] == "in sync")


def turn_to(name: str, nodes: list[Node], seconds: float = 60) -> None:
    for node in nodes:
        wait_until(lambda node=node: follows(node, name), f"{node.name} is at {name or 'the server'}", seconds)  # type: ignore[misc]


@contextmanager
def away(server: Node, way: str) -> Iterator[None]:
    """Nobody is served: the server's cable is pulled, or it is stopped, or only its sshd answers."""
    if way != "power":
        with server.cut() if way == "cable" else speechless(server):
            yield
        return
    server.republic.fwrkit("down", server.name)
    server.is_reachable = False
    try:
        yield
    finally:
        server.republic.fwrkit("up", server.name)
        server.is_reachable = True


@contextmanager
def walled_off(node: Node, port: int) -> Iterator[None]:
    """Nothing of what a node sends gets to a port: the server's, while a peer at another one can be reached."""
    words = ["nsenter", "-t", inspect(node, "{{.State.Pid}}"), "-n", "iptables"]
    rule = ["OUTPUT", "-p", "tcp", "--dport", str(port), "-j", "REJECT", "--reject-with", "tcp-reset"]
    subprocess.run([*words, "-A", *rule], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run([*words, "-D", *rule], check=True, capture_output=True)


def edited(node: Node, path: str, text: str, *others: Node) -> None:
    node.write(path, text)
    for other in others:
        wait_until(lambda other=other: other.has(path, text), f"{other.name} has {path}", 30)  # type: ignore[misc]


def authors(world: Republic, path: str) -> list[str]:
    return [entry["author"] for entry in world.json("log", path, "--node", "alice")]


def test_who_has_no_right_serves_nobody(world: Republic, host: str) -> None:
    for words, code in (
        (("serve", "bob", "--address", host), ExitCode.REFUSED),
        (("serve", "server"), ExitCode.USAGE),
        (("serve", "nobody"), ExitCode.NOT_FOUND),
        (("serve", "alice"), ExitCode.USAGE),  # where would others reach it?
        (("serve", "alice", "--stop"), ExitCode.NOT_FOUND),
    ):
        assert world.fwrkit(*words, check=False).returncode == code, words
    assert world.json("peers", "alice")["peers"] == []
    assert sorted(node["node"] for node in world.json("ls")) == ["alice", "bob", "carol", "server"], "nothing is left of what was refused"


def test_again_and_again(world: Republic, peer: Node) -> None:
    server, nodes = world.nodes["server"], [world.nodes[name] for name in CLIENTS]
    alice, bob, carol = nodes
    for turn in range(TURNS):
        began = time.monotonic()
        with away(server, WAYS[turn % len(WAYS)]):
            bob.write(f"www/alone{turn}", f"{turn}: written alone")
            carol.delete(f"www/page{turn}")
            turn_to(PEER, nodes)
            gone = time.monotonic() - began
            wait_until(lambda turn=turn: alice.has(f"www/alone{turn}", f"{turn}: written alone"), "what was written alone")  # type: ignore[misc]
            wait_until(lambda turn=turn: bob.has(f"www/page{turn}", None), "what was deleted alone")  # type: ignore[misc]
            edited(bob, "www/page", f"{turn}: bob", alice, carol)
            edited(carol, "www/page", f"{turn}: carol, after him", alice, bob)
            edited(alice, "www/new", f"{turn}: new", bob, carol)
            alice.delete("www/new")
            bob.rename(f"www/page{turn + 10}", f"www/moved{turn}")
            for node in nodes:
                node.agree(30)
            began = time.monotonic()
        turn_to("", nodes)
        back = time.monotonic() - began
        print(f"turn {turn} ({WAYS[turn % len(WAYS)]}): at the peer after {gone:.1f} s, back after {back:.1f} s")
        world.written.pop(digest(f"{turn}: new"))  # made and deleted while the server was away: it need not hear of it
        world.check_invariants()
        has_the_same(peer, server)
        assert [path for path in server.tree() if "conflict" in path] == []
    assert authors(world, "www/page")[:2] == ["carol", "bob"], "each as whose it is, also what was superseded before the server heard of it"
    assert authors(world, "www/alone0") == ["bob"]


def test_bans_and_policy_hold_there(world: Republic, peer: Node) -> None:
    server, (alice, bob, carol) = world.nodes["server"], (world.nodes[name] for name in CLIENTS)
    world.fwrkit("policy", "add", "officials publish", "--path", "www_tourist/**", "--role", "citizen", "--then", "refuse")
    world.fwrkit("ban", "carol", "--reason", "spam")
    world.witness(server)
    decides_alike(peer, server)
    wait_until(lambda: "banned" in carol.status()["detail"], "carol hears of it")
    carol.is_reachable = False
    with away(server, "cable"):
        turn_to(PEER, [alice, bob])
        bob.attempt({"path": "www_tourist/mine", "text": "published by bob"})
        wait_until(lambda: any(each["path"] == "www_tourist/mine" for each in bob.refused()), "it is refused at the peer", 30)
        edited(alice, "www_tourist/hers", "published by alice", bob)
        carol.write("www/spam", "more of it")
        time.sleep(2 * PATIENCE)
        assert not peer.has("www/spam", "more of it")
        assert "banned" in carol.status()["detail"]
    turn_to("", [alice, bob])
    world.fwrkit("unban", "carol")
    carol.is_reachable = True
    turn_to("", [carol])
    world.check_invariants()


def test_a_peer_that_is_killed_goes_on_while_the_server_is_away(world: Republic, peer: Node) -> None:
    server, nodes = world.nodes["server"], [world.nodes[name] for name in CLIENTS]
    alice, bob, carol = nodes
    with away(server, "power"):
        turn_to(PEER, nodes)
        for turn in range(scale(1, 5)):
            edited(bob, f"www/kept{turn}", f"{turn}: kept by the peer", carol)
            bob.write("www/page", f"{turn}: on its way when the peer is killed")
            peer.docker("kill", "--signal", "KILL", f"{peer.project}-sync")
            carol.delete(f"www/spare{turn}")
            world.fwrkit("up", PEER)
            turn_to(PEER, nodes)
            wait_until(lambda turn=turn: alice.has("www/page", f"{turn}: on its way when the peer is killed"), "it arrives")  # type: ignore[misc]
    turn_to("", nodes)
    world.check_invariants()
    has_the_same(peer, server)


def test_who_is_cut_off_and_who_is_not_are_joined_by_the_peer(world: Republic, peer: Node) -> None:
    alice, bob, carol = (world.nodes[name] for name in CLIENTS)
    port = int(bob.status()["upstream"].rpartition(":")[2])
    with walled_off(bob, port):
        turn_to(PEER, [bob])
        edited(bob, "www/page", "bob, by way of the peer", carol)
        assert [peers(node)["following"] for node in (carol, alice)] == ["", ""]
        turn_to("", [carol, alice])
        edited(carol, "www/page", "carol, at the server", bob)
    turn_to("", [bob])
    world.check_invariants()
    assert authors(world, "www/page")[:2] == ["carol", "bob"]


def test_much_and_large_goes_by_the_peer(world: Republic, peer: Node) -> None:
    server, nodes = world.nodes["server"], [world.nodes[name] for name in CLIENTS]
    alice, bob, carol = nodes
    count, size = scale(800, 5000), scale(20_000_000, 200_000_000)
    make = f"import hashlib, os; c = os.urandom({size}); open('/srv/fwr/world/www/large.bin', 'wb').write(c); print(hashlib.sha256(c).hexdigest())"
    with away(server, "power"):
        turn_to(PEER, nodes)
        bob.do(*({"path": f"www/many/{number}", "text": f"one of many: {number}"} for number in range(count)))
        large = carol.python(make).decode().strip()
        world.written[large] = "large"
        wait_until(lambda: alice.tree().get("www/large.bin") == large, "the large one is at alice's", 120)
        wait_until(lambda: sum(path.startswith("www/many/") for path in alice.tree()) == count, "and the many", 120)
        carol.agree(60)
        carol.rename("www/many", "www/moved")
        wait_until(lambda: alice.has("www/moved/7", "one of many: 7") and alice.has("www/many", None), "they are moved", 60)
    turn_to("", nodes, 120)
    world.check_invariants()


def test_a_peer_that_is_lost_with_what_it_had_takes_nothing_along(world: Republic, peer: Node) -> None:
    server, nodes = world.nodes["server"], [world.nodes[name] for name in CLIENTS]
    _, bob, carol = nodes
    with away(server, "power"):
        turn_to(PEER, nodes)
        edited(bob, "www/page", "bob, before the peer goes", carol)
        edited(carol, "www/page", "carol, before the peer goes", bob)
        bob.delete("www/spare5")
        wait_until(lambda: carol.has("www/spare5", None), "it is deleted")
        world.fwrkit("down", PEER)
        carol.write("www/page", "carol, after it has gone")
    turn_to("", nodes)
    for text in ("bob, before the peer goes", "carol, before the peer goes"):
        world.written.pop(digest(text))  # of these, the peer alone knows how they came to be
    world.check_invariants()
    assert server.has("www/spare5", None) and server.has("www/page", "carol, after it has gone")
    world.fwrkit("up", PEER)
    has_the_same(peer, server)  # it comes back and has nothing new
    world.check_invariants()
    assert [path for path in server.tree() if "conflict" in path] == []


def test_the_right_to_serve_ends_with_the_official_s_word(world: Republic, peer: Node) -> None:
    server, (alice, bob, _) = world.nodes["server"], (world.nodes[name] for name in CLIENTS)
    world.fwrkit("role", "alice", "citizen")
    wait_until(lambda: "no right to serve" in peer.status()["detail"], "the peer hears of it", 60)
    wait_until(lambda: peers(bob)["peers"] == [], "bob, too", 60)
    with away(server, "power"):
        time.sleep(2 * PATIENCE)
        assert bob.status()["state"] == "offline" and peers(bob)["following"] == ""
    turn_to("", [alice, bob])
    world.fwrkit("role", "alice", "official")
    wait_until(lambda: peer.status()["state"] == "in sync", "it serves again", 60)
    ended = world.json("serve", "alice", "--stop")
    assert ended["node"] == PEER and len(ended["removed_volumes"]) == 3
    assert [citizen["role"] for citizen in world.json("citizens")["citizens"] if citizen["name"] == PEER] == ["former"]
    world.check_invariants()
