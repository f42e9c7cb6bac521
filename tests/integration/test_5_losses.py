"""Scenario 5: a client loses its memory, its world, or both, or gets an older copy: it finds back, and nobody else loses anything."""

from __future__ import annotations

import pytest

from tests.integration.republic import Node, Republic, digest


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
