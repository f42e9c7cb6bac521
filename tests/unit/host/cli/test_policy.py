"""`fwrkit policy`, `revert`, `restore`, `refused`, `citizens`: what people see, and what they may not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import CitizenRecord, KeptRefusal
from tests.unit.host.cli.conftest import Fwrkit
from tests.unit.host.simulated import SimulatedMachine


@pytest.fixture(autouse=True)
def server(fwrkit: Fwrkit) -> None:
    fwrkit("up", "server", "--citizen", "ada")


def test_an_editor_is_offered_again_until_the_policy_is_right(
    fwrkit: Fwrkit, machine: SimulatedMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "# more" >> "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    said = fwrkit("policy", "edit")
    assert said.out == "The policy is in force, with 2 rules.\n"
    assert machine.republic.asked[-1][2] == {"set": "# a policy\n# more\n"}
    editor.write_text("#!/bin/sh\n")
    assert fwrkit("policy", "edit").out == "Nothing was changed.\n"


def test_a_policy_with_errors_is_said_with_its_line(fwrkit: Fwrkit, machine: SimulatedMachine, tmp_path: Path) -> None:
    machine.republic.answers["policy-change"] = FwrError(
        ExitCode.USAGE, "line 12: 'refse' is nothing for 'then'.", "Did you mean 'refuse'?"
    )
    file = tmp_path / "p.toml"
    file.write_text("x")
    said = fwrkit("policy", "set", str(file))
    assert said.status == ExitCode.USAGE
    assert "line 12" in said.err and "Did you mean" in said.err
    assert fwrkit("policy", "set", str(tmp_path / "none")).status == ExitCode.NOT_FOUND
    file.write_bytes(b"\xff")
    assert fwrkit("policy", "set", str(file)).status == ExitCode.USAGE


@pytest.mark.parametrize(
    "words",
    [[], ["a"], ["--to", "x"], ["--by", "bob"], ["--since", "x"], ["a", "--by", "bob", "--since", "x"], ["a", "--to", "x", "--since", "y"]],
)
def test_what_is_to_be_reverted_has_to_be_said(fwrkit: Fwrkit, words: list[str]) -> None:
    assert fwrkit("revert", *words).status == ExitCode.USAGE


def test_what_was_left_is_listed(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    answer: dict[str, Any] = {
        "count": 30, "done": [f"p{n}" for n in range(30)], "left_count": 1, "left": [{"path": "b", "reason": "bob has edited it since"}],
    }  # fmt: skip
    machine.republic.answers |= {"revert-by": answer, "restore": answer}
    said = fwrkit("revert", "--by", "mallory", "--since", "1 day ago")
    assert "… and 10 more" in said.out and "30 paths changed." in said.out and "bob has edited it since" in said.out
    assert "30 paths would be changed." in fwrkit("restore", "p", "--dry-run").out


def test_refused_changes_are_listed_and_given_back(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    assert fwrkit("refused").out == "Nothing was refused.\n"
    machine.republic.refused = [
        KeptRefusal(1, "www/x.php", "file", 3, 5.0, "No programs.", True), KeptRefusal(2, "y", "deletion", 0, 5.0, "No.", False, True),
    ]  # fmt: skip
    out = fwrkit("refused").out
    assert "www/x.php" in out and "No programs." in out and "again and again" in out
    assert fwrkit("refused", "give", "9").status == ExitCode.NOT_FOUND


def test_the_roll_is_shown_with_bans(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    bob = CitizenRecord("bob", "citizen", 5, 6, False, 3, "", "spam", 7, 0, "ada", "SHA256:x")
    machine.republic.answers["citizens"] = {"citizens": [bob.to_json(), CitizenRecord("ada", "official", 5, connected=True).to_json()]}
    out = fwrkit("citizens").out
    assert "banned by ada: spam" in out and "connected" in out and "SHA256" not in out
    assert "SHA256:x" in fwrkit("citizens", "--fingerprints").out
    machine.republic.answers["citizens"] = FwrError(ExitCode.UNREACHABLE, "Out of reach.", "")
    machine.republic.roll = [bob]
    said = fwrkit("citizens")
    assert "bob" in said.out and "last heard" in said.err


def test_a_request_says_what_to_compare(fwrkit: Fwrkit, machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fwrkit.host.adapters.reach.check", lambda *_: None)
    machine.republic.answers["request"] = {
        "waiting": True,
        "world_name": "Utopia",
        "authority": "SHA256:world",
        "fingerprint": "SHA256:mine",
    }
    said = fwrkit("request", "wiki.example.org:2211", "--name", "bob")
    assert said.status == ExitCode.HELD
    assert "SHA256:world" in said.out and "SHA256:mine" in said.out
    assert "fwrkit admit bob" in said.err
    machine.republic.answers["request"] = {"citizen": "bob", "world": "w", "world_name": "Utopia", "authority": "SHA256:world"}
    said = fwrkit("join", "wiki.example.org:2211", "--name", "bob")
    assert said.status == ExitCode.OK and "has joined 'Utopia' as bob" in said.out


def test_leaving_is_asked_about(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    fwrkit("join", "server", "--name", "alice")
    machine.republic.answers["leave"] = {"name": "alice", "world": "Utopia"}
    assert fwrkit("leave", "alice", "--json").status == ExitCode.USAGE
    assert machine.republic.asked[-1][1] != "leave"
    assert "has left 'Utopia'" in fwrkit("leave", "alice", "--yes").out
    assert fwrkit("ban", "bob").status == ExitCode.USAGE, "a ban needs a reason"
    assert fwrkit("ban", "bob", "--reason", "x", "--until", "soon").status == ExitCode.USAGE
