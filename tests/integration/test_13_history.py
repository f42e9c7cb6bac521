"""Scenario 13: everybody holds the history, reads it alone, and what has a name in it stays what it is."""

from __future__ import annotations

import os
from typing import Any

import pytest

from fwrkit.core.errors import ExitCode
from tests.integration.republic import Failed, Node, Republic, digest, wait_until

PAGE = "first line\nsecond line\n"
BY_BOB = "first line\nsecond line, as bob has it\n"
PICTURE = bytes(range(256)) * 8
LARGE = os.urandom(11 * 1024 * 1024)  # above the size from which contents lie beside git
NAME = "before-the-storm"


@pytest.fixture(scope="module")
def nodes(republic: Republic) -> dict[str, Node]:
    republic.up_server("--template", "static")
    for name in ("alice", "bob"):
        republic.join(name)
    return republic.nodes


def text_of(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def log(republic: Republic, node: str, *words: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = republic.json("log", *words, "--node", node)
    return entries


def versions(republic: Republic, node: str) -> list[str]:
    return [entry["version"] for entry in log(republic, node, "--limit", "1000")]


def cat(republic: Republic, target: str, node: str) -> bytes:
    return republic.fwrkit("cat", target, "--node", node).stdout


def wait_for_history(republic: Republic) -> None:
    """Wait until every client holds what the server does, fetched by itself."""
    listed = ["git", "--git-dir=/var/lib/fwrkit/history.git", "rev-parse", "main"]

    def heads() -> set[bytes]:
        return {node.docker("exec", f"{node.project}-sync", *listed, check=False).stdout for node in republic.nodes.values()}

    republic.nodes["server"].written_history()  # else all may hold the same of before
    took = wait_until(lambda: len(heads()) == 1, "every client holds the history", 90)
    print(f"held by everybody after {took:.1f} s")


def test_what_one_has_just_saved_is_in_the_history(republic: Republic, nodes: dict[str, Node]) -> None:
    nodes["alice"].do({"path": "www/page", "text": PAGE}, {"path": "www/film", "text": text_of(LARGE)})
    nodes["alice"].wait_in_sync()
    by_alice = log(republic, "alice", "--by", "alice")
    assert {change["path"] for entry in by_alice for change in entry["changes"]} >= {"www/page", "www/film"}
    republic.settle()
    assert republic.json("snapshot", NAME)["by"] == republic.json("status", "server")["status"]["citizen"]
    nodes["bob"].do(
        {"path": "www/page", "text": BY_BOB}, {"path": "www/picture", "text": text_of(PICTURE)}, {"path": "www/film", "text": "shorter"}
    )
    republic.settle()


def test_a_client_reads_it_without_a_server(republic: Republic, nodes: dict[str, Node]) -> None:
    wait_for_history(republic)
    assert cat(republic, f"www/film@{NAME}", "bob") == LARGE, "from the server, and kept"
    at_server = versions(republic, "server")
    republic.fwrkit("down", "server")
    wait_until(lambda: nodes["alice"].status()["state"] == "offline", "alice notices", 20)
    assert versions(republic, "alice") == at_server
    by_bob = log(republic, "alice", "www/page", "--by", "bob")
    assert [(entry["author"], [item["path"] for item in entry["changes"]]) for entry in by_bob] == [("bob", ["www/page"])]
    assert log(republic, "alice", "--until", "2020-01-01") == []
    shown = republic.json("show", by_bob[0]["version"][:10], "--node", "alice")
    assert "+second line, as bob has it" in shown["patch"]
    between = republic.json("diff", NAME, "www", "--node", "alice")
    assert {item["path"]: item["kind"] for item in between["changes"]} == {
        "www/page": "changed", "www/picture": "added", "www/film": "changed",
    }  # fmt: skip
    assert [line["author"] for line in republic.json("blame", "www/page", "--node", "alice")] == ["alice", "bob"]
    assert cat(republic, f"www/page@{NAME}", "alice") == PAGE.encode()
    assert cat(republic, "www/picture", "alice") == PICTURE
    assert cat(republic, f"www/film@{NAME}", "bob") == LARGE
    with pytest.raises(Failed) as failed:
        cat(republic, f"www/film@{NAME}", "alice")
    assert (failed.value.status, failed.value.stdout) == (ExitCode.UNREACHABLE, "")
    with pytest.raises(Failed) as failed:
        republic.fwrkit("snapshot", "alone", "--node", "alice")
    assert failed.value.status != 0
    clone = "cd /tmp && rm -rf clone && git clone --quiet --no-local /var/lib/fwrkit/history.git clone && cat clone/www/page; rm -rf clone"
    assert nodes["alice"].docker("exec", f"{nodes['alice'].project}-sync", "sh", "-c", clone).stdout == BY_BOB.encode()
    republic.fwrkit("up", "server")


def test_a_snapshot_outlives_vandals_even_on_the_server(republic: Republic, nodes: dict[str, Node]) -> None:
    republic.settle()
    nodes["bob"].do({"path": "www/page", "text": "vandalised"}, {"path": "www/index.html", "text": "vandalised"})
    nodes["bob"].delete("www/picture")
    republic.settle()
    with pytest.raises(Failed) as failed:
        republic.fwrkit("snapshot", NAME)
    assert failed.value.status == ExitCode.TAKEN
    vandal = "git --git-dir=/var/lib/fwrkit/history.git update-ref refs/tags/" + NAME + " refs/heads/main"
    nodes["server"].docker("exec", f"{nodes['server'].project}-sync", "sh", "-c", vandal)
    nodes["alice"].write("www/more", "more")
    nodes["alice"].wait_in_sync()
    assert log(republic, "alice", "--limit", "1")[0]["author"] == "alice", "reading has fetched"
    wait_until(lambda: any(NAME in alert for alert in nodes["alice"].status()["alerts"]), "alice is told", 30)
    found = {item["name"]: item["is_verified"] for item in republic.json("snapshots", "--node", "alice")}
    assert found == {NAME: True}
    assert not republic.json("snapshots", "--node", "server")[0]["is_verified"]
    assert cat(republic, f"www/page@{NAME}", "alice") == PAGE.encode()
    assert "+vandalised" in republic.json("diff", NAME, "--node", "alice")["patch"]


def test_it_is_kept_small_and_stays_whole(republic: Republic, nodes: dict[str, Node]) -> None:
    before = versions(republic, "server")
    for name in ("server", "alice"):
        done = republic.json("history", "gc", "--node", name)["tidied"]
        print(f"{name}: {done['before']} bytes before, {done['after']} now")
        assert 0 < done["after"] < done["before"]
        assert versions(republic, name) == before
        assert cat(republic, f"www/page@{NAME}", "alice") == PAGE.encode()
    nodes["alice"].write("www/page", "goes on")
    republic.settle()
    assert log(republic, "bob", "www/page")[0]["author"] == "alice"
    assert digest("goes on") in nodes["server"].history()["contents"]
    republic.witness(nodes["server"])  # the server writes the roll and the audit log
    republic.check_invariants()
