"""`fwrkit backup`: what it says, where, and what it asks for."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.cli import backup
from tests.unit.host.cli.conftest import Fwrkit
from tests.unit.host.simulated import SimulatedMachine


@pytest.fixture(autouse=True)
def _alice(fwrkit: Fwrkit) -> None:
    fwrkit("up", "server")
    fwrkit("join", "server", "--name", "alice")


def test_people_are_told_what_is_in_it(fwrkit: Fwrkit, tmp_path: Path) -> None:
    said = fwrkit("backup", "alice", str(tmp_path / "x.fwrkit"))
    assert said.status == 0
    lines = said.out.splitlines()
    assert lines[0].startswith(f"alice is in {tmp_path / 'x.fwrkit'}: ")
    assert "3 files, 1.5 KiB" in lines[0]
    assert "keys are not in it" in lines[1]
    assert lines[2] == "left out: world/link: no regular file"
    assert "Backing up alice" in said.err


def test_standard_output_is_the_backup_and_nothing_else(fwrkit: Fwrkit, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[bytes] = []
    monkeypatch.setattr(backup, "_raw", pieces.append)  # what captures the output here takes texts only
    said = fwrkit("backup", "alice", "-")
    assert (said.out, b"".join(pieces).endswith(b"content of alice")) == ("", True)
    assert "alice is in standard output" in said.err
    for words in (["--json"], ["--every", "1h"], ["--keep", "2"]):
        assert fwrkit("backup", "alice", "-", *words).status == ExitCode.USAGE
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert fwrkit("backup", "alice", "-").status == ExitCode.USAGE


def test_the_passphrase_is_a_line_of_standard_input(
    fwrkit: Fwrkit, machine: SimulatedMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("correct horse\n"))
    assert fwrkit("backup", "alice", str(tmp_path / "x"), "--keys").status == 0
    assert machine.backed_up[-1][1] == {"passphrase": "correct horse"}
    for text in ("short\n", "with a\tcontrol character\n", "x" * 2000 + "\n"):
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        assert fwrkit("backup", "alice", str(tmp_path / "y"), "--keys").status == ExitCode.USAGE


def test_recipients_need_none(fwrkit: Fwrkit, machine: SimulatedMachine, tmp_path: Path) -> None:
    assert fwrkit("backup", "alice", str(tmp_path / "x"), "--recipient", "age1x", "--recipient", "ssh-ed25519 y").status == 0
    assert machine.backed_up[-1][1] == {"recipients": ["age1x", "ssh-ed25519 y"]}


def test_again_and_again_until_it_is_interrupted(fwrkit: Fwrkit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def enough(_: float) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(time, "sleep", enough)
    before = signal.getsignal(signal.SIGTERM)
    try:
        said = fwrkit("backup", "alice", str(tmp_path), "--every", "1h", "--keep", "2")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (said.status, len(list(tmp_path.glob("*.fwrkit")))) == (ExitCode.INTERRUPTED, 1)
    assert fwrkit("backup", "alice", str(tmp_path), "--every", "soon").status == ExitCode.USAGE


def test_half_a_backup_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.BytesIO):
        def write(self, _: object) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(os, "dup2", lambda *_: None)
    real = sys.stdout

    class Out(io.TextIOWrapper):
        def fileno(self) -> int:
            return 1

    monkeypatch.setattr(sys, "stdout", Out(Gone()))
    with pytest.raises(FwrError) as raised:
        backup._raw(b"piece")
    monkeypatch.setattr(sys, "stdout", real)
    assert raised.value.code == ExitCode.FAILED
