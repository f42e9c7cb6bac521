"""Scenario 5: a client loses its memory, its world, or both, or gets an older copy: it finds back, and nobody else loses anything."""

from __future__ import annotations

import pytest

from tests.integration.republic import Node, Republic, digest, wait_until


@pytest.fixture(scope="module")
def nodes(republic: Republic) -> dict[str, Node]:
    republic.up_server("--template", "static")
    for name in ("alice", "bob"):
        republic.join(name)
    nodes = republic.nodes
    nodes["alice"].do(*({"path": f"www/dir{number % 3}/page{number}", "text": f"page {number}"} for number in range(30)))
    republic.settle()
    return nodes


def lose(republic: Republic, node: Node, *volumes: str) -> None:
    republic.fwrkit("down", node.name)
    for volume in volumes:
        node.docker("volume", "rm", f"{node.project}_{volume}")


@pytest.mark.parametrize("volumes", [("state",), ("world",), ("state", "world")], ids="+".join)
def test_loss_of_volumes(republic: Republic, nodes: dict[str, Node], volumes: tuple[str, ...]) -> None:
    mark = "-".join(volumes)
    lose(republic, nodes["bob"], *volumes)
    nodes["alice"].write("www/dir0/page0", f"changed while bob lost {mark}")
    victim = next(path for path in sorted(nodes["alice"].tree()) if path.startswith("www/dir1/"))
    nodes["alice"].delete(victim)
    nodes["alice"].wait_in_sync()
    republic.fwrkit("up", "bob")
    republic.check_invariants()
    assert nodes["bob"].tree()["www/dir0/page0"] == digest(f"changed while bob lost {mark}")


def test_an_older_copy_of_the_world_is_put_in_place(republic: Republic, nodes: dict[str, Node]) -> None:
    bob = nodes["bob"]
    image = republic.json("images", "build")["client"]
    volume = f"{bob.project}_world:/srv/fwr"
    bob.python("import subprocess; subprocess.run('tar -C /srv/fwr -cf /tmp/backup.tar world', shell=True, check=True)")
    backup = bob.docker("exec", f"{bob.project}-sync", "cat", "/tmp/backup.tar").stdout
    nodes["alice"].write("www/dir2/page2", "newer than the backup")
    nodes["alice"].delete("www/dir2/page5")
    republic.settle()
    republic.fwrkit("down", "bob")
    code = "cd /srv/fwr && rm -rf world && tar -xf - && echo 'an edit on the copy' > world/www/on-the-copy"
    bob.docker("run", "--rm", "-i", "-v", volume, "--user", "2011", "--entrypoint", "sh", image, "-c", code, stdin=backup)
    republic.written[digest("an edit on the copy\n")] = "bob, on the copy"
    republic.fwrkit("up", "bob")
    republic.check_invariants()
    tree = nodes["bob"].tree()
    assert tree["www/dir2/page2"] == digest("newer than the backup")
    assert tree["www/on-the-copy"] == digest("an edit on the copy\n")


_DAMAGE = """
import glob, os, sys
for pattern in sys.argv[1:]:
    for path in glob.glob(pattern):
        size = os.path.getsize(path)
        with open(path, "r+b") as file:
            file.seek(size // 4)
            file.write(os.urandom(size // 2))
"""

_STALE = """
import os, sys
for directory in sys.argv[1:]:
    os.makedirs(directory, exist_ok=True)
    for name in ("lk0123456789abcdef0123456789abcdef", "ar0123456789abcdef0123456789abcdef", "DANGER.README"):
        with open(os.path.join(directory, name), "w") as file:
            file.write("left by a run that was interrupted")
"""


def while_down(republic: Republic, node: Node, role: str, code: str, *words: str) -> None:
    """Run Python on a node's state while the node is down."""
    republic.fwrkit("down", node.name)
    image = republic.json("images", "build")[role]
    volume = f"{node.project}_state:/var/lib/fwrkit"
    node.docker(
        "run", "--rm", "-v", volume, "--user", {"server": "0", "client": "2011"}[role], "--entrypoint", "python3", image, "-c", code, *words
    )
    republic.fwrkit("up", node.name)


def alerts(node: Node) -> str:
    return " ".join(node.status()["alerts"])


@pytest.mark.parametrize("name", ["bob", "server"])
def test_a_damaged_database_heals_by_itself(republic: Republic, nodes: dict[str, Node], name: str) -> None:
    node, role = nodes[name], "server" if name == "server" else "client"
    database = "record" if role == "client" else "hub"
    if role == "server":
        nodes["alice"].write("www/dir1/page1", "before the damage")
        republic.settle()
    while_down(republic, node, role, _DAMAGE, f"/var/lib/fwrkit/{database}.sqlite", f"/var/lib/fwrkit/{database}.sqlite-wal")
    wait_until(lambda: "damaged" in alerts(node), "it is said")
    republic.settle()  # what is edited before both have met again is kept beside: to each other they are two worlds until then
    nodes["alice"].write("www/dir1/page4", f"after the damage at {name}")
    republic.settle()
    assert nodes["bob"].tree()["www/dir1/page4"] == digest(f"after the damage at {name}")
    if role == "server":
        assert nodes["bob"].tree()["www/dir1/page1"] == digest("before the damage")
        republic.deleted.clear()  # what was deleted since the tables' copy may be there again: nobody knows better
    republic.check_invariants()
    assert any("damaged" in each["message"] for each in republic.json("doctor", check=False) if each["check"] == f"{name}: noticed")


def test_a_damaged_object_of_the_history_is_named_and_made_anew(republic: Republic, nodes: dict[str, Node]) -> None:
    nodes["alice"].write("www/dir1/page7", "kept well")
    republic.settle()
    server = nodes["server"]
    wait_until(lambda: server.history()["pending"] == 0, "the history is written")
    git = ["exec", "-u", "0", f"{server.project}-sync", "git", "--git-dir=/var/lib/fwrkit/history.git"]
    name = server.docker(*git, "rev-parse", "main:www/dir1/page7").stdout.decode().strip()
    place = f"/var/lib/fwrkit/history.git/objects/{name[:2]}/{name[2:]}"
    server.docker("exec", "-u", "0", f"{server.project}-sync", "sh", "-c", f"chmod 644 {place} && head -c 40 /dev/zero > {place}")
    said = [each for each in republic.json("doctor", check=False) if each["check"] == "server: history"]
    assert not said[0]["ok"] and name[:12] in said[0]["message"]
    wait_until(lambda: "written again" in alerts(server), "it is made anew", 30)
    assert server.docker(*git, "cat-file", "-p", name).stdout == b"kept well"
    server.docker("exec", "-u", "0", f"{server.project}-sync", "sh", "-c", "rm -f /var/lib/fwrkit/history.git/damaged-*")
    republic.check_invariants()


def test_what_an_interrupted_run_of_unison_left_stops_nothing(republic: Republic, nodes: dict[str, Node]) -> None:
    while_down(republic, nodes["bob"], "client", _STALE, "/var/lib/fwrkit/unison")
    while_down(republic, nodes["server"], "server", _STALE, *(f"/var/lib/fwrkit/accounts/{name}" for name in ("alice", "bob")))
    assert any("DANGER" in each["message"] for each in republic.json("doctor", check=False) if each["check"].endswith(": Unison"))
    for name in ("alice", "bob"):
        large = name * 600_000
        nodes[name].write(f"www/large-{name}", large)
        republic.settle()
        assert nodes["bob"].tree()[f"www/large-{name}"] == nodes["alice"].tree()[f"www/large-{name}"] == digest(large)
    republic.check_invariants()


def test_a_copied_key_and_volume_on_a_second_machine_is_refused(republic: Republic, nodes: dict[str, Node]) -> None:
    bob = nodes["bob"]
    image = republic.json("images", "build")["client"]
    twin = f"{bob.project}-twin"
    for name in ("world", "state", "keys"):
        copy = "cp -a /from/. /to/"
        bob.docker("volume", "create", "--label", f"com.docker.compose.project={bob.project}", f"{twin}_{name}")
        bob.docker(
            "run",
            "--rm",
            "-u",
            "0",
            "-v",
            f"{bob.project}_{name}:/from",
            "-v",
            f"{twin}_{name}:/to",
            "--entrypoint",
            "sh",
            image,
            "-c",
            copy,
        )
    environment = {
        "FWRKIT_ROLE": "client", "FWRKIT_NODE": "bob", "FWRKIT_NODE_ID": bob.docker("exec", f"{bob.project}-sync", "hostname").stdout.decode().strip(),
        "FWRKIT_CITIZEN": "bob",
    }  # fmt: skip
    options = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
    volumes = [
        word
        for name, place in (("world", "/srv/fwr"), ("state", "/var/lib/fwrkit"), ("keys", "/etc/fwrkit/keys"))
        for word in ("-v", f"{twin}_{name}:{place}")
    ]
    bob.docker(
        "run", "-d", "--name", twin, "--network", f"{nodes['server'].project}_uplink", "-u", "2011:2011",
        "--tmpfs", "/run:mode=0755,uid=2011,gid=2011", *options, *volumes, image
    )  # fmt: skip
    try:

        def state() -> str:
            done = bob.docker("exec", twin, "fwrkit-agent", "status", check=False)
            return done.stdout.decode()

        from tests.integration.republic import wait_until

        wait_until(lambda: '"state": "held"' in state(), "the twin is held", 30)
        nodes["bob"].write("www/still", "the real bob still works")
        wait_until(lambda: nodes["alice"].has("www/still", "the real bob still works"), "the real one goes on")
    finally:
        bob.docker("rm", "-f", twin)
        for name in ("world", "state", "keys"):
            bob.docker("volume", "rm", f"{twin}_{name}")
    republic.check_invariants()
