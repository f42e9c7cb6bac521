"""Scenario 11: a citizen's valid key in hostile hands. Nothing leaks, the others go on, the server stays whole."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bench.figures import percentile
from tests.integration.republic import Node, Republic, digest, wait_until
from tests.integration.scale import scale

STATE = "/var/lib/fwrkit"
OWN = f"{STATE}/replicas/mallory"
SECRET = "only for those whom alice trusts"
_ATTACK = Path(__file__).with_name("hostile.py").read_text()
# everything of the server's that is not mallory's, with modes, owners and times of change
_OTHERS = (
    f"cd {STATE} && find canon replicas outboxes enrol keys /etc/fwrkit -printf '%p %m %U %s %C@\\n' 2>/dev/null | grep -v mallory | sort"
)
# the container's memory without the kernel's caches, in bytes (control groups of either version)
_ANONYMOUS = "cat /sys/fs/cgroup/memory.stat /sys/fs/cgroup/memory/memory.stat 2>/dev/null | awk '/^(anon|total_rss) / {print $2; exit}'"
_SLOWER = 10  # times the undisturbed latency, on a machine that attacker and victims share
_LEAST = 1.0  # seconds below which nobody notices
_MEMORY = 700 << 20  # bytes: what the server's agent and all programs beside it may take while it is attacked


@pytest.fixture(scope="module")
def nodes(republic: Republic) -> dict[str, Node]:
    republic.up_server("--template", "static")
    for name in ("alice", "bob", "mallory"):
        republic.join(name)
    republic.nodes["alice"].write("www/secret.txt", SECRET)
    republic.settle()
    return republic.nodes


@pytest.fixture(scope="module")
def usual(nodes: dict[str, Node]) -> float:
    """How long an edit takes while nobody attacks, in seconds."""
    return percentile(Meanwhile(nodes).measure(20), 0.9)


def attack(nodes: dict[str, Node], verb: str, *arguments: object) -> Any:
    """Have mallory do something; return what came of it."""
    mallory = nodes["mallory"]
    words = [
        "exec",
        "-u",
        "2011",
        f"{mallory.project}-sync",
        "timeout",
        str(scale(60, 600)),
        "python3",
        "-c",
        _ATTACK,
        verb,
        *map(str, arguments),
    ]
    done = mallory.docker(*words, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout)


def as_root(nodes: dict[str, Node], script: str) -> str:
    """Run a shell script in the server's ``sync``; return what it prints."""
    server = nodes["server"]
    return server.docker("exec", "-u", "0", f"{server.project}-sync", "sh", "-c", script).stdout.decode()


class Meanwhile:
    """Alice edits and bob reads, all the time."""

    def __init__(self, nodes: dict[str, Node]) -> None:
        self._writer, self._reader = nodes["alice"].new_hand(), nodes["bob"].new_hand()
        self._number = 0

    def measure(self, count: int, until: Callable[[], bool] = lambda: False) -> list[float]:
        """Return how long edits took until they were at the other's, in seconds."""
        taken: list[float] = []
        while len(taken) < count and not until():
            self._number += 1
            text = f"edit {self._number} {time.monotonic()}"
            began = time.monotonic()
            self._writer.do("replace", "www/meanwhile.bin", text=text)
            taken.append(self._reader.see("www/meanwhile.bin", digest(text), 60) - began)
        return taken


@contextmanager
def others_go_on(nodes: dict[str, Node], usual: float) -> Iterator[None]:
    """During a block alice's edits reach bob in time, and the server's memory is bounded."""
    done = threading.Event()
    taken: list[float] = []
    memory: list[int] = []

    def edit() -> None:
        taken.extend(Meanwhile(nodes).measure(100_000, done.is_set))

    def look() -> None:
        while not done.wait(0.5):
            memory.append(int(as_root(nodes, _ANONYMOUS)))

    threads = [threading.Thread(target=target) for target in (edit, look)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()
    slow = percentile(taken, 0.9)
    print(
        f"usual {usual * 1000:.0f} ms, p90 of {len(taken)} edits {slow * 1000:.0f} ms, slowest {max(taken):.2f} s, memory {max(memory, default=0) >> 20} MiB"
    )
    assert slow < max(_SLOWER * usual, _LEAST), sorted(taken)[-10:]
    assert max(memory, default=0) < _MEMORY


def has_no_process_left(nodes: dict[str, Node]) -> bool:
    """Whether mallory's account has no more processes than a node at work."""
    return (
        int(as_root(nodes, "cat /proc/[0-9]*/status 2>/dev/null | awk '/^Uid:/ {print $2}' | grep -c \"$(id -u c-mallory)\" || true")) <= 8
    )


def test_sshd_and_gate_give_nothing_else(nodes: dict[str, Node]) -> None:
    for name, (status, out, error) in attack(nodes, "channels").items():
        assert (status in (97, 255), out) == (True, ""), (name, status, out, error)


def test_unison_reads_and_writes_nowhere_else(nodes: dict[str, Node]) -> None:
    before = as_root(nodes, _OTHERS)
    roots = [
        f"{STATE}/canon", f"{STATE}/replicas/alice", f"{OWN}/../alice", f"//{STATE}/./replicas/../canon", f"{STATE}/outboxes/alice", f"{STATE}/accounts/alice",
        STATE, f"{STATE}/hub.sqlite", f"{STATE}/history.git", "/etc/fwrkit/keys", "/run/fwrkit", "/proc/1", "/srv/fwr/world", "../alice", "..",
    ]  # fmt: skip
    assert {root: names for root, names in attack(nodes, "read", *roots).items() if names} == {}
    assert {
        root: status for root, status in attack(nodes, "write", *roots, "/tmp", f"{STATE}/outboxes/mallory").items() if status == 0
    } == {}
    assert as_root(nodes, _OTHERS) == before
    assert attack(nodes, "write", OWN) == {OWN: 0}, "where it may: so the test can tell"
    # a link in the own replica leads to nothing either, and no program of the client's choice runs on the server
    mark = f"{OWN}/it-ran"
    attack(nodes, "persuade", OWN, f"touch {mark}; :(){{ :|:& }};: #")
    assert as_root(nodes, f"find {STATE} /tmp -name it-ran") == ""
    wait_until(lambda: has_no_process_left(nodes), "nothing of it runs on")


@pytest.mark.alone
def test_what_nobody_announced_does_not_fill_the_disk(nodes: dict[str, Node], usual: float) -> None:
    free = "df --output=avail -B1 /var/lib/fwrkit | tail -1"
    for size, count in ((100_000_000_000, 0), (0, scale(10_000, 1_000_000))):
        before = int(as_root(nodes, free))
        with others_go_on(nodes, usual):
            status, words, took = attack(nodes, "bring", OWN, size, count)
        assert status != 0, words
        print(f"{size} bytes, {count} files: ended after {took:.1f} s")
        wait_until(lambda: as_root(nodes, f"ls -A {OWN}").strip() == "", "the replica is emptied")
        assert int(as_root(nodes, free)) > before - (1 << 30)


@pytest.mark.alone
def test_a_flood_of_connections_is_bounded(nodes: dict[str, Node], usual: float) -> None:
    with others_go_on(nodes, usual):
        outcome = attack(nodes, "flood", scale(80, 400), 5)
    print(outcome)
    assert outcome["alive"] <= 40
    wait_until(lambda: has_no_process_left(nodes), "they are gone")


@pytest.mark.alone
def test_what_is_no_stream_ends(nodes: dict[str, Node], usual: float) -> None:
    with others_go_on(nodes, usual):
        outcome = attack(nodes, "streams", scale(21, 210), 10)
    print(outcome)
    wait_until(lambda: has_no_process_left(nodes), "they are gone")


@pytest.mark.alone
def test_a_frozen_client_holds_nobody_up(nodes: dict[str, Node], usual: float) -> None:
    mallory = nodes["mallory"]
    mallory.docker("exec", f"{mallory.project}-sync", "pkill", "-STOP", "-x", "ssh")
    with others_go_on(nodes, usual):
        wait_until(
            lambda: "mallory" not in [each["citizen"] for each in nodes["server"].status()["connections"] if each["connected"]],
            "it is given up",
            30,
        )
    mallory.docker("exec", f"{mallory.project}-sync", "pkill", "-CONT", "-x", "ssh", check=False)


def test_afterwards_everything_is_as_before(republic: Republic, nodes: dict[str, Node]) -> None:
    assert (
        nodes["server"].docker("inspect", "-f", "{{.RestartCount}} {{.State.OOMKilled}}", f"{nodes['server'].project}-sync").stdout
        == b"0 false\n"
    )
    wait_until(lambda: nodes["mallory"].has("www/secret.txt", SECRET), "mallory is a citizen like any other")
    nodes["mallory"].write("www/peace.txt", "an ordinary edit")
    for path, state in nodes["server"].tree().items():
        if path.startswith(".fwr/"):
            republic.written.setdefault(state, f"the server: {path}")
    republic.check_invariants()
    assert nodes["bob"].has("www/peace.txt", "an ordinary edit")
