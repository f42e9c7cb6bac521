"""Unison's command line: one way, inside Landlock, with a clean environment. (Unison itself runs in the integration tests.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.agent.citizen.unison import UnisonCarrier, landlock, unison_command
from fwrkit.core.errors import FwrError


def test_a_run_goes_one_way_and_asks_nobody() -> None:
    command = unison_command("/from", "ssh://bulk//to", "/from", Path("/run/ssh_config"), Path("/state/unison"), ["confined"])
    words = [str(word) for word in command.argv]
    assert words[:4] == ["confined", "unison-2.53", "/from", "ssh://bulk//to"]
    for option in ("-force=/from", "-batch", "-ui=text", "-confirmbigdel=false", "-times=false", "-links=false", "-ignorearchives"):
        assert option in words, option
    assert "-sshargs=-F/run/ssh_config" in words
    assert not any(word.startswith("-repeat") for word in words)


def test_its_environment_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNISONLOCALHOSTNAME", "0123456789ab")
    monkeypatch.setenv("SECRET", "x")
    command = unison_command("/from", "/to", "/from", Path("/c"), Path("/state/unison"), [])
    environment = command.environment()
    assert environment["UNISON"] == environment["HOME"] == "/state/unison"
    assert environment["UNISONLOCALHOSTNAME"] == "0123456789ab"
    assert "SECRET" not in environment


def test_what_may_be_written_is_what_was_given() -> None:
    words = landlock([Path("/w1"), Path("/w2")], [Path("/r1")])
    assert words[:4] == ["setpriv", "--no-new-privs", "--landlock-access", "fs"]
    rules = words[5::2]
    assert words[4::2] == ["--landlock-rule"] * len(rules)
    writable = {rule.rsplit(":", 1)[1] for rule in rules if "write-file" in rule}
    assert writable == {"/w1", "/w2", "/dev/null"}
    assert {rule.rsplit(":", 1)[1] for rule in rules if "make-" in rule or "remove-" in rule} == {"/w1", "/w2"}
    assert {rule.rsplit(":", 1)[1] for rule in rules if "execute" in rule} == {"/usr", "/etc"}
    assert "path-beneath:read-file,read-dir:/r1" in rules


def test_what_was_stopped_begins_nothing(tmp_path: Path) -> None:
    carrier = UnisonCarrier("alice", tmp_path / "ssh_config", tmp_path / "unison")
    carrier.stop()
    carrier.stop()
    (tmp_path / "staging").mkdir()
    with pytest.raises(FwrError):
        carrier.send(tmp_path)
    with pytest.raises(FwrError):
        carrier.fetch(1, tmp_path / "staging")
    assert not (tmp_path / "unison").exists()
