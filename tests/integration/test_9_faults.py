"""Scenario 9, the other half: cables, machines and processes at their worst while people go on editing. Everything finds back by itself."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration import faults
from tests.integration.beside import HOMES
from tests.integration.republic import Node, Republic, digest, wait_until
from tests.integration.scale import IS_NIGHTLY, scale

# weights of what people do while things break; see test_10_fuzz.py for more
EDITS = {"add": 20, "modify": 30, "delete": 10, "move": 5, "pause": 5}
PAUSE = 0.05  # seconds between two edits


@pytest.fixture(scope="module")
def nodes(republic: Republic) -> dict[str, Node]:
    republic.up_server("--template", "static")
    for name in ("alice", "bob", "carol"):
        republic.join(name)
    republic.nodes["alice"].hand.ask("drop", path="www/ballast", number=300, size=100, seed=1)
    republic.are_races_counted = False  # which edits meet is a matter of chance
    republic.settle()
    return republic.nodes


def begin_edits(nodes: dict[str, Node], seconds: int, seed: int, root: str, large: float = 0.0) -> None:
    """Everybody begins to edit below the same directory."""
    for number, name in enumerate(("alice", "bob", "carol")):
        nodes[name].hand.begin(
            "fuzz", seed=100 * seed + number, seconds=seconds, root=root, author=name, pause=PAUSE, weights=EDITS, large=large
        )


def end_edits(nodes: dict[str, Node]) -> None:
    """Everybody has finished."""
    for name in ("alice", "bob", "carol"):
        assert nodes[name].hand.finish(), f"{name} did something"


def is_offline(node: Node) -> bool:
    return bool(node.status()["state"] == "offline")


def reaches(nodes: dict[str, Node], path: str, text: str, seconds: float = 60) -> None:
    """Everybody gets a content in time."""
    for node in nodes.values():
        node.hand.see(path, digest(text), seconds)


@pytest.mark.parametrize("seed", [11])
def test_the_network_comes_and_goes(republic: Republic, nodes: dict[str, Node], seed: int) -> None:
    dice, seconds = random.Random(seed), scale(20, 120)
    begin_edits(nodes, seconds, seed, "www/flapping")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        node = nodes[dice.choice(["alice", "bob", "carol"])]
        with node.cut():
            time.sleep(dice.random() * 3)  # how long the cable lies there
        time.sleep(dice.random() * 2)
    end_edits(nodes)
    republic.check_invariants()


def test_the_server_dies_while_a_large_file_travels(republic: Republic, nodes: dict[str, Node]) -> None:
    size, server = scale(64, 512) << 20, nodes["server"]
    act = nodes["alice"].hand.ask("fill", path="www/large.bin", size=size)
    under_way = "test $(du -sm /var/lib/fwrkit/replicas/alice | cut -f1) -gt 4"

    def is_under_way() -> bool:
        return server.docker("exec", "-u", "0", faults.container(server), "sh", "-c", under_way, check=False).returncode == 0

    wait_until(is_under_way, "the file is on its way up")
    faults.crash(server)
    for name in ("bob", "carol"):
        nodes[name].hand.see("www/large.bin", act["after"], 120, size)
    faults.crash(server)  # and once more, when others may still be acknowledging it
    republic.check_invariants(120)
    nodes["bob"].hand.do("delete", "www/large.bin")
    for node in nodes.values():
        node.hand.see("www/large.bin", None)


def test_the_server_dies_while_many_files_travel(republic: Republic, nodes: dict[str, Node]) -> None:
    number, bob = scale(1500, 10_000), nodes["bob"]
    acts = nodes["alice"].hand.ask("drop", path="www/many", number=number, size=1000, seed=12)
    wait_until(lambda: bob.hand.ask("count", path="www/many") > 20, "the first ones have arrived", 60)
    faults.crash(nodes["server"])
    assert bob.hand.ask("wait_for_count", path="www/many", number=number, seconds=120) is not None
    republic.check_invariants(120)
    tree = nodes["carol"].tree()
    assert all(tree[act["path"]] == act["after"] for act in acts)


@pytest.mark.parametrize("seed", [13])
def test_processes_are_killed_while_everybody_edits(republic: Republic, nodes: dict[str, Node], seed: int) -> None:
    dice, seconds, killed = random.Random(seed), scale(30, 120), dict.fromkeys(faults.PROGRAMS, 0)
    begin_edits(nodes, seconds, seed, "www/killing", large=0.05)
    victims = [("server", name) for name in ("agent", "unison", "sshd", "sshd", "listener")]
    victims += [(client, name) for client in ("alice", "bob", "carol") for name in ("agent", "unison", "unison", "ssh")]
    first = iter([("server", "sshd"), ("alice", "agent")])  # however few there are in that time on a slow machine, these are among them
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        name, program = next(first, None) or dice.choice(victims)
        killed[program] += faults.kill(nodes[name], program)
        time.sleep(dice.random() * 2)
    end_edits(nodes)
    assert killed["agent"] and killed["sshd"], killed
    for node in nodes.values():
        wait_until(lambda node=node: faults.is_running(node), f"{node.name} runs again", 70)  # type: ignore[misc]
    republic.check_invariants(120)


def test_a_frozen_server_is_noticed_and_nothing_stops(republic: Republic, nodes: dict[str, Node]) -> None:
    clients = [nodes[name] for name in ("alice", "bob", "carol")]
    nodes["alice"].hand.do("replace", "www/frozen-before.bin", text="a moment before: all have just heard of the server")
    reaches(nodes, "www/frozen-before.bin", "a moment before: all have just heard of the server")
    with faults.frozen(nodes["server"]):
        began = time.monotonic()
        for node in clients:
            node.hand.do("replace", f"www/frozen-{node.name}.bin", text=f"{node.name}, while the server was frozen")
        for node in clients:
            left = began + 15 - time.monotonic()
            wait_until(lambda node=node: is_offline(node), f"{node.name} notices within 15 s", left)  # type: ignore[misc]
        nodes["alice"].hand.do("replace", "www/frozen-late.bin", text="alice, knowing that she is alone")
    for node in clients:
        reaches(nodes, f"www/frozen-{node.name}.bin", f"{node.name}, while the server was frozen")
    reaches(nodes, "www/frozen-late.bin", "alice, knowing that she is alone")
    republic.check_invariants()


@pytest.mark.parametrize("name", ["bob", "server"] if IS_NIGHTLY else ["bob"])
def test_packets_vanish_and_nothing_stops(republic: Republic, nodes: dict[str, Node], name: str) -> None:
    cut_off = [nodes["bob"]] if name == "bob" else [nodes["alice"], nodes["bob"], nodes["carol"]]
    nodes["alice"].hand.do("replace", f"www/vanished-{name}-before.bin", text="a moment before")
    reaches(nodes, f"www/vanished-{name}-before.bin", "a moment before")
    with faults.swallowed(nodes[name]):
        began = time.monotonic()
        nodes["alice"].hand.do("replace", f"www/vanished-{name}-a.bin", text="alice")
        nodes["bob"].hand.do("replace", f"www/vanished-{name}-b.bin", text="bob")
        for node in cut_off:
            left = began + 15 - time.monotonic()
            wait_until(lambda node=node: is_offline(node), f"{node.name} notices within 15 s", left)  # type: ignore[misc]
        nodes["bob"].hand.do("in_place", f"www/vanished-{name}-b.bin", text="bob, alone")
    reaches(nodes, f"www/vanished-{name}-a.bin", "alice")
    reaches(nodes, f"www/vanished-{name}-b.bin", "bob, alone")
    republic.check_invariants()


def test_the_server_comes_back_with_another_address(republic: Republic, nodes: dict[str, Node]) -> None:
    with faults.another_address(nodes["server"]):
        nodes["bob"].hand.do("replace", "www/moved.bin", text="found again")
        reaches({name: node for name, node in nodes.items() if name != "server"}, "www/moved.bin", "found again")
    nodes["server"].close_hands()
    republic.check_invariants()


_FETCH = """
set -e
apt-get update -qq >&2
cd /tmp && apt-get download -qq libfaketime >&2
dpkg-deb --fsys-tarfile libfaketime_*.deb | tar -xO --wildcards '*/libfaketimeMT.so.1'
"""


@pytest.fixture(scope="module")
def faketime(republic: Republic) -> Path:
    """Debian's libfaketime, which is not in the image; fetched once for a checkout."""
    kept = HOMES / "libfaketimeMT.so.1"
    if not kept.exists():
        image = republic.json("images", "build")["client"]
        done = subprocess.run(
            ["docker", "run", "--rm", "--entrypoint", "sh", image, "-c", _FETCH], capture_output=True, timeout=300, check=True
        )
        kept.write_bytes(done.stdout)
        kept.chmod(0o755)
    return kept


def restart(republic: Republic, node: Node) -> None:
    """Start a node anew, with what its compose files say now."""
    republic.fwrkit("down", node.name)
    republic.fwrkit("up", node.name)


def test_a_clock_that_is_wrong_by_years(republic: Republic, nodes: dict[str, Node], faketime: Path) -> None:
    bob, override = nodes["bob"], republic.home / "nodes" / "bob" / "compose.override.yaml"
    for offset in ("-3650d", "+3650d") if IS_NIGHTLY else ("-3650d",):
        override.write_text(
            "services:\n  sync:\n    environment:\n"
            f"      LD_PRELOAD: /faketime.so\n      FAKETIME: '{offset}'\n      NO_FAKE_STAT: '1'\n      FAKETIME_DONT_FAKE_MONOTONIC: '1'\n"
            f"    volumes: ['{faketime}:/faketime.so:ro']\n"
        )
        restart(republic, bob)
        years = int(bob.python("import time; print(time.gmtime().tm_year)")) - time.gmtime().tm_year
        assert abs(years) >= 9
        bob.wait_in_sync()
        for turn in range(3):
            for name in ("alice", "bob"):
                text = f"{name} {turn} in {offset}"
                nodes[name].hand.do("in_place", f"www/clock-{name}.bin", text=text)
                reaches(nodes, f"www/clock-{name}.bin", text)
        with bob.cut():
            bob.hand.do("in_place", "www/clock-alice.bin", text=f"bob, apart, in {offset}")
            nodes["alice"].hand.do("in_place", "www/clock-alice.bin", text=f"alice meanwhile, not in {offset}")
            nodes["alice"].wait_in_sync()
        republic.check_invariants()
    override.unlink()
    restart(republic, bob)
    republic.check_invariants()
