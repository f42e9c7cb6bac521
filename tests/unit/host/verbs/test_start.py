"""Bringing a node to life: ready before it returns, and said why when not."""

from __future__ import annotations

import socket

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import context, ports
from fwrkit.host.adapters.engine import Container
from fwrkit.host.adapters.nodes import Node
from fwrkit.host.verbs import start, up
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def test_it_returns_when_the_server_is_ready(machine: SimulatedMachine) -> None:
    machine.republic.starting = 3
    assert up.up_server(machine, ServerWish()).status.state == "in sync"
    assert machine.republic.starting == 0


def test_field_F36_it_returns_when_the_page_answers(machine: SimulatedMachine) -> None:
    machine.pages_late = 3
    up.up_server(machine, ServerWish())
    assert machine.pages_asked == 4
    machine.pages_asked = 0
    join(machine, JoinWish("server", name="alice"))
    assert machine.pages_asked == 4


def test_a_page_that_never_answers_is_said_and_holds_nothing_up(machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_PAGE_DEADLINE", 0.01)
    machine.pages_late = 10**6
    assert up.up_server(machine, ServerWish()).status.state == "in sync"
    assert "The pages of server do not answer after 0 s. See why: fwrkit logs server" in machine.said


def test_a_node_without_a_web_server_is_not_asked_for_pages(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    machine.pages_asked = 0
    del machine.docker.containers_of[machine.home.project("server")]["web"]
    start.wait_for_page(machine, machine.nodes.get("server"))
    assert machine.pages_asked == 0


def test_an_agent_that_never_is_ready_is_given_up_with_its_log(machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_AGENT_DEADLINE", 0.01)
    machine.republic.starting = 10**6
    machine.docker.logs[machine.home.container("server", "sync")] = [f"line {number}" for number in range(50)]
    with pytest.raises(FwrError) as raised:
        up.up_server(machine, ServerWish())
    assert raised.value.code == ExitCode.TIMED_OUT
    assert "fwrkit logs server" in raised.value.hint
    assert machine.said[-10:] == [f"  line {number}" for number in range(40, 50)]


def test_an_agent_that_keeps_ending_is_not_waited_for(machine: SimulatedMachine) -> None:
    machine.crash("server", "Traceback", "ValueError: no")
    with pytest.raises(FwrError) as raised:
        up.up_server(machine, ServerWish())
    assert raised.value.code == ExitCode.FAILED
    assert "ValueError: no" in raised.value.message


def test_what_an_agent_says_as_it_ends_is_the_error(machine: SimulatedMachine) -> None:
    machine.crash("server", '{"error": {"code": "NO_SPACE", "message": "The volume is full.", "hint": "Make room."}}', "exit")
    with pytest.raises(FwrError) as raised:
        up.up_server(machine, ServerWish())
    assert (raised.value.code, raised.value.message) == (ExitCode.NO_SPACE, "The volume is full.")


def test_a_port_that_was_taken_meanwhile_is_named(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    node = machine.nodes.get("server")
    machine.project(node).down()
    with socket.create_server(("127.0.0.1", node.http_port)), pytest.raises(FwrError) as raised:
        start.start(machine, node)
    assert raised.value.code == ExitCode.TAKEN
    assert "--http-port" in raised.value.hint


def test_its_own_ports_are_not_taken(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    node = machine.nodes.get("server")
    with socket.create_server(("127.0.0.1", node.http_port)), socket.create_server(("127.0.0.1", node.ssh_port)):
        start.start(machine, node)  # its containers run, so it is they who listen


def test_left_over_containers_are_made_anew(machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    up.up_server(machine, ServerWish())
    node = machine.nodes.get("server")
    project, recreated = machine.project(node), []

    def fails() -> None:
        raise FwrError(ExitCode.FAILED, "network not found", "")

    monkeypatch.setattr(project, "up", fails)
    monkeypatch.setattr(project, "recreate", lambda: recreated.append(True))
    monkeypatch.setattr(machine, "project", lambda _: project)
    start.start(machine, node)
    assert recreated


def test_without_images_and_their_sources_there_is_a_hint(machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> context.BuildContext:
        raise FwrError(ExitCode.NOT_FOUND, "The directory 'images' of fwrkit is missing.", "")

    monkeypatch.setattr(context, "load", missing)
    machine.docker.lacks_images = True
    with pytest.raises(FwrError) as raised:
        up.up_server(machine, ServerWish())
    assert (raised.value.code, bool(raised.value.hint)) == (ExitCode.NOT_FOUND, True)


def quicker(machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """Have somebody else take a node's web port after it was chosen and before it is published; return what listens."""
    found: list[socket.socket] = []
    check = start.check_ports

    def late(node: Node, containers: dict[str, Container]) -> None:
        if not found:
            found.append(socket.create_server(("127.0.0.1", node.http_port)))
        check(node, containers)

    monkeypatch.setattr(start, "check_ports", late)
    return found


def test_a_new_node_takes_another_port_where_somebody_was_quicker(machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    listening = quicker(machine, monkeypatch)
    made = up.up_server(machine, ServerWish())
    taken = listening[0].getsockname()[1]
    listening[0].close()
    assert machine.nodes.get("server").http_port != taken
    assert str(taken) not in made.urls["tourist"]
    assert made.ssh_port == machine.nodes.get("server").ssh_port


def test_a_port_that_was_asked_for_is_not_changed(machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    listening = quicker(machine, monkeypatch)
    with pytest.raises(FwrError) as raised:
        up.up_server(machine, ServerWish(http_port=ports.choose(20600, (), "127.0.0.1")))
    listening[0].close()
    assert raised.value.code == ExitCode.TAKEN
