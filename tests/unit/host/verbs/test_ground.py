"""Bad ground is refused before anything is made, and a world that is not where it was is held."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import NodeStatus
from fwrkit.host.verbs import backup, doctor, down, up
from fwrkit.host.verbs.fork import ForkWish, fork
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedAgent, SimulatedMachine

BAD = FwrError(ExitCode.REFUSED, "The world's filesystem does not exchange files (Invalid argument).", "Use a volume.")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "place"
    place.mkdir()
    if os.geteuid() == 0:
        os.chown(place, 1000, 1000)
    return place


@pytest.mark.parametrize(
    "make",
    [
        lambda machine, place: up.up_server(machine, ServerWish(name="second", world=place)),
        lambda machine, place: join(machine, JoinWish("server", name="alice", world=place)),
        lambda machine, place: join(machine, JoinWish("server", name="alice")),
        lambda machine, place: fork(machine, ForkWish("server", "mine", world=place)),
    ],
    ids=["up", "join", "join with a volume", "fork"],
)
def test_field_F13_bad_ground_is_refused_before_anything_is_made(
    machine: SimulatedMachine, place: Path, make: Callable[[SimulatedMachine, str], object]
) -> None:
    up.up_server(machine, ServerWish())
    before = (sorted(machine.home.nodes.iterdir()), dict(machine.docker.containers_of), dict(machine.docker.volumes_of))
    machine.bad_ground = BAD
    with pytest.raises(FwrError) as raised:
        make(machine, str(place))
    assert raised.value is BAD
    assert (sorted(machine.home.nodes.iterdir()), dict(machine.docker.containers_of), dict(machine.docker.volumes_of)) == before
    assert machine.looked_at[-1][0] in (os.path.realpath(place), "")


def test_the_directory_is_looked_at_as_its_owner(machine: SimulatedMachine, place: Path) -> None:
    up.up_server(machine, ServerWish(world=str(place)))
    owner = place.stat()
    assert machine.looked_at == [(os.path.realpath(place), owner.st_uid, owner.st_gid)]


def test_field_F14_what_an_agent_finds_weaker_is_said_at_up_and_join(machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    real = SimulatedAgent.status

    def status(self: SimulatedAgent) -> NodeStatus:
        said = real(self)
        said.alerts.append(f"The kernel under {self.node} has no Landlock.")
        return said

    monkeypatch.setattr(SimulatedAgent, "status", status)
    up.up_server(machine, ServerWish())
    join(machine, JoinWish("server", name="alice"))
    assert [said for said in machine.said if "Landlock" in said] == [
        f"The kernel under {name} has no Landlock." for name in ("server", "alice")
    ]


@pytest.fixture
def lost(machine: SimulatedMachine, place: Path) -> SimulatedMachine:
    """A machine with a client whose world's disk is not mounted now."""
    up.up_server(machine, ServerWish())
    join(machine, JoinWish("server", name="alice", world=str(place)))
    (place / "world").mkdir()
    down.down(machine, "alice")
    (place / "world").rename(place.parent / "away")
    return machine


def test_field_F06_a_world_that_is_not_where_it_was_is_held(lost: SimulatedMachine, place: Path) -> None:
    before = lost.services("alice")
    for act in (
        lambda: up.up_node(lost, "alice"),
        lambda: join(lost, JoinWish("server", name="alice")),
        lambda: backup.backup(lost, backup.BackupWish("alice", str(place.parent / "x.fwrkit"), None, 0, ""), lambda piece: None),
    ):
        with pytest.raises(FwrError) as raised:
            act()
        assert (raised.value.code, str(place) in raised.value.message) == (ExitCode.HELD, True)
    assert (lost.services("alice"), list(place.iterdir())) == (before, [])
    [finding] = [each for each in doctor.doctor(lost) if each.check == "alice: world directory"]
    assert not finding.ok and "not where it was" in finding.message


def test_it_goes_on_when_the_world_is_back_or_is_to_be_fetched_again(lost: SimulatedMachine, place: Path) -> None:
    (place / "world").mkdir()  # what the hint says
    assert up.up_node(lost, "alice").node == "alice"
    assert lost.services("alice") == {"sync", "web"}


def test_a_node_that_never_came_to_have_a_world_is_started(machine: SimulatedMachine, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.docker.fails_to_start = True
    with pytest.raises(FwrError):
        up.up_server(machine, ServerWish(world=str(place)))
    machine.docker.fails_to_start = False
    assert up.up_node(machine, "server").node == "server"
