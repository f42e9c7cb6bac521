"""`fwrkit restore`: a path of the world, or a node from a backup; which, is seen at what is typed."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from fwrkit.core.errors import ExitCode
from tests.unit.host.cli.conftest import Fwrkit
from tests.unit.host.simulated import SimulatedMachine

REVERTED = {"count": 1, "done": ["a"], "left_count": 0, "left": []}


@pytest.fixture
def saved(fwrkit: Fwrkit, tmp_path: Path) -> Path:
    """A backup of a client that is no more, with its key."""
    fwrkit("up", "server")
    fwrkit("join", "server", "--name", "alice")
    fwrkit("backup", "alice", str(tmp_path / "alice.fwrkit"), "--recipient", "age1x")
    fwrkit("rm", "alice", "--volumes", "--yes")
    return tmp_path / "alice.fwrkit"


def test_a_path_is_brought_back(fwrkit: Fwrkit, machine: SimulatedMachine, saved: Path) -> None:
    machine.republic.answers["restore"] = REVERTED
    assert fwrkit("restore", "www/page").out.startswith("a\n")
    assert fwrkit("restore", "www/x.fwrkit", "--node", "server").out.startswith("a\n"), "with --node it is a path in any case"
    assert machine.republic.asked[-1] == ("server", "restore", {"path": "www/x.fwrkit", "dry_run": False})


def test_a_backup_is_a_node_again(fwrkit: Fwrkit, machine: SimulatedMachine, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "identity").write_text("AGE-SECRET-KEY-1\n")
    said = fwrkit("restore", str(saved), "--identity", str(tmp_path / "identity"))
    assert (said.status, said.out.startswith("alice is up, as it was on ")) == (0, True)
    assert machine.restored[-1][1] == {"identity": "AGE-SECRET-KEY-1\n"}
    assert "one of the two" in said.out


def test_any_name_with_an_option(fwrkit: Fwrkit, machine: SimulatedMachine, saved: Path) -> None:
    other = saved.rename(saved.with_name("monday"))
    assert fwrkit("restore", str(other), "--dry-run").status == ExitCode.USAGE, "it says of itself that it is a backup"
    said = fwrkit("restore", str(other), "--name", "bob", "--without-keys", "--no-start")
    assert (said.status, machine.restored[-1][:2]) == (0, ("bob", None))
    assert "fwrkit up bob" in said.out
    assert "fwrkit join server --name bob" in said.out


def test_the_passphrase_is_a_line_of_standard_input(
    fwrkit: Fwrkit, machine: SimulatedMachine, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"correct horse\n")))
    assert fwrkit("restore", str(saved)).status == 0
    assert machine.restored[-1][1] == {"passphrase": "correct horse"}


def test_standard_input_can_not_be_both(fwrkit: Fwrkit, machine: SimulatedMachine, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Piped(io.StringIO):
        buffer = io.BytesIO()

    for words, status in ((["-"], ExitCode.USAGE), (["-", "--without-keys"], 0)):
        Piped.buffer = io.BytesIO(saved.read_bytes())
        monkeypatch.setattr(sys, "stdin", Piped())
        assert fwrkit("restore", *words).status == status
    assert machine.restored[-1][0] == "alice"


def test_what_makes_no_sense(fwrkit: Fwrkit, saved: Path) -> None:
    assert fwrkit("restore", str(saved), "--dry-run").status == ExitCode.USAGE
    assert fwrkit("restore", str(saved), "--identity", "/nonexistent").status == ExitCode.NOT_FOUND
    assert fwrkit("restore", str(saved), "--name", "server", "--without-keys").status in (ExitCode.TAKEN, ExitCode.USAGE)
