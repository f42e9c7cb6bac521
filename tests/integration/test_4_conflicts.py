"""Scenario 4: both change the same file while apart; both contents survive, one conflict copy, the same name everywhere."""

from __future__ import annotations

import pytest

from tests.integration.republic import Failed, Node, Republic, digest


@pytest.fixture(scope="module")
def nodes(republic: Republic) -> dict[str, Node]:
    republic.up_server("--template", "static")
    for name in ("alice", "bob", "carol"):
        republic.join(name)
    republic.settle()
    return republic.nodes


def test_both_change_the_same_file_while_apart(republic: Republic, nodes: dict[str, Node]) -> None:
    nodes["alice"].write("www/notes.txt", "before")
    republic.settle()
    with nodes["bob"].cut():
        nodes["bob"].write("www/notes.txt", "bob's version")
        nodes["alice"].write("www/notes.txt", "alice's version")
        republic.settle()
    republic.lost_races += 1
    republic.check_invariants()
    tree = nodes["carol"].tree()
    assert tree["www/notes.txt"] == digest("alice's version")
    copy = next(path for path in tree if "(conflict bob " in path)
    assert copy.startswith("www/notes (conflict bob ")
    assert copy.endswith(").txt")
    assert tree[copy] == digest("bob's version")


def test_the_conflict_is_listed_with_both_authors_and_ended(republic: Republic, nodes: dict[str, Node]) -> None:
    for node in ("server", "alice", "bob", "carol"):
        [found] = republic.json("conflicts", node)
        assert (found["conflict"]["path"], found["conflict"]["author"], found["conflict"]["other"]) == ("www/notes.txt", "bob", "alice")
    assert len(republic.json("conflicts")) == 4
    with pytest.raises(Failed) as raised:
        republic.fwrkit("conflicts", "resolve", "www/notes.txt", "--keep", "mine")
    assert raised.value.status == 2, "several nodes have it: as whom?"
    with pytest.raises(Failed) as raised:
        republic.fwrkit("conflicts", "resolve", "www/notes.txt", "--keep", "mine", "--node", "carol")
    assert "Neither version is yours" in raised.value.stderr
    republic.fwrkit("conflicts", "resolve", "www/notes.txt", "--keep", "mine", "--node", "bob")
    republic.lost_races -= 1
    republic.check_invariants()
    assert all(nodes[name].has("www/notes.txt", "bob's version") for name in nodes)
    assert republic.fwrkit("conflicts").stdout == b"No conflicts.\n"


def test_a_conflict_that_is_ended_by_hand_is_over_everywhere(republic: Republic, nodes: dict[str, Node]) -> None:
    with nodes["bob"].cut():
        nodes["bob"].write("www/notes.txt", "bob's again")
        nodes["alice"].write("www/notes.txt", "alice's again")
        nodes["alice"].wait_in_sync()
    republic.settle()
    [found] = republic.json("conflicts", "carol")
    nodes["carol"].delete(found["conflict"]["copy"])
    republic.check_invariants()
    assert republic.fwrkit("conflicts").stdout == b"No conflicts.\n"


def test_two_change_different_lines_of_a_text_while_apart(republic: Republic, nodes: dict[str, Node]) -> None:
    lines = ["<h1>Programme</h1>", "<p>Monday</p>", "<p>Tuesday</p>", "<p>Wednesday</p>", ""]
    nodes["alice"].write("www/programme.html", "\n".join(lines))
    republic.settle()
    with nodes["bob"].cut():
        nodes["bob"].write("www/programme.html", "\n".join([*lines[:3], "<p>Wednesday: no meeting</p>", ""]))
        nodes["alice"].write("www/programme.html", "\n".join(["<h1>Programme for May</h1>", *lines[1:]]))
        nodes["alice"].wait_in_sync()
    merged = "\n".join(["<h1>Programme for May</h1>", *lines[1:3], "<p>Wednesday: no meeting</p>", ""])
    republic.written[digest(merged)] = "the merge of what alice and bob wrote"
    republic.check_invariants()
    for name in ("server", "alice", "bob", "carol"):
        assert nodes[name].read("www/programme.html").decode() == merged


def test_three_new_files_of_one_name(republic: Republic, nodes: dict[str, Node]) -> None:
    with nodes["alice"].cut(), nodes["bob"].cut(), nodes["carol"].cut():
        for name in ("alice", "bob", "carol"):
            nodes[name].write("www/same.html", f"{name} wrote this")
    republic.lost_races += 2
    republic.check_invariants()
    tree = nodes["server"].tree()
    found = {state for path, state in tree.items() if path.startswith("www/same")}
    assert found == {digest(f"{name} wrote this") for name in ("alice", "bob", "carol")}


def test_the_same_change_on_both_sides_is_no_conflict(republic: Republic, nodes: dict[str, Node]) -> None:
    with nodes["bob"].cut():
        nodes["bob"].write("www/index.html", "the same")
        nodes["alice"].write("www/index.html", "the same")
        nodes["carol"].wait_in_sync()
    republic.check_invariants()


def test_deleted_here_changed_there(republic: Republic, nodes: dict[str, Node]) -> None:
    nodes["alice"].write("www/contested", "first")
    republic.settle()
    with nodes["bob"].cut():
        nodes["bob"].delete("www/contested")
        nodes["alice"].write("www/contested", "second")
        nodes["alice"].wait_in_sync()
    republic.check_invariants()
    assert nodes["bob"].tree()["www/contested"] == digest("second")


def test_a_file_here_a_directory_there(republic: Republic, nodes: dict[str, Node]) -> None:
    with nodes["bob"].cut():
        nodes["bob"].do({"path": "www/thing/inside", "text": "in bob's directory"})
        nodes["alice"].write("www/thing", "alice's file")
        nodes["alice"].wait_in_sync()
    republic.lost_races += 1
    republic.check_invariants()
    tree = nodes["carol"].tree()
    assert tree["www/thing"] == digest("alice's file")
    assert digest("in bob's directory") in tree.values()
