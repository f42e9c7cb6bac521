"""`status`: up or down, and the exit code that says so."""

from __future__ import annotations

import time

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import CitizenRecord, KeptRefusal
from fwrkit.host.verbs import up
from fwrkit.host.verbs.down import down
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.status import News, check_up, status
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def test_a_running_server_names_who_is_connected(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    join(machine, JoinWish("server", name="alice"))
    report = status(machine, "server")
    check_up(report)
    assert report.status is not None
    assert [each.citizen for each in report.status.connections] == ["alice"]


def test_a_node_that_is_down(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    down(machine, "server")
    report = status(machine, "server")
    assert (report.containers, report.status) == ("down", None)
    with pytest.raises(FwrError) as raised:
        check_up(report)
    assert (raised.value.code, raised.value.hint) == (ExitCode.UNREACHABLE, "Start it with: fwrkit up server")


def test_a_node_whose_agent_does_not_stay_up_says_why(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    error = '{"error": {"code": "HELD", "message": "The world is not where it was.", "hint": "Mount its disk."}}'
    machine.crash("server", "a line", error)
    machine.project(machine.nodes.get("server")).up()
    report = status(machine, "server")
    assert (report.containers, report.status) == ("restarting", None)
    with pytest.raises(FwrError) as raised:
        check_up(report)
    assert (raised.value.code, raised.value.message) == (ExitCode.HELD, "The world is not where it was.")
    down(machine, "server")
    assert status(machine, "server").fault == {}


def test_what_waits_is_told_to_whom_it_concerns(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    join(machine, JoinWish("server", name="alice"))
    republic = machine.republic
    republic.answers |= {"reviews": {"count": 3, "reviews": []}, "requests": {"open": True, "requests": [{}]}}
    republic.refused = [KeptRefusal(1, "a", "file", 3, 5.0, "No.", True), KeptRefusal(2, "a", "file", 3, time.time(), "No.", True)]
    republic.filters["muted"].append("bob")
    republic.roll = [CitizenRecord("alice", "citizen", 5)]
    assert status(machine, "server", with_news=True).news == News(refused=1, filters=1, reviews=3, requests=1)
    assert status(machine, "alice", with_news=True).news == News(refused=1, filters=1), "it is not theirs to decide"
    republic.roll = [CitizenRecord("alice", "official", 5)]
    assert status(machine, "alice", with_news=True).news == News(refused=1, filters=1, reviews=3, requests=1)
    republic.answers["reviews"] = FwrError(ExitCode.UNREACHABLE, "No.", "")
    assert status(machine, "alice", with_news=True).news == News(refused=1, filters=1), "the status was asked for"
    assert status(machine, "alice").news is None
