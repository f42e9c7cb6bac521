"""`fwrkit status`: what may be looked at, and what to type for it."""

from __future__ import annotations

import time

import pytest

from fwrkit.core.records import KeptRefusal, NodeStatus
from fwrkit.host.cli.status import _sentence
from tests.unit.host.cli.conftest import Fwrkit
from tests.unit.host.simulated import SimulatedMachine


def test_what_waits_is_said_with_what_to_type(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    fwrkit("up", "server")
    assert "See:" not in fwrkit("status", "server").out
    machine.republic.answers |= {"reviews": {"count": 1, "reviews": []}, "requests": {"open": True, "requests": [{}, {}]}}
    machine.republic.refused = [KeptRefusal(1, "a", "file", 3, time.time(), "No.", True)]
    machine.republic.filters["ignored"].append("*.mp4")
    said = fwrkit("status", "server").out.splitlines()
    assert [line for line in said if "See:" in line] == [
        "2 ask to be let in. See: fwrkit requests --node server",
        "1 change waits for an official. See: fwrkit review --node server",
        "1 edit was refused and undone here in the last day. See: fwrkit refused --node server",
        "This node leaves something out (1 filter). See: fwrkit filters --node server",
    ]


@pytest.mark.parametrize(
    ("state", "pending", "sentence"),
    [
        ("in sync", 0, "in sync"),
        ("waiting", 0, "waiting"),
        ("waiting", 1, "waiting with 1 change"),
        ("offline", 2, "offline, 2 changes waiting: No answer."),
    ],
)
def test_a_state_is_a_sentence(state: str, pending: int, sentence: str) -> None:
    detail = "No answer." if state == "offline" else ""
    said = NodeStatus("alice", "client", "alice", "w", "id", state, 1.0, 2.0, pending=pending, detail=detail)
    assert _sentence(said) == sentence
