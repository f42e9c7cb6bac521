"""Scenario 14: whoever disagrees takes their copy and starts another world; the one that it was copied from hears nothing."""

from __future__ import annotations

import subprocess
import threading
import time
import tomllib
from collections.abc import Callable, Iterator

import pytest

from fwrkit.core.errors import ExitCode
from tests.integration import invariants
from tests.integration.republic import FWRKIT, Node, Republic, digest, wait_until
from tests.integration.scale import scale

MEGABYTES = scale(24, 1000)
NAMES = ("alice", "bob", "carol")


class Editor(threading.Thread):
    """Edits one page over and over, and deletes and makes others."""

    def __init__(self, node: Node) -> None:
        super().__init__(daemon=True)
        self.node = node
        self.rounds = 0
        self.stopping = threading.Event()

    def run(self) -> None:
        name = self.node.name
        while not self.stopping.is_set():
            self.rounds += 1
            text = f"{name} {self.rounds} {'x' * (self.rounds * 977 % 60_000)}"
            # what an author replaces before her agent has seen it was no version: the second one stays for long enough on a slow machine, too
            self.node.do({"path": f"www/{name}/page", "text": text}, {"path": f"www/{name}/{self.rounds % 40}", "text": text})

    def finish(self) -> None:
        self.stopping.set()
        self.join(60)


def volume(world: Republic, name: str) -> str:
    """Return the name of a volume that belongs to no node, and to this run alone."""
    return f"fwrkit-test-{world.identity}-{name}"


@pytest.fixture(scope="module")
def volumes(republic: Republic) -> Iterator[None]:
    """Volumes of no node, which these tests make."""
    names = [volume(republic, name) for name in ("hand", "hand-state", "spare", "spare-history")]

    def remove() -> None:
        for name in names:
            subprocess.run(["docker", "volume", "rm", "--force", name], capture_output=True, check=False)

    remove()
    yield
    remove()


@pytest.fixture(scope="module")
def world(republic: Republic, volumes: None) -> Republic:
    republic.up_server("--template", "static", "--citizen", "ada")
    for name in NAMES:
        republic.join(name)
    alice = republic.nodes["alice"]
    alice.do(*({"path": f"www/pages/{number}", "text": f"page {number}"} for number in range(50)))
    alice.python(
        f"import os; [open(f'/srv/fwr/world/www/large{{n}}', 'wb').write(os.urandom(12_000_000)) for n in range({MEGABYTES} // 12)]"
    )
    republic.settle(120)
    alice.write("www/pages/1", "as it was at the snapshot")
    alice.write("www/pages/vanished", "deleted before the fork")
    republic.settle()
    wait_until(lambda: republic.nodes["server"].history()["pending"] == 0, "the history is written")
    republic.fwrkit("snapshot", "v1")
    alice.write("www/pages/1", "as it was after the snapshot")
    alice.write("www/pages/later", "made after the snapshot")
    alice.delete("www/pages/vanished")
    republic.settle()
    republic.witness(alice)
    wait_until(lambda: republic.nodes["server"].history()["pending"] == 0, "the history is written")
    return republic


def test_a_fork_while_three_edit(world: Republic, record_property: Callable[[str, object], None]) -> None:
    editors = [Editor(world.nodes[name]) for name in NAMES]
    for editor in editors:
        editor.start()
    try:
        wait_until(lambda: all(editor.rounds >= 3 for editor in editors), "all of them edit", 30)
        before = [editor.rounds for editor in editors]
        began = time.monotonic()
        made = world.json("fork", "alice", "mine")
        took = time.monotonic() - began
        edited = [editor.rounds for editor in editors]
    finally:
        for editor in editors:
            editor.finish()
    record_property("seconds_for_a_fork", round(took, 1))
    print(f"fork of {made['up']['founded']['bytes'] / 1e6:.0f} MB while three edit: {took:.1f} s")
    assert all(now > then + 1 for now, then in zip(edited, before, strict=True)), "all of them could go on meanwhile"
    founded = made["up"]["founded"]
    assert founded["files"] > 50
    assert founded["version"]
    mine = Node(world, "mine", is_server=True)
    tree = mine.tree()
    invariants.never_torn({state for path, state in tree.items() if state and path.startswith("www/")}, world.written)
    assert {path for path in tree if path.startswith("www/pages/")} == {
        path for path in world.nodes["alice"].tree() if path.startswith("www/pages/")
    }
    assert mine.status()["state"] == "in sync"
    world.check_invariants(120)


def test_it_is_another_world(world: Republic) -> None:
    mine, server = Node(world, "mine", is_server=True), world.nodes["server"]
    said, other = (tomllib.loads(node.read(".fwr/world.toml").decode()) for node in (mine, server))
    assert said["id"] != other["id"]
    assert (said["name"], said["forked_from"]["id"]) == ("mine", other["id"])
    assert [citizen["name"] for citizen in world.json("citizens", "--node", "mine")["citizens"]] == ["alice"]
    assert [entry["event"] for entry in world.json("audit", "--node", "mine")["entries"]] == ["fork"]
    assert not any("fork" in entry["event"] for entry in world.json("audit", "--node", "server")["entries"]), "the other is unaware"
    keys = [node.docker("exec", f"{node.project}-sync", "cat", "/etc/fwrkit/keys/authorities.pub").stdout for node in (mine, server)]
    assert keys[0] != keys[1]


def test_its_history_goes_back_before_the_fork(world: Republic) -> None:
    fork = world.beside("mine")
    authors = {entry["author"] for entry in world.json("log", "www", "--node", "mine", "--limit", "1000")}
    assert set(NAMES) <= authors
    assert world.fwrkit("cat", "www/pages/1@v1", "--node", "mine").stdout == b"as it was at the snapshot"
    [snapshot] = world.json("snapshots", "--node", "mine")
    assert (snapshot["name"], snapshot["by"], snapshot["is_verified"]) == ("v1", "ada", True)
    world.fwrkit("restore", "www/pages/vanished", "--node", "mine")
    world.fwrkit("revert", "www/pages/1", "--to", "v1", "--node", "mine")
    mine = fork.nodes["server"]
    mine.wait_in_sync()
    assert mine.tree()["www/pages/vanished"] == digest("deleted before the fork")
    assert mine.tree()["www/pages/1"] == digest("as it was at the snapshot")
    assert world.nodes["server"].tree()["www/pages/1"] == digest("as it was after the snapshot")


def test_the_two_never_meet(world: Republic) -> None:
    fork = world.beside("mine")
    dora = fork.join("dora")
    dora.write("www/of-the-fork", "of the fork")
    world.nodes["bob"].write("www/of-the-original", "of the original")
    fork.check_invariants()
    world.check_invariants()
    assert "www/of-the-original" not in dora.tree()
    assert "www/of-the-fork" not in world.nodes["bob"].tree()
    # on the fork's own network, with the address of the fork's server in place of hers
    alice, mine = world.nodes["alice"], fork.nodes["server"]
    alice.docker("network", "connect", f"{mine.project}_uplink", f"{alice.project}-sync")
    try:
        words = ["ssh", "-F", "/run/fwrkit/ssh_config", "-o", "ControlPath=none"]

        def history(*options: str) -> subprocess.CompletedProcess[bytes]:
            return alice.docker("exec", "-u", "2011", f"{alice.project}-sync", *words, *options, "upstream", "history", check=False)

        assert b"object-format" in history().stdout, "what works with her own server"
        done = history("-o", "HostName=mine.fwr")
        assert (done.returncode, done.stdout) == (255, b"")
        assert b"not permitted by HostkeyAlgorithms" in done.stderr, "no host key that her world's authority has signed"
    finally:
        alice.docker("network", "disconnect", f"{mine.project}_uplink", f"{alice.project}-sync")
    fork.fwrkit("rm", "dora", "--volumes", "--yes")


@pytest.mark.parametrize(("option", "version"), [("--from", "v1"), ("--at", "v1")])
def test_a_fork_from_a_snapshot_or_a_version(world: Republic, option: str, version: str) -> None:
    made = world.json("fork", "server", "then", option, version)
    try:
        tree = Node(world, "then", is_server=True).tree()
        assert tree["www/pages/1"] == digest("as it was at the snapshot")
        assert tree["www/pages/vanished"] == digest("deleted before the fork")
        assert "www/pages/later" not in tree
        assert made["up"]["founded"]["version"] == world.json("snapshots", "--node", "server")[0]["version"]
        large = {path: state for path, state in world.nodes["alice"].tree().items() if path.startswith("www/large")}
        assert {path: tree[path] for path in large} == large
    finally:
        world.fwrkit("rm", "then", "--volumes", "--yes")


def test_volumes_that_were_copied_by_hand(world: Republic) -> None:
    bob = world.nodes["bob"]
    image = world.json("images", "build")["client"]
    for source, target in (("world", "hand"), ("state", "hand-state")):
        mounts = ["-v", f"{bob.project}_{source}:/from:ro", "-v", f"{volume(world, target)}:/to"]
        bob.docker("run", "--rm", "--user", "0", *mounts, "--entrypoint", "cp", image, "-a", "/from/.", "/to/")
    for words, versions in (([], 0), (["--history", volume(world, "hand-state")], 3)):
        made = world.json("up", "server", "--name", "hand", "--citizen", "zoe", "--from-volume", volume(world, "hand"), *words)
        try:
            assert made["founded"]["versions"] >= versions
            hand = Node(world, "hand", is_server=True)
            same = {path: state for path, state in bob.tree().items() if not path.startswith(".fwr")}
            assert {path: state for path, state in hand.tree().items() if not path.startswith(".fwr")} == same
            state = hand.docker("exec", f"{hand.project}-sync", "find", "/var/lib/fwrkit", "/etc/fwrkit/keys").stdout.decode()
            assert "upstream.json" not in state, "nothing by which bob would be known elsewhere"
            assert "node-cert" not in state
        finally:
            world.fwrkit("rm", "hand", "--volumes", "--yes")


def test_volumes_that_fwrkit_copied(world: Republic) -> None:
    said = world.json("volume", "copy", "carol", volume(world, "spare"), "--history")
    assert (said["history"], said["is_still"]) == (volume(world, "spare-history"), True)
    made = world.json("up", "server", "--name", "hand", "--from-volume", said["world"], "--history", said["history"])
    try:
        assert made["founded"]["versions"] == said["versions"]
        assert Node(world, "hand", is_server=True).tree()["www/pages/1"] == digest("as it was after the snapshot")
    finally:
        world.fwrkit("rm", "hand", "--volumes", "--yes")
    again = world.fwrkit("volume", "copy", "carol", said["world"], check=False)
    assert again.returncode == ExitCode.TAKEN


def test_a_fork_that_is_killed_is_finished_by_the_same_words(world: Republic) -> None:
    words = [str(FWRKIT), "fork", "alice", "late"]
    process = subprocess.Popen(words, env=world.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stderr is not None
    for line in process.stderr:
        if b"Copying the world" in line:
            break
    process.kill()
    process.communicate()
    try:
        assert "late" in {node["node"] for node in world.json("ls")}

        def finished() -> bool:  # the container that was at work may be so still: then it says so
            done = world.fwrkit("fork", "alice", "late", check=False)
            assert done.returncode in (0, ExitCode.TAKEN), done.stderr
            return done.returncode == 0

        wait_until(finished, "it is finished", 60)
        assert Node(world, "late", is_server=True).tree()["www/pages/1"] == digest("as it was after the snapshot")
    finally:
        world.fwrkit("rm", "late", "--volumes", "--yes")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["fork", "alice", "mine"], ExitCode.TAKEN, "There is a node 'mine' on this machine already."),
        (["fork", "nobody", "new"], ExitCode.NOT_FOUND, "There is no node 'nobody' on this machine."),
        (["fork", "alice", "new", "--at", "2001-01-01"], ExitCode.NOT_FOUND, "The history has nothing as old as 2001-01-01."),
        (["fork", "alice", "new", "--from", "v9"], ExitCode.NOT_FOUND, "There is no snapshot 'v9'."),
        (["fork", "alice", "new", "--invite-all"], ExitCode.USAGE, "An invite has to name an address."),
        (
            ["up", "server", "--name", "new", "--from-volume", "fwrkit-test-nothing"],
            ExitCode.NOT_FOUND,
            "There is no volume 'fwrkit-test-nothing'.",
        ),
    ],
)
def test_what_can_not_be_is_said_in_one_sentence_and_leaves_nothing(
    world: Republic, words: list[str], code: ExitCode, sentence: str
) -> None:
    done = world.fwrkit(*words, check=False)
    assert done.returncode == code
    assert sentence in done.stderr.decode()
    assert done.stdout == b""
    assert "new" not in {node["node"] for node in world.json("ls")}
    left = subprocess.run(["docker", "volume", "ls", "-q"], capture_output=True, check=True).stdout.decode()
    assert f"-{world.identity}-new_" not in left


def test_a_state_volume_is_no_world(world: Republic) -> None:
    state = f"{world.nodes['alice'].project}_state"
    done = world.fwrkit("up", "server", "--name", "new", "--from-volume", state, check=False)
    assert (done.returncode, done.stderr.decode().splitlines()[-2]) == (ExitCode.NOT_FOUND, "There is no world in that volume.")
    assert "new" not in {node["node"] for node in world.json("ls")}


def test_an_invite_for_each_citizen(world: Republic) -> None:
    made = world.json("fork", "server", "open", "--address", "127.0.0.1", "--invite-all")
    try:
        assert [each["citizen"] for each in made["invites"]] == sorted(NAMES)
        assert all(each["invite"].startswith("fwr1") for each in made["invites"])
    finally:
        world.fwrkit("rm", "open", "--volumes", "--yes")
