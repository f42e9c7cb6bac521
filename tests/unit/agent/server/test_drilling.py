"""What a drill finds out: a world that is whole, and each way in which it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fwrkit.agent import audit
from fwrkit.agent.keys import fingerprint, make_key
from fwrkit.agent.server import drilling
from fwrkit.agent.server.founding import found, of_server
from fwrkit.agent.server.succession import Succession
from fwrkit.agent.settings import Places
from fwrkit.core.records import Finding
from tests.unit.agent.server.test_founding import NODE, TEMPLATES, Old, old, places  # noqa: F401 - fixtures

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmO4OBCBlvfyeakTKDu3xqOh9bPj4JsYgLa8YWiu7VH"


def entry(before: list[audit.Entry], event: str, **details: str) -> audit.Entry:
    previous = before[-1].hash if before else audit.GENESIS
    return audit.Entry(len(before) + 1, 1_764_000_000, "ada", event, "authority", details, previous)


class Drill:
    """An old world with a node of olga's, an official, and what is made of it."""

    def __init__(self, old: Old, places: Places, root: Path) -> None:  # noqa: F811
        self.old, self.places = old, places
        self.trusted = [KEY]
        self.log: list[audit.Entry] = []
        self.add("role")
        olga = make_key(root / "olga", "")
        roll = (old.world / ".fwr/citizens.toml").read_text()
        old.put(
            ".fwr/citizens.toml", f'{roll}\n[[citizen]]\nname = "olga"\nrole = "official"\nsince = 2026-01-01T00:00:00Z\nkey = "{olga}"\n'
        )
        for path, content in (("www/a.txt", b"a"), ("www/film", b"large" * 1000)):
            old.put(path, content.decode())
            old.commit("bob", **{path: content})

    def add(self, event: str, **details: str) -> None:
        self.log.append(entry(self.log, event, **details))
        self.old.put(".fwr/audit/2026-11.jsonl", "".join(each.to_line() + "\n" for each in self.log))

    def play(self) -> dict[str, Finding]:
        here = self.old.world
        records = {path.relative_to(here).as_posix().encode(): path.read_bytes() for path in (here / ".fwr").rglob("*") if path.is_file()}
        self.old.past.write("fwrkit", dict(records))  # as its server does
        succession = Succession("00112233aabbccdd", "commons", tuple(self.trusted))
        founded = found(replace(NODE, citizen="olga-drill"), self.places, self.old.origin(), succession=succession)
        return self.look(founded.version)

    def look(self, version: str) -> dict[str, Finding]:
        return {each.check: each for each in drilling.examine(self.places, version, "olga-drill", self.trusted)}


@pytest.fixture
def drill(old: Old, places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drill:  # noqa: F811
    monkeypatch.setattr(drilling, "_PATIENCE", 0.0)
    return Drill(old, places, tmp_path)


def test_a_world_that_is_whole(drill: Drill) -> None:
    findings = drill.play()
    assert [name for name, each in findings.items() if not each.ok] == [], findings
    assert list(findings) == ["files", "deletions", "history", "audit log", "officials", "authority"]
    assert "byte for byte" in findings["files"].message
    assert findings["officials"].message == "Who could promote their node: olga."
    assert "The log knows of no shares" in findings["authority"].message


def test_shares_count_if_they_are_of_an_authority_that_is_valid(drill: Drill) -> None:
    drill.add(audit.SHARES, need="3", of="5", key="SHA256:another")
    drill.add(audit.SHARES, need="2", of="3", key=fingerprint(KEY))
    findings = drill.play()
    assert findings["authority"].message.startswith("Any 2 of those who hold the 3 shares")
    drill.trusted = []
    assert "no shares" in drill.look("HEAD")["authority"].message


def test_a_file_that_is_damaged_or_gone(drill: Drill) -> None:
    drill.play()
    for number, path in enumerate(("www/a.txt", "www/film"), start=1):
        (drill.places.world / path).write_text("x")
        found = drill.look("HEAD")["files"]
        assert (found.ok, f"{number} of " in found.message, path in found.message) == (False, True, True)
    (drill.places.world / "www/a.txt").unlink()
    (drill.places.world / "www/a.txt").symlink_to("/etc/passwd")
    assert "2 of" in drill.look("HEAD")["files"].message


def test_a_node_that_leaves_files_out(drill: Drill) -> None:
    (drill.old.world / "www/a.txt").unlink()
    found = drill.play()
    assert (found["deletions"].ok, found["files"].ok) == (True, True), "they come from its history"
    assert (drill.places.world / "www/a.txt").read_text() == "a"


def test_a_damaged_history_and_none(drill: Drill) -> None:
    drill.play()
    assert not drill.look("")["deletions"].ok
    objects = [path for path in (drill.places.state / "history.git/objects").rglob("*") if path.is_file() and "info" not in path.parts]
    for path in objects:
        path.chmod(0o600)
        path.write_bytes(b"\0" * path.stat().st_size)
    found = drill.look("HEAD")
    assert not found["history"].ok and not found["files"].ok


def test_a_log_that_was_changed(drill: Drill) -> None:
    drill.add("ban")
    drill.log[0] = replace(drill.log[0], actor="mallory")
    drill.add("unban")
    found = drill.play()["audit log"]
    assert (found.ok, "Line 2 does not follow" in found.message) == (False, True)


def test_a_world_whose_only_official_was_the_server(drill: Drill) -> None:
    roll = drill.old.world / ".fwr/citizens.toml"
    roll.write_text(roll.read_text().rpartition("[[citizen]]")[0])
    found = drill.play()["officials"]
    assert (found.ok, "fwrkit role" in found.hint) == (False, True)


def test_of_a_server_it_is_played_without_its_authority(drill: Drill, tmp_path: Path) -> None:
    keys = tmp_path / "server-keys"
    keys.mkdir()
    assert of_server(keys, drill.old.volume, TEMPLATES) is None
    (keys / "authorities.pub").write_text(KEY + "\n")
    assert of_server(keys, drill.old.volume, TEMPLATES) == Succession("00112233aabbccdd", "commons", (KEY,))
