"""Scenario 16: the server is gone for good, with everything that it had; the world goes on from what a citizen has, and everybody follows."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fwrkit.core.errors import ExitCode
from tests.integration.republic import FWRKIT, Node, Republic, digest, wait_until

CITIZENS = ("alice", "bob", "carol", "mallory")


def destroy(node: Node) -> None:
    """Remove a server's containers and volumes behind fwrkit's back, as a burnt disk does."""
    node.close_hands()
    node.docker("rm", "--force", *(f"{node.project}-{service}" for service in ("sync", "web")))
    node.docker("volume", "rm", *(f"{node.project}_{key}" for key in ("world", "state", "keys")))


def standing(node: Node) -> dict[str, object]:
    said: dict[str, object] = json.loads(node.docker("exec", f"{node.project}-sync", "fwrkit-agent", "standing").stdout)
    return said


def has_everything(node: Node) -> bool:
    return standing(node)["missing"] == 0


def take_over(world: Republic, name: str) -> Node:
    """From now on, this node is the server of the scenario."""
    server = world.nodes["server"] = Node(world, name, is_server=True)
    return server


@pytest.fixture(scope="module")
def world(republic: Republic) -> Republic:
    republic.up_server("--template", "static", "--citizen", "ada")
    for name in CITIZENS:
        republic.join(name)
    republic.fwrkit("role", "alice", "official")
    republic.fwrkit("ban", "mallory", "--reason", "spam")
    del republic.nodes["mallory"]
    republic.nodes["alice"].do(*({"path": f"www/page{number}", "text": f"page {number}"} for number in range(20)))
    republic.settle()
    republic.fwrkit("snapshot", "v1")
    for name in republic.nodes:
        wait_until(lambda name=name: republic.fwrkit("log", "--node", name, check=False).returncode == 0, "each has the history", 60)  # type: ignore[misc]
    return republic


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["promote", "alice", "--new-epoch"], ExitCode.REFUSED, "The server of alice is there."),
        (["promote", "bob", "--new-epoch"], ExitCode.REFUSED, "bob is no official of 'world': nobody would follow."),
        (["promote", "alice"], ExitCode.USAGE, "By whose authority is it to be the same world's server?"),
        (["promote", "server", "--new-epoch"], ExitCode.USAGE, "'server' is no client of a world."),
        (["follow", "alice", "fwrm1" + "A" * 80], ExitCode.USAGE, "This line is malformed: it was cut off or changed on its way."),
        (["follow", "alice", "bob"], ExitCode.USAGE, "'bob' is a client and serves nobody."),
    ],
)
def test_what_can_not_be_is_said_in_one_sentence(world: Republic, words: list[str], code: ExitCode, sentence: str) -> None:
    done = world.fwrkit(*words, check=False)
    assert (done.returncode, done.stderr.decode().splitlines()[0]) == (code, sentence)


def made_by_drills(world: Republic) -> list[str]:
    """Containers, volumes and networks that a drill has made."""
    marks = ["--filter", f"name=fwrkit-{world.identity}-drill-", "--format", "{{.Name}}"]
    listed = [["docker", "ps", "--all", *marks[:3], "{{.Names}}"], ["docker", "volume", "ls", *marks], ["docker", "network", "ls", *marks]]
    return [name for words in listed for name in subprocess.run(words, capture_output=True, check=True).stdout.decode().split()]


def test_a_drill_says_that_the_world_would_survive_and_touches_nothing(world: Republic) -> None:
    alice = world.nodes["alice"]
    wait_until(lambda: has_everything(alice), "alice has the whole history", 60)
    before, node = {name: each.tree() for name, each in world.nodes.items()}, world.json("ls")
    killed = subprocess.Popen([FWRKIT, "drill", "succession", "alice"], env=world.environment, stderr=subprocess.PIPE)
    wait_until(lambda: any(name.endswith("_state") for name in made_by_drills(world)), "its volumes are there", 60)
    killed.kill()
    killed.communicate()
    assert world.json("ls") != node, "who looks sees what it left"
    done = world.fwrkit("drill", "succession", "alice", "--json")
    found = {each["check"]: each for each in json.loads(done.stdout)["data"]}
    assert all(each["ok"] for each in found.values()), found
    assert list(found) == [
        "behind", "copy", "large files", "server", "files", "deletions", "history", "audit log", "officials", "authority",
    ]  # fmt: skip
    assert found["officials"]["message"] == "Who could promote their node: alice."
    assert all(each["ok"] for each in world.json("drill", "succession", "server"))
    assert made_by_drills(world) == []
    assert world.json("ls") == node
    assert {name: each.tree() for name, each in world.nodes.items()} == before
    assert "promote" not in {entry["event"] for entry in world.json("audit", "--node", "bob")["entries"]}
    refused = world.fwrkit("drill", "succession", "bob", check=False)
    assert (refused.returncode, "bob is no official" in refused.stderr.decode()) == (ExitCode.REFUSED, True)


def test_the_server_is_lost_and_nobody_kept_its_authority(world: Republic, record_property: Callable[[str, object], None]) -> None:
    alice, bob, carol = (world.nodes[name] for name in ("alice", "bob", "carol"))
    world.fwrkit("down", "carol")
    carol.is_reachable = False
    bob.delete("www/page3")
    bob.write("www/page4", "changed while carol was away")
    bob.wait_in_sync()
    alice.wait_in_sync()
    wait_until(lambda: has_everything(alice), "alice has the whole history", 60)
    began = time.monotonic()
    destroy(world.nodes.pop("server"))
    wait_until(lambda: not standing(alice)["is_connected"], "alice notices", 30)
    bob.write("www/alone", "written while there was no server")
    bob.write("www/page5", "edited while there was no server")
    made = world.json("promote", "alice", "--new-epoch", "--name", "next")
    refused = world.fwrkit("follow", "bob", "next", check=False)
    assert refused.returncode == ExitCode.HELD
    assert made["authority"] in refused.stderr.decode(), "what one is to compare"
    world.json("follow", "bob", "next", "--accept")
    server = take_over(world, "next")
    alice.write("www/first", "the first edit after it")
    wait_until(lambda: bob.has("www/first", "the first edit after it"), "it reaches bob", 30)
    took = time.monotonic() - began
    record_property("seconds_from_loss_to_the_first_edit", round(took, 1))
    print(f"from the loss of the server to the first edit that reaches everybody: {took:.1f} s")
    wait_until(lambda: server.has("www/alone", "written while there was no server"), "and what was written meanwhile", 30)
    world.fwrkit("up", "carol")
    world.json("follow", "carol", "next", "--accept")
    carol.is_reachable = True
    world.check_invariants()
    tree = carol.tree()
    assert "www/page3" not in tree, "what was deleted with everybody's knowledge stays deleted"
    assert tree["www/page5"] == digest("edited while there was no server")
    assert tree["www/page4"] == digest("changed while carol was away")


def test_it_is_the_same_world(world: Republic) -> None:
    roll = {each["name"]: each for each in world.json("citizens", "--node", "next")["citizens"]}
    assert {name: each["role"] for name, each in roll.items()} == {
        "ada": "official", "alice": "official", "alice-server": "official", "bob": "citizen", "carol": "citizen", "mallory": "citizen",
    }  # fmt: skip
    assert roll["mallory"]["reason"] == "spam"
    log = world.json("audit", "--node", "next")
    assert (log["fault"], [entry["event"] for entry in log["entries"]][-2:]) == ("", ["promote", "declare"])
    assert "ban" in {entry["event"] for entry in log["entries"]}
    [snapshot] = world.json("snapshots", "--node", "bob")
    assert (snapshot["name"], snapshot["by"], snapshot["is_verified"]) == ("v1", "ada", True)
    assert {"alice", "bob"} <= {entry["author"] for entry in world.json("log", "www", "--node", "next", "--limit", "500")}
    world.fwrkit("restore", "www/page3", "--node", "next")
    world.deleted.discard("www/page3")
    world.settle()
    assert world.nodes["carol"].tree()["www/page3"] == digest("page 3")


def test_who_is_banned_finds_no_way_back_in(world: Republic) -> None:
    done = world.fwrkit("follow", "mallory", "next", "--accept", check=False)
    assert done.returncode == ExitCode.REFUSED
    assert world.json("ls")
    world.fwrkit("rm", "mallory", "--volumes", "--yes")


def test_the_next_one_is_lost_and_an_old_backup_has_its_authority(world: Republic, tmp_path: Path) -> None:
    alice, bob, server = world.nodes["alice"], world.nodes["bob"], world.nodes["server"]
    key, old = tmp_path / "authority.key", tmp_path / "next.fwrkit"
    key.write_bytes(server.docker("exec", "-u", "0", f"{server.project}-sync", "cat", "/etc/fwrkit/keys/authority").stdout)
    world.fwrkit("backup", "next", str(old), "--keys", stdin=b"correct horse battery\n")
    wait_until(lambda: has_everything(alice), "alice has the whole history", 60)
    bob.do(*({"path": f"www/burst{number}", "text": f"burst {number}"} for number in range(30)))
    bob.agree(60)
    alice.agree(60)
    # before anybody could fetch the history of that, four seconds after it
    server.docker("kill", "--signal", "KILL", f"{server.project}-sync")
    assert not has_everything(alice), "alice has fetched it already"
    destroy(world.nodes.pop("server"))
    wait_until(lambda: not standing(alice)["is_connected"], "alice notices", 30)
    foreign = tmp_path / "foreign.key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(foreign)], check=True)
    for words, sentence in (
        ([], "The history of alice lacks"),
        (["--accept-loss", "--authority", str(foreign)], "This is not the authority of 'world'"),
    ):
        with_key = words if "--authority" in words else [*words, "--authority", str(key)]
        done = world.fwrkit("promote", "alice", "--name", "third", *with_key, check=False)
        assert done.returncode == ExitCode.REFUSED
        assert sentence in done.stderr.decode()
    words = ["promote", "alice", "--name", "third", "--accept-loss", "--authority", str(old)]
    done = world.fwrkit(*words, stdin=b"another passphrase\n", check=False)
    assert (done.returncode, "can not be opened" in done.stderr.decode()) == (ExitCode.REFUSED, True)
    made = world.json(*words, stdin=b"correct horse battery\n")
    assert made["missing"] > 0
    assert not made["is_new_epoch"]
    for name in ("bob", "carol"):
        world.json("follow", name, "third")  # nothing is asked: the authority is the one that they know
    take_over(world, "third")
    bob.write("www/again", "and it goes on")
    world.check_invariants()
    assert world.nodes["carol"].tree()["www/again"] == digest("and it goes on")
    assert world.nodes["carol"].tree()["www/burst29"] == digest("burst 29"), "what was in somebody's world is not lost"


@pytest.fixture(scope="module")
def other(world: Republic) -> str:
    """The server of another world."""
    world.fwrkit("up", "server", "--name", "other", "--template", "static", "--address", "127.0.0.1")
    return "other"


def test_two_of_three_officials_bring_their_shares(world: Republic, other: str) -> None:
    bob = world.nodes["bob"]
    shares = world.fwrkit("shares", "third", "--need", "2", "--of", "3").stdout.decode().splitlines()
    earlier = world.json("shares", "third", "--need", "2", "--of", "3")["shares"]
    [*_, line] = world.json("audit", "--node", "third")["entries"]
    assert (line["event"], line["details"]["need"], line["details"]["of"]) == ("shares", "2", "3")
    foreign = world.json("shares", other, "--need", "2", "--of", "3")["shares"]
    bob.write("www/shared", "the last words before the loss")
    world.settle()
    for node in world.nodes.values():
        assert not any(share.encode() in node.docker("logs", f"{node.project}-sync").stdout for share in shares)
    destroy(world.nodes.pop("server"))
    wait_until(lambda: not standing(world.nodes["alice"])["is_connected"], "alice notices", 30)
    mistyped = shares[1].replace(shares[1].split()[20], "abacus", 1)
    for lines, code, sentence in (
        ([shares[0]], ExitCode.REFUSED, "There is 1 share, and 2 different ones are needed."),
        ([shares[0], mistyped], ExitCode.USAGE, "The share in line 2 is mistyped: "),
        ([shares[0], earlier[1]], ExitCode.REFUSED, "share"),
        (foreign[:2], ExitCode.REFUSED, "These are shares of another authority than that of 'world'"),
    ):
        words = ("promote", "alice", "--name", "fourth", "--shares", "--accept-loss")
        done = world.fwrkit(*words, stdin="\n".join(lines).encode(), check=False)
        said = [each for each in done.stderr.decode().splitlines() if each != "Putting the shares together"]
        assert (done.returncode, sentence in said[0], len(said)) == (code, True, 2), said
    assert "fourth" not in {node["node"] for node in world.json("ls")}
    made = world.json("promote", "alice", "--name", "fourth", "--shares", "--accept-loss", stdin=f"{shares[2]}\n\n{shares[0]}\n".encode())
    assert not made["is_new_epoch"]
    world.json("follow", "bob", "fourth")  # nothing is asked: the authority is the one that he knows
    server = take_over(world, "fourth")
    bob.write("www/together", "and it goes on")
    wait_until(lambda: server.has("www/together", "and it goes on"), "it goes on", 30)
    assert server.has("www/shared", "the last words before the loss")


def test_another_worlds_line_leads_nowhere(world: Republic, other: str) -> None:
    line = world.json("move", other)["line"]
    done = world.fwrkit("follow", "bob", line, "--accept", check=False)
    assert done.returncode == ExitCode.REFUSED
    assert "This leads to another world, 'other'" in done.stderr.decode()
    world.nodes["bob"].wait_in_sync()
