"""`drill`: a server on copies that is always removed again, and what was found out by it."""

from __future__ import annotations

import dataclasses

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import Finding
from fwrkit.host.verbs import drill, ls, rm, start, up
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host import simulated
from tests.unit.host.simulated import AUTHORITY, SimulatedMachine


@pytest.fixture
def world(machine: SimulatedMachine) -> SimulatedMachine:
    up.up_server(machine, ServerWish(citizen="ada"))
    join(machine, JoinWish("server", name="alice"))
    machine.docker.given.clear()
    return machine


def what_is_there(machine: SimulatedMachine) -> tuple[object, ...]:
    docker = machine.docker
    nodes = {node.name: node for node in (*machine.nodes.all(), *machine.nodes.drills())}
    return nodes, {name: dict(found) for name, found in docker.containers_of.items()}, {
        name: dict(found) for name, found in docker.volumes_of.items() if found
    }, set(docker.networks), sorted(path.name for path in machine.home.nodes.iterdir())  # fmt: skip


def test_a_world_that_would_survive(world: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    before, seen = what_is_there(world), []
    real = start.start

    def started(machine: SimulatedMachine, node: object) -> object:
        seen.append((machine.nodes.all(), machine.nodes.drills(), ls.ls(machine)))
        return real(machine, node)  # type: ignore[arg-type]

    monkeypatch.setattr(drill, "start", started)
    findings = drill.succession(world, "alice")
    assert [(each.check, each.ok) for each in findings] == [
        (name, True) for name in ("behind", "copy", "large files", "server", "files")
    ]  # fmt: skip
    assert what_is_there(world) == before, "nothing is left, and nobody was touched"
    [(name, words, mounts)] = world.docker.founded
    assert name.startswith("drill-") and words[-1] == "--succeed=/from/keys"
    assert set(mounts) == {world.home.volume("alice", key) for key in ("world", "state", "keys")}
    assert world.docker.given == [None], "no authority"
    [(all_nodes, drills, listed)] = seen
    assert ([node.name for node in all_nodes], [node.name for node in drills]) == (["alice", "server"], [name])
    assert listed[-1].node == name, "who looks meanwhile sees what it is"
    assert world.republic.looked_up[-1] == (name, ("a" * 40, "alice-drill", [AUTHORITY]))


def test_of_a_server_its_own_copy_is_taken(world: SimulatedMachine) -> None:
    findings = drill.succession(world, "server")
    assert findings[0].message == "server is the server itself."
    assert world.docker.founded[0][2][world.home.volume("server", "keys")] == "/from/keys"
    assert world.republic.looked_up[-1][1] == ("a" * 40, "ada-drill", [AUTHORITY])


def test_what_is_missing_is_said(world: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    world.republic.answers["standing"] = {"is_connected": True, "missing": 1234, "trusted": [AUTHORITY]}
    monkeypatch.setitem(simulated.FOUNDED, "lost", 7)
    monkeypatch.setitem(simulated.FOUNDED, "is_still", False)
    behind, copy, large, _, _ = drill.succession(world, "alice")
    assert (behind.ok, "1,234 versions" in behind.message) == (False, True)
    assert (copy.ok, "all the time" in copy.hint, "7 old contents" in large.message) == (True, True, True)


@pytest.mark.parametrize("step", ["founding", "start", "look", "interrupt"])
def test_whatever_happens_nothing_is_left(world: SimulatedMachine, step: str) -> None:
    before = what_is_there(world)
    error = FwrError(ExitCode.FAILED, "The roll can not be read.", "Take an older version.")
    if step == "founding":
        world.docker.founding = error
    elif step == "start":
        world.docker.fails_to_start = True
    else:
        world.republic.drilled = error if step == "look" else KeyboardInterrupt()
    if step == "interrupt":
        with pytest.raises(KeyboardInterrupt):
            drill.succession(world, "alice")
    else:
        last = drill.succession(world, "alice")[-1]
        assert (last.check, last.ok) == ({"founding": "copy", "start": "server", "look": "drill"}[step], False)
    assert what_is_there(world) == before


def test_what_a_killed_one_left_is_removed_by_the_next(world: SimulatedMachine) -> None:
    before = what_is_there(world)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rm, "remove", lambda *_, **__: None)  # no time to
        drill.succession(world, "alice")
    [left] = world.nodes.drills()
    assert (world.nodes.get(left.name).is_drill, [node.name for node in world.nodes.all()]) == (True, ["alice", "server"])
    assert drill.succession(world, "alice")[-1] == Finding("files", True, "All are there.")
    assert what_is_there(world) == before


def test_what_can_not_be_played(world: SimulatedMachine) -> None:
    def code(name: str = "alice") -> ExitCode:
        with pytest.raises(FwrError) as raised:
            drill.succession(world, name)
        assert raised.value.hint
        return raised.value.code

    assert code("nobody") == ExitCode.NOT_FOUND
    with world.nodes.drilling():
        assert code() == ExitCode.TAKEN
    world.republic.answers["standing"] = FwrError(ExitCode.REFUSED, "alice is no official.", "Have an official do it.")
    assert code() == ExitCode.REFUSED
    world.nodes.save(dataclasses.replace(world.nodes.get("alice"), is_joined=False))
    assert code() == ExitCode.USAGE
    world.project(world.nodes.get("alice")).down()
    assert code() == ExitCode.UNREACHABLE
    assert world.docker.founded == []
