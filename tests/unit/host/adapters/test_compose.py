"""Compose's command line, as values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fwrkit.core import commands
from fwrkit.core.commands import Command, Completed
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import compose, once
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


def test_a_program_runs_once_and_reads_what_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Command] = []

    def run(command: Command, told: Callable[[str], None], timeout: float) -> Completed:
        ran.append(command)
        told("Copying")
        return Completed(command, 0, b"{}", b"Copying\n")

    monkeypatch.setattr(commands, "run_told", run)
    monkeypatch.setattr(once, "new_name", lambda: "once")
    said: list[str] = []
    done = Project("fwrkit-abc-mine", tmp_path).run_once(["fwrkit-agent", "found"], {"old_world": "/from/world"}, said.append)
    assert (done.stdout, said) == (b"{}", ["Copying"])
    words = [str(word) for word in ran[0].argv]
    assert words[words.index("run") :] == [
        "run", "--rm", "--name", "once", "--no-deps", "--no-TTY", "--volume", "old_world:/from/world:ro", "sync", "fwrkit-agent", "found",
    ]  # fmt: skip


def test_no_addresses_left_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = b"could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network\n"
    monkeypatch.setattr(commands, "run", lambda command, timeout: Completed(command, 1, b"", words))
    monkeypatch.setattr(commands, "run_told", lambda command, told, timeout: Completed(command, 1, b"", words))
    project = Project("fwrkit-abc-server", tmp_path)
    for fail in (project.up, lambda: project.run_once([], {}, print)):
        with pytest.raises(FwrError) as raised:
            fail()
        assert raised.value.message == "Docker has no addresses left for another network."


@pytest.mark.parametrize(("status", "out"), [(1, b""), (0, b""), (0, b"1.29.2\n")])
def test_no_plugin_of_version_2(status: int, out: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "run", lambda command, timeout: Completed(command, status, out, b""))
    with pytest.raises(FwrError) as raised:
        compose.version()
    assert raised.value.code == ExitCode.NO_ENGINE


def test_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "run", lambda command, timeout: Completed(command, 0, b"v2.26.1-4\n", b""))
    assert compose.version() == "2.26.1-4"


def test_a_program_in_a_container_of_its_own(tmp_path: Path) -> None:
    plain = list(Project("p", tmp_path).run_command("once").argv)
    assert plain[plain.index("run") :] == ["run", "--rm", "--name", "once", "--no-deps", "--no-TTY", "sync"]
    root = list(Project("p", tmp_path).run_command("once", is_root=True).argv)
    assert root[root.index("--user") + 1] == "0:0"
    assert root[-1] == "sync"
