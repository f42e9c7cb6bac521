"""Scenario 3: offline is a normal state."""

from __future__ import annotations

import pytest

from tests.integration.republic import Node, Republic, digest, wait_until


@pytest.fixture(scope="module")
def nodes(republic: Republic) -> dict[str, Node]:
    republic.up_server("--template", "static")
    for name in ("alice", "bob"):
        republic.join(name)
    nodes = republic.nodes
    nodes["alice"].do(*({"path": f"www/page{number}", "text": f"page {number}"} for number in range(12)))
    republic.settle()
    return nodes


def agree(nodes: dict[str, Node]) -> bool:
    trees = [node.tree() for node in nodes.values()]
    return all(tree == trees[0] for tree in trees)


def test_edits_on_both_sides_converge_within_ten_seconds(republic: Republic, nodes: dict[str, Node]) -> None:
    bob, alice = nodes["bob"], nodes["alice"]
    bob.disconnect()
    wait_until(lambda: bob.status()["state"] == "offline", "bob notices that he is alone", 20)
    bob.do({"path": "www/new-by-bob", "text": "new"}, {"path": "www/page0", "text": "changed by bob"})
    bob.do({"path": "www/page1", "text": "a detour"})
    bob.do({"path": "www/page1", "text": "page 1"})
    bob.delete("www/page2")
    bob.delete("www/page3")
    bob.write("www/page3", "page 3, recreated")
    bob.rename("www/page4", "www/renamed4")
    alice.do({"path": "www/page5", "text": "changed by alice"}, {"path": "www/sub/new-by-alice", "text": "new, too"})
    alice.delete("www/page6")
    alice.rename("www/page7", "www/sub/renamed7")
    alice.wait_in_sync()
    wait_until(lambda: bob.status()["pending"] >= 5, "bob knows of what waits")
    republic.written.pop(digest("a detour"))  # put back before anybody could see it: not a version, and not lost
    bob.reconnect()
    took = wait_until(lambda: agree(nodes), "all have the same", 10)
    assert took <= 10
    tree = nodes["server"].tree()
    assert tree["www/page3"] == digest("page 3, recreated")
    assert tree["www/renamed4"] == digest("page 4")
    republic.check_invariants()


def test_the_server_is_restarted_in_between(republic: Republic, nodes: dict[str, Node]) -> None:
    republic.fwrkit("down", "server")
    nodes["alice"].write("www/while-away", "written while the server was away")
    nodes["bob"].write("www/page8", "bob, while the server was away")
    wait_until(lambda: nodes["alice"].status()["state"] == "offline", "alice notices", 20)
    republic.fwrkit("up", "server")
    wait_until(lambda: agree(nodes), "all have the same", 60)
    assert nodes["bob"].tree()["www/while-away"] == digest("written while the server was away")
    republic.check_invariants()


def test_a_client_is_stopped_and_started_again(republic: Republic, nodes: dict[str, Node]) -> None:
    republic.fwrkit("down", "bob")
    nodes["bob"].is_reachable = False
    nodes["alice"].write("www/page9", "alice, while bob was away")
    nodes["alice"].delete("www/page10")
    republic.fwrkit("up", "bob")
    nodes["bob"].is_reachable = True
    republic.check_invariants()
    assert nodes["bob"].tree()["www/page9"] == digest("alice, while bob was away")


def test_the_servers_agent_is_killed(republic: Republic, nodes: dict[str, Node]) -> None:
    nodes["alice"].do(*({"path": f"www/burst/{number}", "text": f"burst {number}"} for number in range(50)))
    nodes["server"].docker("kill", "--signal", "KILL", f"{nodes['server'].project}-sync")
    nodes["server"].docker("start", f"{nodes['server'].project}-sync")
    nodes["alice"].write("www/page11", "right after the crash")
    wait_until(lambda: agree(nodes), "all have the same", 60)
    republic.check_invariants()


def test_a_client_joins_late(republic: Republic, nodes: dict[str, Node]) -> None:
    late = republic.join("carol")
    republic.settle()
    assert late.tree() == nodes["alice"].tree()
    republic.check_invariants()


def test_a_client_joins_with_a_world_of_its_own(republic: Republic, nodes: dict[str, Node]) -> None:
    republic.fwrkit("rm", "carol", "--yes")  # the volumes stay, with keys and record: so make another one with a world but no history
    del nodes["carol"]
    republic.fwrkit("up", "server")
    dave = republic.join("dave")
    dave.wait_in_sync()
    republic.fwrkit("down", "dave")
    dave.docker("volume", "rm", f"{dave.project}_state")
    code = "import os; open('/srv/fwr/world/www/daves-own', 'w').write('brought along'); os.unlink('/srv/fwr/world/.fwr-sentinel')"
    republic.written[digest("brought along")] = "dave"
    image = dave.republic.json("images", "build")["client"]
    dave.docker("run", "--rm", "-v", f"{dave.project}_world:/srv/fwr", "--user", "2011", "--entrypoint", "python3", image, "-c", code)
    republic.fwrkit("up", "dave")
    republic.settle()
    assert nodes["alice"].tree()["www/daves-own"] == digest("brought along")
    republic.check_invariants()
