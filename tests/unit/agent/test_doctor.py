"""The checks inside a container: each says a sentence, and none of them ever fails the others."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.ssh import Upstream, write_upstream
from fwrkit.agent.doctor import examine
from fwrkit.agent.files import linux
from fwrkit.agent.server.server import Server
from fwrkit.agent.server.store import Store
from fwrkit.agent.settings import Node, Places, Settings
from fwrkit.agent.wire.messages import Refusal
from fwrkit.core.records import Finding

NODE = Node("client", "alice", "0123456789ab", "alice", "static", "Utopia", (os.geteuid(), os.getegid()), Settings())


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("volume/private", "state", "keys", "run"):
        (tmp_path / name).mkdir(parents=True)
    places = Places(tmp_path / "volume", tmp_path / "state", tmp_path / "keys", tmp_path / "run")
    Record(places.state / "record.sqlite").close()
    return places


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def found(places: Places, server: Server | None = None) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine(NODE, places, server)}


def a_server(is_running: bool) -> Server:
    return cast(Server, SimpleNamespace(is_sshd_running=is_running, look_for_damage=lambda: ["ab" * 20] if not is_running else []))


def test_on_a_machine_as_it_should_be_everything_is_well(places: Places, listener: socket.socket) -> None:
    write_upstream(places.keys, Upstream("127.0.0.1", listener.getsockname()[1], "w", "Utopia", "alice", "k"))
    findings = found(places)
    assert {"world space", "state space", "atomic exchange", "leases", "watches", "record", "upstream"} <= set(findings)
    assert "Landlock" in findings
    for name in ("atomic exchange", "leases", "record", "upstream"):
        assert findings[name].ok, findings[name]
    assert list((places.volume / "private").iterdir()) == []


def test_every_finding_is_a_sentence_and_what_is_not_well_has_a_hint(places: Places) -> None:
    (places.state / "record.sqlite").write_bytes(b"x" * 4096)
    shutil.rmtree(places.private)
    for finding in examine(NODE, places, None):
        assert finding.message.endswith(".") and "\n" not in finding.message, finding
        assert finding.ok or finding.hint, finding


def test_a_node_that_has_not_joined(places: Places) -> None:
    finding = found(places)["upstream"]
    assert not finding.ok
    assert "join" in finding.hint.lower()


def test_an_upstream_that_is_out_of_reach(places: Places) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    write_upstream(places.keys, Upstream("127.0.0.1", port, "w", "Utopia", "alice", "k"))
    finding = found(places)["upstream"]
    assert not finding.ok
    assert f"127.0.0.1:{port}" in finding.message


@pytest.mark.parametrize("is_running", [True, False])
def test_a_server_is_asked_for_its_own(places: Places, is_running: bool) -> None:
    Store(places.state / "hub.sqlite").close()
    findings = found(places, a_server(is_running))
    assert "upstream" not in findings
    assert findings["tables"].ok
    assert findings["sshd"].ok is is_running
    assert findings["history"].ok is is_running


def test_a_damaged_database(places: Places) -> None:
    path = places.state / "record.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executemany("INSERT INTO meta VALUES (?, ?)", ((str(number), "x" * 500) for number in range(500)))
    connection.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 4096)
    findings = [finding for finding in examine(NODE, places, None) if not finding.ok and "damaged" in finding.message.lower() + "malformed"]
    assert findings
    assert path.stat().st_size == size, "whoever looks changes nothing"


def test_a_database_that_is_not_there_is_not_made(places: Places) -> None:
    (places.state / "record.sqlite").unlink()
    assert not all(finding.ok for finding in examine(NODE, places, None) if finding.check in ("record", "doctor"))
    assert not (places.state / "record.sqlite").exists()


def test_a_filesystem_that_does_not_exchange(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*_: object) -> None:
        raise OSError(errno.EINVAL, "no")

    monkeypatch.setattr(linux, "rename", cannot)
    finding = found(places)["atomic exchange"]
    assert not finding.ok
    assert finding.hint


@pytest.mark.parametrize("answer", [True, OSError(errno.EINVAL, "no")])
def test_a_filesystem_without_leases(places: Places, monkeypatch: pytest.MonkeyPatch, answer: bool | OSError) -> None:
    def lease(fd: int) -> bool:
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(linux, "take_read_lease", lease)
    assert not found(places)["leases"].ok


def test_what_the_agent_noticed_and_why_it_is_not_let_in(places: Places) -> None:
    findings = examine(NODE, places, None, ["The clock was set."], Refusal("HELD", "alice deletes much.", "Ask."))
    noticed = [finding for finding in findings if not finding.ok and finding.check in ("noticed", "admission")]
    assert [finding.message for finding in noticed] == ["alice deletes much.", "The clock was set."]


def test_left_overs_of_unison_are_named(places: Places) -> None:
    assert found(places)["Unison"].message == "Nothing is left of earlier runs."
    (places.state / "unison").mkdir()
    for name in ("lk0123456789abcdef0123456789abcdef", "DANGER.README"):
        (places.state / "unison" / name).touch()
    finding = found(places)["Unison"]
    assert finding.ok and "DANGER.README" in finding.message


def test_little_room(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100 * 2**20))
    finding = found(places)["world space"]
    assert not finding.ok
    assert "100 MiB" in finding.message
