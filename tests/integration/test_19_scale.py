"""Scenario 19: many files at once, without a clock. What is dropped at one client arrives at the other one and at the server, whatever the time it takes.

It is the short form of `make bench` that every run has: nothing here is about how fast something is. It fails where something never arrives.
"""

from __future__ import annotations

import json

import pytest

from tests.integration.republic import Node, Republic, wait_until
from tests.integration.scale import scale

FILES = scale(20_000, 90_000)
_NEVER = 420  # seconds without anything new: on a busy machine nothing that moves at all takes so long

# runs inside `sync`: makes the files beside the world and moves their directory in, as `mv` and file managers do; prints nothing
_DROP = """
import os, sys
count, place = int(sys.argv[1]), "/srv/fwr/world/.making~"
os.makedirs(place)
for number in range(count):
    directory = f"{place}/{number // 1000}"
    if number % 1000 == 0:
        os.mkdir(directory)
    with open(f"{directory}/{number}.txt", "w") as file:
        file.write(f"file {number} " + "x" * 480)
os.rename(place, "/srv/fwr/world/www/dropped")
"""
# runs inside `sync`: counts files below a directory, and adds their lengths and the numbers that they begin with
_COUNT = """
import json, os, sys
files = size = numbers = 0
for directory, _, names in os.walk("/srv/fwr/world/www/dropped"):
    for name in names:
        try:
            content = open(os.path.join(directory, name), "rb").read()
        except FileNotFoundError:
            continue
        files, size, numbers = files + 1, size + len(content), numbers + int(content.split()[1])
print(json.dumps([files, size, numbers]))
"""


def dropped(node: Node) -> list[int]:
    """Return what a node has of the dropped files: how many, their lengths, and the sum of their numbers."""
    found: list[int] = json.loads(node.python(_COUNT))
    return found


def wait_for_all(nodes: list[Node], wanted: list[int]) -> None:
    """Return when every node has all of it. There is no limit for the whole, only for how long nothing moves."""
    seen = {node.name: dropped(node) for node in nodes}

    def has_moved() -> bool:
        nonlocal seen
        before, seen = seen, {node.name: dropped(node) for node in nodes}
        return seen != before or all(found == wanted for found in seen.values())

    while any(found != wanted for found in seen.values()):
        wait_until(has_moved, f"more of {wanted} arrives than {seen}", _NEVER)


@pytest.fixture(scope="module")
def nodes(republic: Republic) -> dict[str, Node]:
    republic.up_server("--template", "static")
    for name in ("alice", "bob"):
        republic.join(name)
    republic.settle()
    return republic.nodes


def test_a_drop_of_many_small_files_arrives_everywhere(republic: Republic, nodes: dict[str, Node]) -> None:
    alice, bob, server = nodes["alice"], nodes["bob"], nodes["server"]
    alice.python(_DROP, str(FILES))
    wanted = dropped(alice)
    assert wanted[0] == FILES
    for number in range(5):  # edits go on meanwhile, from everywhere
        for node in (alice, bob, server):
            node.write(f"www/meanwhile/{node.name}-{number}", f"written by {node.name} while much was on its way, {number}")
    wait_for_all([server, bob], wanted)
    for number in range(5):
        for node in (alice, bob, server):
            for reader in (alice, bob, server):
                text = f"written by {node.name} while much was on its way, {number}"
                wait_until(
                    lambda reader=reader, node=node, number=number, text=text: reader.has(f"www/meanwhile/{node.name}-{number}", text),  # type: ignore[misc]
                    f"{reader.name} has what {node.name} wrote",
                    _NEVER,
                )


def test_who_joins_then_gets_all_of_it(republic: Republic, nodes: dict[str, Node]) -> None:
    republic.join("carol")
    wanted = dropped(nodes["alice"])
    wait_for_all([nodes["carol"]], wanted)
    nodes["carol"].write("www/dropped/0/0.txt", "edited 0 by carol")
    for name in ("alice", "bob", "server"):
        wait_until(lambda name=name: nodes[name].has("www/dropped/0/0.txt", "edited 0 by carol"), f"{name} has her edit", _NEVER)  # type: ignore[misc]


def test_all_are_in_sync_and_nothing_is_said_to_wait(republic: Republic, nodes: dict[str, Node]) -> None:
    for node in nodes.values():
        node.wait_in_sync(_NEVER)
    for name in ("alice", "bob", "carol"):
        wait_until(lambda name=name: nodes[name].status()["pending"] == 0, f"nothing of {name} waits", 60)  # type: ignore[misc]
    trees = [node.tree() for node in nodes.values()]
    assert all(tree == trees[0] for tree in trees)
