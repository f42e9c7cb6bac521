"""Scenario 1: what happens to a file at any node happens at all others."""

from __future__ import annotations

import os

import pytest

from tests.integration.republic import Node, Republic, digest, wait_until

STRANGE = [
    "with space", "quo'te", 'dou"ble', "new\nline", "-leading", "*", "\N{PILE OF POO}", "n" * 255,
    os.fsdecode(b"\xff\xfe no utf-8"), "back\\slash", "%41", "a;b|c&d",
]  # fmt: skip


@pytest.fixture(scope="module")
def nodes(republic: Republic) -> dict[str, Node]:
    republic.up_server("--template", "static")
    for name in ("alice", "bob", "carol"):
        republic.join(name)
    republic.settle()
    return republic.nodes


@pytest.mark.parametrize("author", ["alice", "server"])
def test_created_changed_renamed_deleted(republic: Republic, nodes: dict[str, Node], author: str) -> None:
    others = [node for name, node in nodes.items() if name != author]
    path, moved = f"www/by-{author}.html", f"www/moved-by-{author}.html"
    nodes[author].write(path, f"{author}, first")
    for node in others:
        wait_until(lambda node=node: node.has(path, f"{author}, first"), f"{node.name} has the new file")  # type: ignore[misc]
    nodes[author].write(path, f"{author}, second")
    for node in others:
        wait_until(lambda node=node: node.has(path, f"{author}, second"), f"{node.name} has the change")  # type: ignore[misc]
    nodes[author].rename(path, moved)
    for node in others:
        wait_until(lambda node=node: node.has(path, None) and node.has(moved, f"{author}, second"), f"{node.name} has the new name")  # type: ignore[misc]
    nodes[author].delete(moved)
    for node in others:
        wait_until(lambda node=node: node.has(moved, None), f"{node.name} has it no more")  # type: ignore[misc]
    republic.check_invariants()


def test_directories_and_empty_ones(republic: Republic, nodes: dict[str, Node]) -> None:
    nodes["alice"].do(
        {"path": "www/empty", "directory": True}, {"path": "www/a/b/c", "text": "deep"}, {"path": "www/gone/x", "text": "x"}, {"path": "www/zero", "text": ""}
    )  # fmt: skip
    republic.settle()
    assert nodes["carol"].tree()["www/empty"] == ""
    nodes["bob"].rename("www/a", "www/z")
    nodes["bob"].delete("www/gone/x")
    nodes["bob"].delete("www/gone")
    republic.settle()
    tree = nodes["carol"].tree()
    assert tree["www/z/b/c"] == digest("deep")
    assert not {"www/a", "www/gone", "www/gone/x"} & set(tree)
    republic.deleted |= {"www/a/b", "www/a/b/c"}
    republic.check_invariants()


def test_strange_names(republic: Republic, nodes: dict[str, Node]) -> None:
    nodes["bob"].do(*({"path": f"www/strange/{name}", "text": f"content of {number}"} for number, name in enumerate(STRANGE)))
    republic.settle()
    names = {path.removeprefix("www/strange/") for path in nodes["alice"].tree() if path.startswith("www/strange/")}
    assert names == set(STRANGE)
    republic.check_invariants()


def test_fifty_megabytes(republic: Republic, nodes: dict[str, Node]) -> None:
    make = "import hashlib, os; c = os.urandom(50_000_000); open('/srv/fwr/world/www/large.bin', 'wb').write(c); print(hashlib.sha256(c).hexdigest())"
    state = nodes["carol"].python(make).decode().strip()
    republic.written[state] = "carol: large.bin"
    for node in nodes.values():
        wait_until(lambda node=node: node.tree().get("www/large.bin") == state, f"{node.name} has it", 60)  # type: ignore[misc]
    republic.check_invariants()


def test_what_is_no_part_of_a_world_stops_nothing(republic: Republic, nodes: dict[str, Node]) -> None:
    nodes["alice"].python(
        "import os; os.chdir('/srv/fwr/world/www'); os.makedirs('repo/.git'); open('repo/.git/config', 'w').write('x');"
        "os.mkfifo('pipe'); os.symlink('/etc/passwd', 'link'); open('repo/.htaccess', 'w').write('x')"
    )
    nodes["alice"].write("www/repo/page", "a page beside a repository")
    wait_until(lambda: nodes["bob"].has("www/repo/page", "a page beside a repository"), "the page travels")
    for name in ("www/repo/.git", "www/pipe", "www/link", "www/repo/.htaccess"):
        assert (
            nodes["bob"].docker("exec", f"{nodes['bob'].project}-sync", "test", "-e", f"/srv/fwr/world/{name}", check=False).returncode == 1
        )
    republic.settle()
    wait_until(
        lambda: {item["path"] for item in nodes["alice"].status()["refused"]} == {"www/link", "www/pipe", "www/repo/.git"},
        "they are reported",
    )
    republic.check_invariants()


def test_a_page_is_served_by_every_client(republic: Republic, nodes: dict[str, Node]) -> None:
    import urllib.request

    nodes["alice"].write("www/served.html", "<html><body>served by all</body></html>")
    for name in ("bob", "carol"):
        address = nodes[name].url("/fwr/served.html")
        wait_until(lambda name=name: nodes[name].has("www/served.html", "<html><body>served by all</body></html>"), f"{name} has it")  # type: ignore[misc]
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert b"served by all" in answer.read()
