"""Each long command, interrupted at twenty moments on a simulated machine: status 130, one sentence, and the same command again does all of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fwrkit.core import interrupts
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import compose
from fwrkit.host.cli import context, main
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import drill, start
from tests.unit.host import simulated
from tests.unit.host.cli.conftest import Said
from tests.unit.host.simulated import SimulatedMachine

MOMENTS = 20
SERVED = (("up", "server"),)
JOINED = (*SERVED, ("join", "server", "--name", "alice"))
SAVED = (*JOINED, ("backup", "alice", "DIR/saved.fwrkit"), ("rm", "alice", "--volumes", "--yes"))


@dataclass
class Moments:
    """The moments at which something begins or ends that takes a while; at one of them somebody types Ctrl-C.

    ``is_childs``: the program that is waited for has heard it first, and failed without a word.
    """

    at: int = -1
    is_childs: bool = False
    passed: int = field(default=0)

    def pass_one(self) -> None:
        """Let one go by, or be the one."""
        self.passed += 1
        if self.passed - 1 != self.at:
            return
        if not self.is_childs:
            os.kill(os.getpid(), signal.SIGINT)
            return
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGINT)
            raise FwrError(ExitCode.FAILED, "The agent of node 'alice' gave no answer: exit status 0", "See its log.")


class Shell:
    """A terminal at a machine."""

    def __init__(self, machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.machine, self._monkeypatch, self._capsys = machine, monkeypatch, capsys

    def type(self, *words: str) -> Said:
        """Run a command line."""

        def connected(_: object, report: Callable[[str], None] = lambda _: None) -> SimulatedMachine:
            self.machine.report = report
            return self.machine

        self._monkeypatch.setattr(context, "Machine", connected)
        self._monkeypatch.setattr("sys.argv", ["fwrkit", *(word.replace("DIR", str(self.machine.home.path.parent)) for word in words)])
        self._capsys.readouterr()
        with interrupts.listening():
            status = main.run()
        return Said(status, *self._capsys.readouterr())

    def found(self) -> Any:
        """Return what is there: containers, volumes, networks, nodes, and files beside the home."""
        docker, home = self.machine.docker, self.machine.home

        def plain(names: Iterable[str]) -> list[str]:
            return sorted(name.replace(home.identity, "HOME") for name in names)

        return (
            plain(f"{project} {service}" for project, found in docker.containers_of.items() for service in found),
            plain(name for found in docker.volumes_of.values() for name in found),
            plain(docker.networks),
            {node.name: (node.role, node.is_joined, node.citizen, node.upstream) for node in self.machine.nodes.all()},
            self.machine.nodes.drills(),
            sorted(path.name for path in home.path.parent.iterdir()),
        )


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> Moments:
    """Let moments pass wherever the machine is asked for something, before it and behind it, and where progress is told."""
    found = Moments()

    def passing(function: Callable[..., Any]) -> Callable[..., Any]:
        def passed(*words: Any, **more: Any) -> Any:
            found.pass_one()
            answer = function(*words, **more)
            found.pass_one()
            return answer

        return passed

    parts = (simulated.SimulatedDocker, simulated.SimulatedProject, simulated.SimulatedAgent, simulated.SimulatedArchivist)
    for part in (*parts, Output):
        for name, function in list(vars(part).items()):
            is_asked = name == "progress" if part is Output else not name.startswith("_")
            if is_asked and callable(function):
                monkeypatch.setattr(part, name, passing(function))
    return found


@pytest.fixture
def shells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], moments: Moments
) -> Iterator[Callable[[], Shell]]:
    """Give a machine with nothing on it as often as it is asked for."""
    monkeypatch.setattr(compose, "version", lambda: "2.26.1")
    monkeypatch.setattr(start, "_POLL", 0.001)
    monkeypatch.setattr(drill, "_PAUSE", 0.001)
    monkeypatch.setenv("COLUMNS", "200")
    made = 0

    def make() -> Shell:
        nonlocal made
        made += 1
        place = tmp_path / f"{made}"
        place.mkdir()
        return Shell(SimulatedMachine(place / "home"), monkeypatch, capsys)

    yield make


@pytest.mark.parametrize("is_childs", [False, True], ids=["heard by fwrkit", "heard by what it waits for"])
@pytest.mark.parametrize(
    ("before", "words"),
    [
        ((), ("up", "server")),
        ((*SERVED, ("down", "server")), ("up", "server")),
        (SERVED, ("join", "server", "--name", "alice")),
        ((*JOINED, ("down", "alice")), ("join", "server", "--name", "alice")),
        (JOINED, ("fork", "alice", "mine", "--invite-all", "--address", "mine.example.org")),
        (JOINED, ("backup", "alice", "DIR/alice.fwrkit")),
        (SAVED, ("restore", "DIR/saved.fwrkit", "--name", "alice", "--without-keys")),
        (JOINED, ("sync", "alice")),
        (JOINED, ("drill", "succession", "server")),
        (JOINED, ("down", "alice")),
        (JOINED, ("rm", "alice", "--volumes", "--yes")),
        (JOINED, ("doctor",)),
    ],
    ids=lambda value: "-".join(value[:2]) if value and isinstance(value[0], str) else f"after {len(value)}",
)
def test_an_interruption_is_one_sentence_and_repeating_it_ends_it(
    shells: Callable[[], Shell], moments: Moments, before: tuple[tuple[str, ...], ...], words: tuple[str, ...], is_childs: bool
) -> None:
    def prepared() -> Shell:
        moments.at = -1
        shell = shells()
        for each in before:
            said = shell.type(*each)
            assert said.status == 0, said
        moments.passed, moments.is_childs = 0, is_childs
        return shell

    whole = prepared()
    assert whole.type(*words).status == 0
    wanted, count = whole.found(), moments.passed
    assert count >= 4
    moments_tried = min(MOMENTS if not is_childs else MOMENTS // 3, count)
    for number in range(moments_tried):
        shell = prepared()
        earlier = shell.found()
        moments.at = number * count // moments_tried
        said = shell.type(*words)
        assert said.status in (ExitCode.INTERRUPTED, 0), f"moment {moments.at}: {said}"
        if said.status == 0:  # its end was near enough
            assert shell.found() == wanted, f"moment {moments.at}: {said}"
            continue
        told = [line for line in said.err.splitlines() if not line.startswith(" ")]
        assert told[-2:] == ["Interrupted.", "Nothing is lost: repeat the command to finish what it began."], f"moment {moments.at}: {said}"
        assert said.err.count("Interrupted.") == 1 and "gave no answer" not in said.err
        assert not [name for name in shell.found()[-1] if name.endswith(".part")], "nothing half made"
        if words[0] == "drill":
            assert shell.found() == earlier, "it leaves nothing"
        moments.at = -1
        again = shell.type(*words)
        is_done = again.status in (ExitCode.TAKEN, ExitCode.NOT_FOUND) and words[0] in (
            "fork",
            "backup",
            "restore",
            "rm",
        )  # looked at below
        assert again.status == 0 or is_done, f"moment {number}: {again}"
        assert shell.found() == wanted, f"moment {number}: {again}"
