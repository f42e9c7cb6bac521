"""Scenario 12: who may do what, what happens to what they may not, and how a vandal is dealt with, from an official's laptop too."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import pytest

from tests.integration.republic import Node, Republic, digest, wait_until
from tests.integration.scale import scale

REFUSED, USAGE, NOT_FOUND = 6, 2, 3
_QUICKLY = """
import json, os, sys
os.makedirs("/srv/fwr/world/www/many")
for item in json.load(sys.stdin):
    open("/srv/fwr/world/" + item["path"], "w").write(item["text"])
"""


_IS_RUNNING = """
import os
def program(process):
    try:  # it may end while it is looked at
        return open(f"/proc/{process}/comm").read()
    except (FileNotFoundError, ProcessLookupError):
        return ""
print(any(program(name).startswith("unison") for name in os.listdir("/proc") if name.isdigit()))
"""


@pytest.fixture(scope="module")
def laptop(republic: Republic, elsewhere: Republic, nodes: dict[str, Node]) -> Node:
    """The laptop of olga, an official, who reaches the server by its published port only."""
    line = republic.json("invite", "olga")["invite"]
    republic.fwrkit("citizens")
    elsewhere.json("join", line, "--name", "laptop")
    node = elsewhere.nodes["laptop"] = Node(elsewhere, "laptop")
    republic.json("role", "olga", "official")
    node.wait_in_sync()
    return node


@pytest.fixture(scope="module")
def nodes(republic: Republic) -> dict[str, Node]:
    listed = ["docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"]
    gateway = subprocess.run(listed, capture_output=True, check=True).stdout.decode().strip() or "172.17.0.1"
    republic.up_server("--template", "static", "--citizen", "ada", "--address", gateway)
    for name in ("alice", "bob", "mallory"):
        republic.join(name)
    republic.settle()
    return republic.nodes


def failing(republic: Republic, status: int, *words: str) -> str:
    """Run a command that has to fail; return its sentence."""
    done = republic.fwrkit(*words, "--json", check=False)
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    error = json.loads(done.stdout)["data"]
    assert error["hint"], words
    return str(error["message"])


def undone(node: Node, path: str, text: str | None, seconds: float = 30) -> None:
    wait_until(lambda: node.has(path, text), f"{path} is undone at {node.name}'s", seconds)


def test_what_the_policy_refuses_is_undone_and_kept_at_its_author_s(republic: Republic, nodes: dict[str, Node], laptop: Node) -> None:
    mallory, bob = nodes["mallory"], nodes["bob"]
    laptop.republic.fwrkit("policy", "add", "only officials publish", "--path", "www_tourist/**", "--role", "citizen", "--then", "refuse")
    laptop.wait_in_sync()  # what one adds to is the node's own copy
    laptop.republic.fwrkit("policy", "add", "no films", "--path", "*.mp4", "--then", "refuse", "--reason", "Films go elsewhere.")
    laptop.wait_in_sync()
    republic.settle()
    republic.witness(nodes["server"])
    bob.write("www/allowed.txt", "allowed")
    mallory.attempt(
        {"path": "www_tourist/mine.html", "text": "mine"}, {"path": "www/film.mp4", "text": "a film"}, {"path": "www/x.PHP", "text": "evil"}
    )
    for path in ("www_tourist/mine.html", "www/film.mp4", "www/x.PHP"):
        undone(mallory, path, None)
    text = mallory.read("www_tourist/index.html").decode()
    mallory.attempt({"path": "www_tourist/index.html", "text": "defaced"})
    undone(mallory, "www_tourist/index.html", text)
    mallory.python("import os; os.unlink('/srv/fwr/world/www_tourist/index.html')")
    undone(mallory, "www_tourist/index.html", text)
    kept = {item["path"]: item for item in mallory.refused()}
    assert set(kept) == {"www_tourist/mine.html", "www/film.mp4", "www/x.PHP", "www_tourist/index.html"}
    assert "Films go elsewhere." in kept["www/film.mp4"]["reason"]
    assert republic.fwrkit("refused", "give", str(kept["www/film.mp4"]["number"]), "--node", "mallory").stdout == b"a film"
    tested = laptop.republic.json("policy", "test", "www_tourist/x", "--as", "mallory")
    assert (tested["action"], tested["rule"]) == ("refuse", "only officials publish")
    assert republic.json("policy", "test", "www_tourist/x", "--as", "olga", "--node", "bob")["action"] == "allow"


def test_a_move_to_where_it_may_not_be_leaves_it_where_it_was(republic: Republic, nodes: dict[str, Node]) -> None:
    mallory, bob = nodes["mallory"], nodes["bob"]
    mallory.write("www/movable.txt", "movable")
    republic.settle()
    mallory.python("import os; os.rename('/srv/fwr/world/www/movable.txt', '/srv/fwr/world/www_tourist/movable.txt')")
    undone(mallory, "www_tourist/movable.txt", None)
    undone(mallory, "www/movable.txt", "movable")
    assert bob.has("www/movable.txt", "movable")


def test_a_run_that_brings_what_is_refused_brings_the_rest(republic: Republic, nodes: dict[str, Node]) -> None:
    mallory, count = nodes["mallory"], scale(700, 5000)
    republic.written.update({digest(f"page {n}"): f"page {n}" for n in range(count)})
    republic.refused.update({digest(f"film {n}"): f"film {n}" for n in range(count)})
    items = [{"path": f"www/many/{n}.html", "text": f"page {n}"} for n in range(count)]
    items += [{"path": f"www/many/{n}.mp4", "text": f"film {n}"} for n in range(count)]
    mallory.python(_QUICKLY, stdin=json.dumps(items).encode())
    wait_until(
        lambda: len(nodes["bob"].tree()) > count and not any(path.endswith(".mp4") for path in mallory.tree()), "the rest arrives", 60
    )
    assert len([item for item in mallory.refused() if item["path"].startswith("www/many/")]) == count


def test_a_program_that_goes_on_is_left_alone(republic: Republic, nodes: dict[str, Node]) -> None:
    mallory, bob = nodes["mallory"], nodes["bob"]
    code = """
import os, time
for number in range(36):
    with open("/srv/fwr/world/www/stubborn.mp4", "w") as file:
        file.write(f"stubborn {number}")
    time.sleep(0.25)
"""
    republic.refused.update({digest(f"stubborn {number}"): f"stubborn {number}" for number in range(36)})
    mallory.python(code)
    log = republic.fwrkit("logs", "mallory").stdout.decode()
    assert "left alone" in log
    assert log.count("stubborn.mp4") < 20, "it is held, not fought"
    assert [item["is_held"] for item in mallory.refused() if item["path"] == "www/stubborn.mp4"][-1]
    mallory.write("www/else.txt", "everything else travels")
    wait_until(lambda: bob.has("www/else.txt", "everything else travels"), "it arrives")
    mallory.python("import os; os.unlink('/srv/fwr/world/www/stubborn.mp4')")
    republic.fwrkit("down", "mallory")
    republic.json("up", "mallory")


def test_a_policy_with_errors_changes_nothing(republic: Republic, nodes: dict[str, Node], laptop: Node) -> None:
    before = republic.json("policy")["text"]
    message = failing(laptop.republic, USAGE, "policy", "add", "wrong", "--then", "refse")
    assert "refse" in message and "line" in message
    laptop.attempt({"path": ".fwr/policy.toml", "text": before + "\n[[rule]]\nname = 7\n"})
    undone(laptop, ".fwr/policy.toml", before)
    [refused] = [item for item in laptop.refused() if item["path"] == ".fwr/policy.toml"]
    assert "line" in refused["reason"]
    assert republic.json("policy")["text"] == before
    assert "Only officials" in failing(republic, REFUSED, "policy", "remove", "no films", "--node", "bob")


def test_a_reader_reads(republic: Republic, nodes: dict[str, Node], laptop: Node) -> None:
    bob = nodes["bob"]
    bob.write("www/bobs.txt", "bob's")
    republic.settle()
    laptop.republic.fwrkit("role", "bob", "reader")
    bob.attempt({"path": "www/bobs.txt", "text": "bob's, changed"}, {"path": "www/new.txt", "text": "new"})
    undone(bob, "www/bobs.txt", "bob's")
    undone(bob, "www/new.txt", None)
    nodes["alice"].write("www/for-readers.txt", "readable")
    wait_until(lambda: bob.has("www/for-readers.txt", "readable"), "a reader gets everything")
    assert "Readers" in failing(republic, REFUSED, "restore", "www/never", "--node", "bob")
    laptop.republic.fwrkit("role", "bob", "citizen")
    bob.write("www/bobs.txt", "bob's again")
    wait_until(lambda: nodes["alice"].has("www/bobs.txt", "bob's again"), "a citizen writes")


def test_what_waits_for_an_official_and_who_is_muted(republic: Republic, nodes: dict[str, Node], laptop: Node) -> None:
    alice, bob = nodes["alice"], nodes["bob"]
    laptop.republic.fwrkit("policy", "add", "looked at", "--path", "www/front/**", "--role", "citizen", "--then", "review")
    republic.settle()
    republic.witness(nodes["server"])
    alice.write("www/front/news.html", "news by alice")
    bob.write("www/front/offer.html", "buy")
    republic.written.pop(digest("buy"))
    wait_until(lambda: laptop.republic.json("review")["count"] == 2, "both wait")
    assert alice.has("www/front/news.html", "news by alice") and bob.has("www/front/news.html", None)
    wait_until(lambda: alice.status()["reviews"] == 1, "alice knows that it waits")
    numbers = {item["by"]: str(item["number"]) for item in laptop.republic.json("review")["reviews"]}
    assert "+buy" in laptop.republic.fwrkit("review", "diff", numbers["bob"]).stdout.decode()
    laptop.republic.fwrkit("review", "accept", numbers["alice"])
    laptop.republic.fwrkit("review", "reject", numbers["bob"], "--reason", "no advertising")
    wait_until(lambda: bob.has("www/front/news.html", "news by alice") and bob.has("www/front/offer.html", None), "both are decided")
    assert republic.fwrkit("refused", "give", str(bob.refused()[-1]["number"]), "--node", "bob").stdout == b"buy"
    republic.fwrkit("mute", "alice", "--node", "bob")
    alice.write("www/noise.html", "noise")
    wait_until(lambda: laptop.has("www/noise.html", "noise"), "it reaches the others")
    bob.wait_in_sync()
    assert bob.has("www/noise.html", None)
    republic.fwrkit("unmute", "alice", "--node", "bob")
    wait_until(lambda: bob.has("www/noise.html", "noise"), "it comes when bob listens again")


def test_a_vandal_is_banned_and_taken_back_from_a_laptop(republic: Republic, nodes: dict[str, Node], laptop: Node) -> None:
    mallory, alice, bob = nodes["mallory"], nodes["alice"], nodes["bob"]
    overwritten, deleted, added = scale(160, 1000), scale(40, 200), scale(20, 100)
    good = {f"www/wiki/{n}.txt": f"good {n}" for n in range(overwritten + deleted)}
    alice.do(*({"path": path, "text": text} for path, text in good.items()))
    republic.settle(120)
    republic.fwrkit("snapshot", "before-the-vandal")
    wait_until(lambda: not nodes["server"].history()["pending"], "it is in the history")
    time.sleep(1.1)  # versions have seconds
    began = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    vandalism: list[dict[str, Any]] = [{"path": f"www/wiki/{n}.txt", "text": f"bad {n}"} for n in range(overwritten)]
    vandalism += [{"path": f"www/wiki/{n}.txt", "delete": True} for n in range(overwritten, overwritten + deleted)]
    vandalism += [{"path": f"www/spam/{n}.txt", "text": f"spam {n}"} for n in range(added)]
    mallory.do(*vandalism)
    republic.deleted.clear()
    mallory.wait_in_sync(120)
    wait_until(lambda: bob.has("www/wiki/3.txt", "bad 3"), "bob sees what mallory has done")
    bob.write("www/wiki/3.txt", "bob mends one by hand")
    wait_until(lambda: nodes["server"].has("www/wiki/3.txt", "bob mends one by hand"), "bob's edit arrives")
    ban_began = time.monotonic()
    laptop.republic.fwrkit("ban", "mallory", "--reason", "vandalism")
    wait_until(lambda: "banned" in mallory.status()["detail"], "the ban ends the connection", 5)
    print(f"banned after {time.monotonic() - ban_began:.1f} s, the command included")
    rehearsal = laptop.republic.json("revert", "--by", "mallory", "--since", began, "--dry-run")
    bob.write("www/wiki/bobs.txt", "bob goes on")
    result = laptop.republic.json("revert", "--by", "mallory", "--since", began)
    assert (result["count"], result["left_count"]) == (rehearsal["count"], 1)
    assert result["left"] == [{"path": "www/wiki/3.txt", "reason": "bob has edited it since"}]
    bob.wait_in_sync(120)
    alice.wait_in_sync(120)
    tree = alice.tree()
    assert {path: tree.get(path) for path in good if path != "www/wiki/3.txt"} == {
        path: digest(text) for path, text in good.items() if path != "www/wiki/3.txt"
    }
    assert tree["www/wiki/3.txt"] == digest("bob mends one by hand")
    assert tree["www/wiki/bobs.txt"] == digest("bob goes on")
    assert not any(path.startswith("www/spam") for path in tree)
    roll = {item["name"]: item for item in republic.json("citizens", "--node", "alice")["citizens"]}
    assert (roll["mallory"]["reason"], roll["mallory"]["banned_by"]) == ("vandalism", "olga")
    laptop.republic.fwrkit("unban", "mallory")
    wait_until(lambda: mallory.status()["state"] == "in sync", "let in again", 30)
    republic.check_invariants()


def test_a_ban_in_the_middle_of_a_run_ends_it(republic: Republic, nodes: dict[str, Node], laptop: Node) -> None:
    mallory, server = nodes["mallory"], nodes["server"]
    mallory.python("open('/srv/fwr/world/www/huge.bin', 'wb').write(bytes(range(256)) * (1 << 19))")
    wait_until(lambda: b"True" in server.python(_IS_RUNNING, user="0"), "the run is under way", 30)
    laptop.republic.fwrkit("ban", "mallory", "--reason", "in the middle of it", "--until", "1h")
    wait_until(lambda: b"True" not in server.python(_IS_RUNNING, user="0"), "the run is ended", 2)
    assert server.has("www/huge.bin", None)
    wait_until(lambda: "in the middle of it" in mallory.status()["detail"], "why, and until when", 30)
    laptop.republic.fwrkit("unban", "mallory")
    wait_until(lambda: mallory.status()["state"] == "in sync", "let in again", 60)
    republic.witness(mallory)


def test_a_demoted_official_is_one_no_more(republic: Republic, nodes: dict[str, Node], laptop: Node) -> None:
    assert "operator" in failing(laptop.republic, REFUSED, "role", "ada", "reader")
    assert "operator" in failing(laptop.republic, REFUSED, "ban", "ada", "--reason", "x")
    assert "no citizen" in failing(laptop.republic, NOT_FOUND, "ban", "nobody", "--reason", "x")
    failing(laptop.republic, USAGE, "ban", "bob", "--reason", "x", "--until", "2020-01-01")
    republic.fwrkit("role", "olga", "citizen")
    for words in (
        ("ban", "bob", "--reason", "x"),
        ("policy", "remove", "no films"),
        ("invite", "eve"),
        ("snapshot", "mine"),
        ("requests",),
    ):
        assert "fficials" in failing(laptop.republic, REFUSED, *words)
    laptop.attempt({"path": "www_tourist/late.html", "text": "still official?"})
    undone(laptop, "www_tourist/late.html", None)
    republic.fwrkit("role", "olga", "official")


def test_the_audit_log_is_whole_everywhere(republic: Republic, nodes: dict[str, Node], laptop: Node) -> None:
    republic.settle()
    laptop.wait_in_sync()
    logs: list[dict[str, Any]] = []

    def is_one_log() -> bool:  # the server may write a line between two looks: a burst of refusals ends ten minutes after it began
        logs[:] = [republic.json("audit", "--node", name) for name in nodes] + [laptop.republic.json("audit")]
        return len({log["head"] for log in logs}) == 1

    wait_until(is_one_log, "everybody reads the same log", 60)
    assert not any(log["fault"] for log in logs)
    events = [entry["event"] for entry in logs[0]["entries"]]
    for event in ("invite", "join", "role", "policy", "refused", "ban", "unban", "revert by", "snapshot"):
        assert event in events, event
    assert len(events) < 120, "thousands of refusals are a few lines"
    bob = nodes["bob"]
    with bob.cut():
        [month] = [path for path in bob.tree() if path.startswith(".fwr/audit/")]
        text = bob.read(month).decode()
        bob.python(f"open('/srv/fwr/world/{month}', 'w').write({text.replace('vandalism', 'kindness')!r})")
        done = republic.fwrkit("audit", "--verify", "--node", "bob", check=False)
        assert done.returncode == 1 and b"was changed" in done.stderr
    wait_until(
        lambda: bob.read(month) == nodes["server"].read(month) != text.encode(),
        "what only the server writes is as it has it, and one line more",
    )
    republic.check_invariants(120)


def test_an_invite_is_withdrawn_from_a_laptop(republic: Republic, nodes: dict[str, Node], laptop: Node) -> None:
    line = republic.json("invite", "eve")["invite"]
    assert ("eve", "ada", 1) in [(each["name"], each["by"], each["left"]) for each in laptop.republic.json("invites")["invites"]]
    assert laptop.republic.json("invites", "withdraw", "eve") == {"name": "eve", "count": 1}
    assert "does not know this invite" in failing(laptop.republic, REFUSED, "join", line, "--name", "eve")
    assert "eve" not in [each["name"] for each in republic.json("invites")["invites"]]
    failing(laptop.republic, NOT_FOUND, "invites", "withdraw", "eve")


def test_new_keys_and_leaving(republic: Republic, nodes: dict[str, Node], laptop: Node) -> None:
    republic.fwrkit("rekey", "alice")
    nodes["alice"].write("www/rekeyed.txt", "by a new key")
    wait_until(lambda: nodes["bob"].has("www/rekeyed.txt", "by a new key"), "it travels")
    republic.fwrkit("rekey", "server")
    republic.fwrkit("down", "alice")
    republic.json("up", "alice")
    nodes["alice"].wait_in_sync()
    nodes["alice"].write("www/rekeyed.txt", "while two authorities are valid")
    wait_until(lambda: nodes["bob"].has("www/rekeyed.txt", "while two authorities are valid"), "it travels")
    republic.fwrkit("rekey", "server", "--now")
    for name in ("alice", "bob"):
        republic.fwrkit("down", name)
        republic.json("up", name)
        nodes[name].wait_in_sync()
    republic.fwrkit("leave", "bob", "--yes")
    wait_until(lambda: "left" in nodes["bob"].status()["detail"] or nodes["bob"].status()["state"] == "offline", "bob is out")
    nodes["alice"].write("www/without-bob.txt", "bob does not get this")
    nodes["alice"].wait_in_sync()
    assert nodes["bob"].has("www/without-bob.txt", None)
    assert nodes["bob"].has("www/rekeyed.txt", "while two authorities are valid"), "the copy stays"
    assert {item["name"]: item["role"] for item in republic.json("citizens")["citizens"]}["bob"] == "former"
    republic.json("join", "server", "--name", "bob")
    wait_until(lambda: nodes["bob"].has("www/without-bob.txt", "bob does not get this"), "bob is back, by the same node")
    assert {item["name"]: item["role"] for item in republic.json("citizens")["citizens"]}["bob"] == "citizen"
    republic.settle()
