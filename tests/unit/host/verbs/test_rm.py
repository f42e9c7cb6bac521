"""`rm`: what goes, what stays."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs import rm, up
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


@pytest.fixture
def served(machine: SimulatedMachine) -> SimulatedMachine:
    up.up_server(machine, ServerWish())
    join(machine, JoinWish("server", name="alice"))
    return machine


def test_a_server_that_is_followed_here_stays(served: SimulatedMachine) -> None:
    with pytest.raises(FwrError) as raised:
        rm.check(served, "server")
    assert raised.value.code == ExitCode.REFUSED
    assert "alice" in raised.value.message


def test_volumes_stay_unless_asked(served: SimulatedMachine) -> None:
    removed = rm.remove(served, rm.check(served, "alice"), with_volumes=False)
    assert (removed.removed_volumes, len(removed.kept_volumes)) == ([], 3)
    assert served.nodes.find("alice") is None
    assert served.services("alice") == set()
    assert sorted(served.docker.volumes(served.home.project("alice"))) == removed.kept_volumes


def test_volumes_go_when_asked(served: SimulatedMachine) -> None:
    removed = rm.remove(served, rm.check(served, "alice"), with_volumes=True)
    assert (len(removed.removed_volumes), removed.kept_volumes) == (3, [])
    assert served.docker.volumes(served.home.project("alice")) == {}
    assert len(served.docker.volumes(served.home.project("server"))) == 3


def test_what_never_started_goes_too(served: SimulatedMachine) -> None:
    served.nodes.save(served.nodes.get("alice").__class__(name="half", role="client", node_id="x", citizen="half", http_port=20011))
    rm.remove(served, rm.check(served, "half"), with_volumes=True)
    assert served.nodes.find("half") is None
