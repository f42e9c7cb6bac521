"""Scenario 15: a node is gone with everything it had, and comes back from one file; nobody is invited again, nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from fwrkit.core.errors import ExitCode
from tests.integration.republic import FWRKIT, Failed, Node, Republic, wait_until

LARGE = os.urandom(11 * 1024 * 1024)  # above the size from which contents lie beside git
PASSPHRASE = b"correct horse battery\n"


@pytest.fixture(scope="module")
def tools() -> None:
    """What these tests cannot do without."""
    missing = [name for name in ("restic", "age-keygen", "zstd") if shutil.which(name) is None]
    assert not missing, f"install {', '.join(missing)}: scripts/bootstrap.sh"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backups")


@pytest.fixture(scope="module")
def recipient(tools: None, place: Path) -> str:
    subprocess.run(["age-keygen", "-o", place / "identity"], check=True, capture_output=True)
    return subprocess.run(["age-keygen", "-y", place / "identity"], check=True, capture_output=True).stdout.decode().strip()


@pytest.fixture(scope="module")
def nodes(republic: Republic) -> dict[str, Node]:
    republic.up_server("--template", "static")
    for name in ("alice", "bob"):
        republic.join(name)
    return republic.nodes


def destroy(republic: Republic, name: str) -> None:
    """The machine burns: containers, volumes, and what was known of the node there. Nobody removes it as one removes a node."""
    node = republic.nodes[name]
    node.close_hands()
    node.docker("rm", "-f", f"{node.project}-sync", f"{node.project}-web")
    node.docker("volume", "rm", *(f"{node.project}_{key}" for key in ("world", "state", "keys")))
    shutil.rmtree(republic.home / "nodes" / name)


def backup(republic: Republic, node: str, file: Path, *options: str, stdin: bytes = b"") -> Any:
    return republic.json("backup", node, str(file), *options, stdin=stdin)


def snapshots(repository: Path) -> list[str]:
    listed = subprocess.run(["restic", "--repo", repository, "snapshots", "--compact"], check=True, capture_output=True).stdout.decode()
    return [line for line in listed.splitlines() if "fwrkit-" in line]


def alerts(node: Node) -> list[str]:
    """Return what a node says is wrong, or was healed; nothing while it starts again."""
    try:
        said: list[str] = node.status()["alerts"]
    except Failed:
        return []
    return said


def versions(republic: Republic, node: str) -> set[str]:
    return {entry["version"] for entry in republic.json("log", "--limit", "1000", "--node", node)}


def test_a_server_is_backed_up_while_edits_go_on(republic: Republic, nodes: dict[str, Node], place: Path, recipient: str) -> None:
    nodes["bob"].do({"path": "www/page", "text": "page"}, {"path": "www/film", "text": LARGE.decode("utf-8", "surrogateescape")})
    nodes["bob"].do({"path": "www/empty", "directory": True})
    republic.settle()
    republic.json("snapshot", "before-the-fire")
    end = threading.Event()

    def edit() -> None:
        for number in range(200):
            if end.is_set():
                return
            nodes["alice"].do(*({"path": f"www/busy/{number}-{part}", "text": f"{number} {part}"} for part in range(5)))

    editing = threading.Thread(target=edit)
    editing.start()
    try:
        made = backup(republic, "server", place / "busy.fwrkit", "--recipient", recipient)
    finally:
        end.set()
        editing.join()
    assert (made["has_keys"], made["unsteady"], made["left"]) == (True, [], 0)
    assert made["size"] == (place / "busy.fwrkit").stat().st_size
    with pytest.raises(Failed) as failed:
        backup(republic, "server", place / "busy.fwrkit")
    assert failed.value.status == ExitCode.TAKEN


def test_the_server_burns_and_its_clients_go_on_without_an_invite(
    republic: Republic, nodes: dict[str, Node], place: Path, recipient: str
) -> None:
    republic.settle()
    wait_until(lambda: nodes["server"].history()["pending"] == 0, "the history is written")
    backup(republic, "server", place / "server.fwrkit", "--recipient", recipient)
    before = versions(republic, "alice")
    destroy(republic, "server")
    nodes["alice"].write("www/page", "page, while there was no server")
    nodes["bob"].write("www/bob", "while there was no server")
    made = republic.json("restore", str(place / "server.fwrkit"), "--identity", str(place / "identity"))
    assert (made["node"], made["role"], made["has_keys"], made["notes"]) == ("server", "server", True, [])
    republic.settle()
    assert nodes["server"].has("www/page", "page, while there was no server")
    assert "before-the-fire" in {item["name"] for item in republic.json("snapshots", "--node", "server") if item["is_verified"]}
    assert "www/empty" in nodes["server"].tree()
    republic.witness(nodes["server"])  # the server writes the roll and the audit log
    republic.check_invariants()
    assert versions(republic, "server") >= before, "the history goes on where the backup was"
    republic.fwrkit("cat", "www/film@before-the-fire", "--node", "server")


def test_a_client_comes_back_with_what_it_had_told_nobody(republic: Republic, nodes: dict[str, Node], place: Path) -> None:
    republic.fwrkit("down", "server")
    nodes["bob"].write("www/bob-alone", "told nobody")
    made = backup(republic, "bob", place / "bob.fwrkit", "--keys", stdin=PASSPHRASE)
    assert made["has_keys"]
    down = backup(republic, "server", place / "down.fwrkit")
    assert down["files"] > 0
    assert republic.json("ls")[-1]["state"] == "down", "it was not started for that"
    republic.fwrkit("up", "server")
    nodes["bob"].close_hands()
    republic.fwrkit("rm", "bob", "--volumes", "--yes")
    with pytest.raises(Failed) as failed:
        republic.fwrkit("restore", str(place / "bob.fwrkit"), stdin=b"battery horse\n")
    assert failed.value.status == ExitCode.REFUSED
    assert {node["node"] for node in republic.json("ls")} == {"server", "alice"}
    made = republic.json("restore", str(place / "bob.fwrkit"), stdin=PASSPHRASE)
    assert made["is_joined"]
    republic.settle()
    assert nodes["alice"].has("www/bob-alone", "told nobody")
    with pytest.raises(Failed) as failed:
        republic.fwrkit("restore", str(place / "bob.fwrkit"), stdin=PASSPHRASE)
    assert failed.value.status == ExitCode.TAKEN


def test_a_damaged_one_is_known_before_anything_is_made(republic: Republic, nodes: dict[str, Node], place: Path) -> None:
    content = bytearray((place / "down.fwrkit").read_bytes())
    content[len(content) // 2] ^= 1
    (place / "damaged.fwrkit").write_bytes(content)
    (place / "cut.fwrkit").write_bytes(content[: len(content) // 3])
    for name in ("damaged", "cut"):
        with pytest.raises(Failed) as failed:
            republic.fwrkit("restore", str(place / f"{name}.fwrkit"), "--name", "other", "--without-keys")
        assert (failed.value.status, "damaged" in failed.value.stderr) == (ExitCode.FAILED, True)
    listed = nodes["server"].docker("volume", "ls", "--quiet", "--filter", f"label=org.fwrkit.home={republic.identity}").stdout.decode()
    assert "other" not in listed
    assert not (republic.home / "nodes" / "other").exists()


def test_without_keys_it_says_what_that_means(republic: Republic, nodes: dict[str, Node], place: Path) -> None:
    with pytest.raises(Failed) as failed:
        republic.fwrkit("restore", str(place / "down.fwrkit"), "--name", "other")
    assert (failed.value.status, "--without-keys" in failed.value.stderr) == (ExitCode.REFUSED, True)
    made = republic.json("restore", str(place / "busy.fwrkit"), "--name", "other", "--without-keys")
    assert any("invite" in note for note in made["notes"])
    other = Node(republic, "other")
    assert other.status()["world_id"] == nodes["server"].status()["world_id"]
    fingerprints = {name: republic.json("citizens", "--node", name)["authority"] for name in ("server", "other")}
    assert fingerprints["server"] != fingerprints["other"]
    seen = other.written_history()
    assert set(seen["versions"]) <= set(seen["contents"]), "made while edits went on, and tables and history fit"
    other.wait_in_sync()
    assert other.tree() == other.tree("/var/lib/fwrkit/canon", user="0")
    assert set(other.tree().values()) <= {*republic.written, ""}
    republic.fwrkit("rm", "other", "--volumes", "--yes")

    nodes["alice"].write("www/alice", "of alice")
    backup(republic, "alice", place / "alice.fwrkit")
    nodes["alice"].close_hands()
    republic.fwrkit("rm", "alice", "--volumes", "--yes")
    made = republic.json("restore", str(place / "alice.fwrkit"))
    assert (made["is_joined"], "fwrkit join server --name alice" in made["notes"][0]) == (False, True)
    republic.json("join", "server", "--name", "alice")
    republic.settle()
    assert nodes["server"].has("www/alice", "of alice")


def test_a_restore_that_was_cut_off_is_begun_anew(republic: Republic, nodes: dict[str, Node], place: Path) -> None:
    environment = {**os.environ, "FWRKIT_HOME": str(republic.home)}
    words: list[str | Path] = [FWRKIT, "restore", place / "down.fwrkit", "--name", "other", "--without-keys", "--no-start"]
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        while b"Restoring" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    assert {node["node"] for node in republic.json("ls")} == {"server", "alice", "bob"}
    made = republic.json("restore", str(place / "down.fwrkit"), "--name", "other", "--without-keys", "--no-start")
    assert (made["node"], made["status"]) == ("other", None)
    republic.fwrkit("rm", "other", "--volumes", "--yes")


def test_again_and_again_the_newest_stay(republic: Republic, nodes: dict[str, Node], place: Path) -> None:
    kept = place / "kept"
    kept.mkdir()
    (kept / "alice-notes.fwrkit").write_text("somebody's own")
    environment = {**os.environ, "FWRKIT_HOME": str(republic.home)}
    words: list[str | Path] = [FWRKIT, "backup", "alice", kept, "--every", "1s", "--keep", "2"]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines: list[bytes] = []
        while sum(b" is in " in line for line in lines) < 4:
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read() if process.stderr is not None else ""
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    found = sorted(path.name for path in kept.iterdir())
    assert found[-1] == "alice-notes.fwrkit"
    assert 2 <= len(found) - 1 <= 3, "the one that was interrupted left nothing, or was there before older ones went"
    assert not any(name.endswith(".part") for name in found)

    def left() -> str:
        return nodes["alice"].docker("exec", f"{nodes['alice'].project}-sync", "ls", "/var/lib/fwrkit").stdout.decode()

    wait_until(lambda: "backup-" not in left(), "nothing of it is left in the node")


def test_a_restic_repository(republic: Republic, nodes: dict[str, Node], place: Path, tools: None, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = place / "restic"
    monkeypatch.setenv("RESTIC_PASSWORD", "for this test")
    monkeypatch.setenv("RESTIC_CACHE_DIR", str(place / "cache"))
    with pytest.raises(Failed) as failed:
        republic.json("backup", "bob", "--restic", str(repository))
    assert (failed.value.status, "restic init" in failed.value.stdout) == (ExitCode.FAILED, True)
    subprocess.run(["restic", "--repo", repository, "init"], check=True, capture_output=True)
    for _ in range(3):
        republic.json("backup", "bob", "--restic", str(repository), "--keep", "2")
    assert len(snapshots(repository)) == 2
    dumped = subprocess.run(["restic", "--repo", repository, "dump", "latest", "bob.fwrkit"], check=True, capture_output=True).stdout
    made = republic.json("restore", "-", "--name", "copy", "--no-start", stdin=dumped)
    assert (made["node"], made["is_joined"]) == ("copy", False)
    republic.fwrkit("rm", "copy", "--volumes", "--yes")
    republic.check_invariants()


def test_an_old_backup_goes_on_from_the_newest_history_that_a_client_has(
    republic: Republic, nodes: dict[str, Node], place: Path, recipient: str
) -> None:
    mallory = republic.join("mallory")
    alice, bob = nodes["alice"], nodes["bob"]
    alice.do(*({"path": f"www/day/{number}", "text": f"morning {number}"} for number in range(20)))
    alice.write("www/day/deleted", "to be deleted")
    alice.do({"path": "www/old/deep/page", "text": "a directory that is to go"})
    republic.settle()
    wait_until(lambda: nodes["server"].history()["pending"] == 0, "the history is written")
    backup(republic, "server", place / "morning.fwrkit", "--recipient", recipient)

    for number in range(20):
        (alice, bob)[number % 2].write(f"www/day/{number}", f"evening {number}")
    alice.delete("www/day/deleted")
    for path in ("www/old/deep/page", "www/old/deep", "www/old"):
        alice.delete(path)
    bob.rename("www/day/1", "www/day/moved")
    republic.settle()
    mallory.close_hands()
    republic.json("ban", "mallory", "--reason", "spam")
    del republic.nodes["mallory"]
    carol = republic.join("carol")
    carol.write("www/carol", "came in the evening")
    republic.json("snapshot", "evening")
    republic.settle()
    newest = versions(republic, "server")
    for name in ("alice", "bob", "carol"):
        wait_until(lambda name=name: versions(republic, name) >= newest, f"{name} has all of the history", 60)  # type: ignore[misc]
    log = {entry["hash"] if "hash" in entry else str(entry) for entry in republic.json("audit", "--node", "alice")["entries"]}

    for name in ("alice", "bob", "carol"):
        nodes[name].close_hands()
    for name in ("alice", "bob", "carol", "mallory"):
        republic.fwrkit("down", name)
    destroy(republic, "server")
    made = republic.json("restore", str(place / "morning.fwrkit"), "--identity", str(place / "identity"))
    assert made["status"]["state"] == "held", "it hears its clients first"
    nodes["server"].do({"path": "www/operator", "text": "written while it waits"})
    republic.fwrkit("up", "mallory")  # of before the ban: the server does not know yet that they are banned
    republic.fwrkit("up", "carol")  # nor that carol is let in
    republic.fwrkit("up", "alice")
    wait_until(lambda: any("has taken over" in alert for alert in alerts(nodes["server"])), "it goes on from what alice has", 60)
    republic.fwrkit("up", "bob")
    republic.settle()
    republic.witness(nodes["server"])
    republic.check_invariants()
    tree = nodes["server"].tree()
    assert not any("conflict" in path for path in tree), "no conflict copies"
    assert not any(path.startswith("www/old") for path in tree)
    assert nodes["server"].has("www/day/moved", "evening 1")
    assert nodes["bob"].has("www/operator", "written while it waits")
    assert versions(republic, "server") >= newest
    assert "evening" in {item["name"] for item in republic.json("snapshots", "--node", "server") if item["is_verified"]}
    roll = {each["name"]: each for each in republic.json("citizens", "--node", "server")["citizens"]}
    assert roll["mallory"]["reason"] == "spam" and "carol" in roll
    refused = Node(republic, "mallory")
    wait_until(lambda: "banned" in refused.status()["detail"], "mallory stays out")
    audited = republic.json("audit", "--node", "alice")
    assert not audited["fault"]
    assert log <= {entry["hash"] if "hash" in entry else str(entry) for entry in audited["entries"]}
    for name in ("alice", "bob", "carol"):
        assert not any("history" in alert for alert in nodes[name].status()["alerts"]), "for a client, the history goes on"
    for name in ("mallory", "carol"):
        republic.nodes.pop(name, None)
        republic.fwrkit("rm", name, "--volumes", "--yes")
