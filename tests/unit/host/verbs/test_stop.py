"""`down` and `rm` always work: whatever lies in a node's directory."""

from __future__ import annotations

import pytest

from fwrkit.host.verbs import up
from fwrkit.host.verbs.down import down
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.rm import check, remove
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


@pytest.fixture
def served(machine: SimulatedMachine) -> SimulatedMachine:
    up.up_server(machine, ServerWish())
    join(machine, JoinWish("server", name="alice"))
    return machine


def test_field_F37_down_works_where_compose_refuses(served: SimulatedMachine) -> None:
    served.docker.breaks_compose = True
    assert down(served, "alice").was_running
    assert served.services("alice") == set()
    assert served.home.network("alice", "site") not in served.docker.networks
    assert any("yaml: line 1" in said and "without Compose" in said for said in served.said), "it says what is wrong"


def test_a_server_keeps_its_networks_then_too(served: SimulatedMachine) -> None:
    served.docker.breaks_compose = True
    down(served, "server")
    assert (served.services("server"), served.services("alice")) == (set(), {"sync", "web"})
    assert served.home.network("server", "uplink") in served.docker.networks


def test_field_F37_rm_works_where_compose_refuses(served: SimulatedMachine) -> None:
    served.docker.breaks_compose = True
    assert len(remove(served, check(served, "alice"), with_volumes=True).removed_volumes) == 3
    assert (served.services("alice"), served.nodes.find("alice")) == (set(), None)


def test_without_a_compose_file_the_containers_go_all_the_same(served: SimulatedMachine) -> None:
    (served.nodes.directory("alice") / "compose.yaml").unlink()
    remove(served, check(served, "alice"), with_volumes=False)
    assert served.services("alice") == set()
    (served.nodes.directory("server") / "compose.yaml").unlink()
    down(served, "server")
    assert served.services("server") == set()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "alice"}'])
def test_a_node_whose_record_can_not_be_read_is_stopped_and_removed(served: SimulatedMachine, text: str) -> None:
    (served.nodes.directory("alice") / "node.json").write_text(text)
    assert down(served, "alice").was_running
    assert served.services("alice") == set()
    assert len(remove(served, check(served, "alice"), with_volumes=True).removed_volumes) == 3
    assert [node.name for node in served.nodes.all()] == ["server"]


def test_another_nodes_broken_record_holds_nothing_up(served: SimulatedMachine) -> None:
    join(served, JoinWish("server", name="bob"))
    (served.nodes.directory("bob") / "node.json").write_text("{")
    remove(served, check(served, "alice"), with_volumes=True)
    assert served.services("alice") == set()
