"""`handover`: a file for the successor, then the way for everybody."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fwrkit.core import moves
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs import handover, up
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


@pytest.fixture
def served(machine: SimulatedMachine) -> SimulatedMachine:
    up.up_server(machine, ServerWish(citizen="ada"))
    join(machine, JoinWish("server", name="alice"))
    machine.republic.answers["handover"] = {"citizen": "alice", "sealed": "sealed for alice\n"}
    machine.republic.answers["handover-finish"] = {"host": "next.fwr", "port": 2222}
    machine.republic.answers["handover-cancel"] = {}
    return machine


def test_the_key_goes_into_a_new_file_that_only_its_owner_reads(served: SimulatedMachine, tmp_path: Path) -> None:
    made = handover.begin(served, "server", "alice", str(tmp_path / "key.age"))
    assert (made.step, made.citizen) == ("begun", "alice")
    assert (tmp_path / "key.age").read_text() == "sealed for alice\n"
    assert stat.S_IMODE((tmp_path / "key.age").stat().st_mode) == 0o600
    with pytest.raises(FwrError) as raised:
        handover.begin(served, "server", "alice", str(tmp_path / "key.age"))
    assert raised.value.code == ExitCode.TAKEN
    served.republic.answers["handover"] = FwrError(ExitCode.REFUSED, "bob is no official.", "Make them one.")
    with pytest.raises(FwrError):
        handover.begin(served, "server", "bob", str(tmp_path / "other.age"))
    assert not (tmp_path / "other.age").exists(), "no half file"


def test_the_way_is_a_line_or_a_server_of_this_machine(served: SimulatedMachine) -> None:
    up.up_server(served, ServerWish(name="local"))
    with pytest.raises(FwrError) as raised:
        handover.finish(served, "server", "local")
    assert raised.value.code == ExitCode.REFUSED, "nobody elsewhere would find it"
    up.up_server(served, ServerWish(name="next", address="next.example.org"))
    assert handover.finish(served, "server", "next").place == "next.fwr:2222"
    line = [given["line"] for _, what, given in served.republic.asked if what == "handover-finish"][-1]
    assert moves.decode(line).host == "next.example.org"
    assert handover.finish(served, "server", line).step == "finished"
    assert handover.cancel(served, "server").step == "cancelled"


def test_a_client_hands_nothing_over(served: SimulatedMachine, tmp_path: Path) -> None:
    with pytest.raises(FwrError) as raised:
        handover.begin(served, "alice", "alice", str(tmp_path / "key.age"))
    assert raised.value.code == ExitCode.USAGE
    assert not (tmp_path / "key.age").exists()
