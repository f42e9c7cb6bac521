"""Compose's command line, as values."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.core import commands
from fwrkit.core.commands import Command, Completed
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import compose
from fwrkit.host.adapters.compose import Project


def test_an_override_file_is_respected(tmp_path: Path) -> None:
    project = Project("fwrkit-abc-server", tmp_path)
    without = list(project.command("up").argv)
    assert without.count("--file") == 1
    (tmp_path / compose.OVERRIDE).write_text("services: {}\n")
    files = [word for before, word in zip(project.command("up").argv, project.command("up").argv[1:], strict=False) if before == "--file"]
    assert files == [str(tmp_path / "compose.yaml"), str(tmp_path / compose.OVERRIDE)]


def test_nothing_is_pulled_or_built_behind_ones_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Command] = []

    def run(command: Command, timeout: float | None = None) -> Completed:
        ran.append(command)
        return Completed(command, 0, b"", b"")

    monkeypatch.setattr(commands, "run", run)
    project = Project("fwrkit-abc-server", tmp_path)
    project.up()
    project.recreate()
    for command in ran:
        words = list(command.argv)
        assert "--no-build" in words
        assert words[words.index("--pull") + 1] == "never"
    project.down()
    project.remove_containers()
    assert not any("--volumes" in command.argv or "-v" in command.argv for command in ran)


def test_a_failure_says_composes_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "run", lambda command, timeout: Completed(command, 1, b"", b"a\nport is already allocated\n"))
    with pytest.raises(FwrError) as raised:
        Project("fwrkit-abc-server", tmp_path).up()
    assert raised.value.code == ExitCode.FAILED
    assert raised.value.message == "Docker Compose failed: port is already allocated"
    assert "docker compose --project-name fwrkit-abc-server" in raised.value.hint


@pytest.mark.parametrize(("status", "out"), [(1, b""), (0, b""), (0, b"1.29.2\n")])
def test_no_plugin_of_version_2(status: int, out: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "run", lambda command, timeout: Completed(command, status, out, b""))
    with pytest.raises(FwrError) as raised:
        compose.version()
    assert raised.value.code == ExitCode.NO_ENGINE


def test_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "run", lambda command, timeout: Completed(command, 0, b"v2.26.1-4\n", b""))
    assert compose.version() == "2.26.1-4"
