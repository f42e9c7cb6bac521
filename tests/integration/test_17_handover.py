"""Scenario 17: a server gives its world to a successor on another machine; everybody follows by itself, also who was away all the time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fwrkit.core.errors import ExitCode
from tests.integration.republic import Node, Republic, digest, wait_until


@pytest.fixture(scope="module")
def world(republic: Republic, host: str) -> Republic:
    republic.up_server("--template", "static", "--citizen", "ada", "--address", host)
    for name in ("alice", "bob", "carol"):
        republic.json("join", republic.json("invite", name)["invite"])
        republic.nodes[name] = Node(republic, name)
    republic.fwrkit("role", "alice", "official")
    republic.nodes["alice"].do(*({"path": f"www/page{number}", "text": f"page {number}"} for number in range(10)))
    republic.settle()
    return republic


def follows(node: Node, server: Node) -> bool:
    status = node.status()
    return bool(status["state"] == "in sync" and status["upstream"].endswith(f":{_ssh_port(server)}"))


def _ssh_port(server: Node) -> int:
    said = server.republic.fwrkit("render", server.name).stdout.decode()
    return int(next(line for line in said.splitlines() if "target: 2222" in line).split('published: "')[1].split('"')[0])


def test_what_can_not_be_handed_over(world: Republic, tmp_path: Path) -> None:
    for words, code in (
        (("handover", "server", "bob"), ExitCode.REFUSED),
        (("handover", "server", "nobody"), ExitCode.NOT_FOUND),
        (("handover", "server"), ExitCode.USAGE),
        (("handover", "server", "--cancel"), ExitCode.NOT_FOUND),
        (("handover", "alice", "alice"), ExitCode.USAGE),
    ):
        more = ("--file", str(tmp_path / "key.age")) if len(words) == 3 and not words[2].startswith("-") else ()
        assert world.fwrkit(*words, *more, check=False).returncode == code, words
        assert not (tmp_path / "key.age").exists()


def test_it_can_be_called_off(world: Republic, tmp_path: Path) -> None:
    bob = world.nodes["bob"]
    world.json("handover", "server", "alice", "--file", str(tmp_path / "key.age"))
    bob.write("www/meanwhile", "written while nothing was taken")
    wait_until(lambda: bob.status()["state"] == "held", "bob hears of it")
    assert "handed over to alice" in bob.status()["detail"]
    assert not world.nodes["server"].has("www/meanwhile", "written while nothing was taken")
    world.json("handover", "server", "--cancel")
    world.check_invariants()
    assert world.nodes["alice"].tree()["www/meanwhile"] == digest("written while nothing was taken")


def test_everybody_follows_by_itself(world: Republic, host: str, tmp_path: Path) -> None:
    alice, bob, carol, old = (world.nodes[name] for name in ("alice", "bob", "carol", "server"))
    world.fwrkit("down", "carol")
    carol.is_reachable = False
    bob.write("www/before", "just before it")
    bob.delete("www/page3")
    bob.wait_in_sync()
    alice.wait_in_sync()
    key = tmp_path / "key.age"
    wait_until(
        lambda: json.loads(alice.docker("exec", f"{alice.project}-sync", "fwrkit-agent", "standing").stdout)["missing"] == 0,
        "all is there",
        60,
    )
    world.json("handover", "server", "alice", "--file", str(key))
    assert b"PRIVATE KEY" not in key.read_bytes(), "for her node's eyes alone"
    wait_until(lambda: alice.status()["state"] == "held", "alice is let go")
    bob.write("www/during", "written in the middle of it")
    bob.write("www/page4", "a page that was there, edited in the middle of it")
    made = world.json("promote", "alice", "--name", "next", "--authority", str(key), "--address", host)
    assert not made["is_new_epoch"]
    world.json("handover", "server", "--to", made["line"])
    new = Node(world, "next", is_server=True)
    wait_until(lambda: follows(bob, new), "bob follows by himself", 60)
    wait_until(lambda: alice.has("www/during", "written in the middle of it"), "and brings what he wrote", 30)
    world.fwrkit("up", "carol")
    carol.is_reachable = True
    wait_until(lambda: follows(carol, new), "carol, too, who was away all the time", 60)
    world.nodes["server"] = new
    bob.write("www/after", "and it goes on")
    world.check_invariants()
    tree = carol.tree()
    assert "www/page3" not in tree
    assert tree["www/page4"] == digest("a page that was there, edited in the middle of it"), (
        "and no conflict copy: nobody else had touched it"
    )
    assert tree["www/after"] == digest("and it goes on")
    assert not old.has("www/after", "and it goes on"), "the old one takes nothing any more"
    world.fwrkit("rm", "server", "--volumes", "--yes")
    world.fwrkit("down", "bob")
    world.fwrkit("up", "bob")
    wait_until(lambda: follows(bob, new), "the old one is not needed any more", 30)
