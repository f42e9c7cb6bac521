"""`up`: make, start, repeat, refuse."""

from __future__ import annotations

import dataclasses
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs import rm, up
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def owned(path: Path) -> Path:
    """Return a directory that is a person's, as --world wants it, whoever runs the tests."""
    import os

    path.mkdir()
    if os.geteuid() == 0:
        os.chown(path, 1000, 1000)
    return path


def test_a_server_is_made_and_started(machine: SimulatedMachine) -> None:
    made = up.up_server(machine, ServerWish(citizen="ada"))
    assert (made.node, made.role, made.is_new, made.is_joined, made.address) == ("server", "server", True, True, "")
    assert machine.services("server") == {"sync", "web"}
    assert made.urls == {"tourist": f"http://localhost:{machine.nodes.get('server').http_port}/fwr_tour/"}
    assert machine.nodes.get("server").citizen == "ada"


def test_repeating_it_changes_nothing(machine: SimulatedMachine) -> None:
    first = up.up_server(machine, ServerWish())
    before = machine.nodes.get("server")
    second = up.up_server(machine, ServerWish(template="dokuwiki"))
    assert machine.nodes.get("server") == before
    assert dataclasses.replace(second, is_new=True, status=first.status) == first


def test_a_second_call_finishes_what_the_first_began(machine: SimulatedMachine) -> None:
    machine.docker.fails_to_start = True
    with pytest.raises(FwrError):
        up.up_server(machine, ServerWish(address="wiki.example.org"))
    begun = machine.nodes.get("server")
    machine.docker.fails_to_start = False
    assert up.up_server(machine, ServerWish()).address == "wiki.example.org"
    assert (machine.nodes.get("server").node_id, machine.nodes.get("server").ssh_port) == (begun.node_id, begun.ssh_port)


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"name": "Server"}, ExitCode.USAGE),
        ({"name": "a--b"}, ExitCode.USAGE),
        ({"template": "joomla"}, ExitCode.USAGE),
        ({"citizen": "Ada Lovelace"}, ExitCode.USAGE),
        ({"address": "http://x"}, ExitCode.USAGE),
        ({"http_port": 0}, ExitCode.USAGE),
        ({"ssh_port": 65536}, ExitCode.USAGE),
        ({"world": "/there/is/no/such/directory"}, ExitCode.NOT_FOUND),
        ({"world": "/tmp/a\nb"}, ExitCode.USAGE),
        ({"world": "/tmp/\udcff"}, ExitCode.USAGE),
    ],
)
def test_a_bad_wish_changes_nothing(machine: SimulatedMachine, wish: dict[str, Any], code: ExitCode) -> None:
    with pytest.raises(FwrError) as raised:
        up.up_server(machine, ServerWish(**wish))
    assert raised.value.code == code
    assert raised.value.hint
    assert machine.nodes.all() == []
    assert machine.docker == type(machine.docker)()


@pytest.mark.parametrize("wish", [{"template": "static"}, {"address": "other.example.org"}, {"citizen": "eve"}, {"world": "/tmp"}])
def test_what_a_server_is_does_not_change_in_passing(machine: SimulatedMachine, wish: dict[str, Any]) -> None:
    up.up_server(machine, ServerWish(citizen="ada"))
    with pytest.raises(FwrError) as raised:
        up.up_server(machine, ServerWish(**wish))
    assert raised.value.code == ExitCode.TAKEN


def test_a_port_that_somebody_has_is_refused(machine: SimulatedMachine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(FwrError) as raised:
            up.up_server(machine, ServerWish(http_port=port))
        assert raised.value.code == ExitCode.TAKEN
        assert machine.nodes.all() == []


def test_ports_move_when_told(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
    assert str(free) in up.up_server(machine, ServerWish(http_port=free)).urls["tourist"]
    with pytest.raises(FwrError) as raised:
        machine.nodes.save(dataclasses.replace(machine.nodes.get("server"), name="alice", role="client"))
        up.up_node(machine, "alice", ssh_port=free + 1)
    assert raised.value.code == ExitCode.USAGE


def test_how_patient_a_client_is(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    machine.nodes.save(dataclasses.replace(machine.nodes.get("server"), name="alice", role="client", settings='{"walk_every": 5}'))
    up.up_node(machine, "alice", patience=7)
    assert json.loads(machine.nodes.get("alice").settings) == {"walk_every": 5, "server_patience": 7}
    up.up_node(machine, "alice")
    assert json.loads(machine.nodes.get("alice").settings)["server_patience"] == 7, "it stays as it was said"
    for name, patience in (("alice", 0), ("alice", 86401), ("server", 7)):
        with pytest.raises(FwrError) as raised:
            up.up_node(machine, name, patience=patience)
        assert raised.value.code == ExitCode.USAGE


def test_two_servers_have_different_ports_and_worlds(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    up.up_server(machine, ServerWish(name="wiki"))
    one, other = machine.nodes.get("server"), machine.nodes.get("wiki")
    assert len({one.http_port, one.ssh_port, other.http_port, other.ssh_port}) == 4
    assert (one.world_name, other.world_name) == ("world", "wiki")


def test_a_password_can_be_given_to_a_server_that_exists(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    assert "citizens" in up.up_server(machine, ServerWish(citizen_site_hash="citizen:$2y$10$x")).urls
    text = (machine.nodes.directory("server") / "compose.yaml").read_text()
    assert 'FWRKIT_CITIZEN_SITE_HASH: "citizen:$$2y$$10$$x"' in text


def test_a_world_directory_belongs_to_one_node(machine: SimulatedMachine, tmp_path: Path) -> None:
    place = owned(tmp_path / "world")
    up.up_server(machine, ServerWish(world=str(place)))
    inner = owned(place / "inner")
    for other in (place, inner, tmp_path):
        with pytest.raises(FwrError) as raised:
            up.up_server(machine, ServerWish(name="wiki", world=str(other)))
        assert raised.value.code in (ExitCode.TAKEN, ExitCode.REFUSED)
    assert [node.name for node in machine.nodes.all()] == ["server"]


def test_a_world_directory_that_vanished_stops_the_node(machine: SimulatedMachine, tmp_path: Path) -> None:
    place = owned(tmp_path / "world")
    up.up_server(machine, ServerWish(world=str(place)))
    place.rmdir()
    with pytest.raises(FwrError) as raised:
        up.up_node(machine, "server")
    assert raised.value.code == ExitCode.NOT_FOUND


def test_a_node_that_is_made_again_takes_up_its_volumes(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    before = machine.nodes.get("server").node_id
    rm.remove(machine, machine.nodes.get("server"), with_volumes=False)
    up.up_server(machine, ServerWish())
    assert machine.nodes.get("server").node_id == before


def test_a_client_that_never_joined_says_so(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    machine.republic.is_reachable = False
    with pytest.raises(FwrError):
        join(machine, JoinWish("server", name="alice"))
    assert not up.up_node(machine, "alice").is_joined


def test_an_unknown_node_is_not_found(machine: SimulatedMachine) -> None:
    with pytest.raises(FwrError) as raised:
        up.up_node(machine, "alice")
    assert raised.value.code == ExitCode.NOT_FOUND


# the time zone, and a proxy before the server


def zones(machine: SimulatedMachine, name: str) -> list[str]:
    """Return the time zones that a node's services are rendered with."""
    text = (machine.nodes.directory(name) / "compose.yaml").read_text()
    return [line.partition(": ")[2].strip('"') for line in text.splitlines() if line.strip().startswith("TZ: ")]


def test_field_F27_both_services_have_the_machines_zone(machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    up.up_server(machine, ServerWish())
    join(machine, JoinWish("server", name="alice"))
    assert zones(machine, "server") == zones(machine, "alice") == ["Europe/Berlin"] * 2
    monkeypatch.setenv("TZ", "Asia/Tokyo")  # whoever travels takes the laptop along
    up.up_node(machine, "alice")
    assert zones(machine, "alice") == ["Asia/Tokyo"] * 2


def test_a_zone_that_is_named_stays(machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    up.up_server(machine, ServerWish(timezone="Asia/Tokyo"))
    join(machine, JoinWish("server", name="alice", timezone="UTC"))
    up.up_node(machine, "server")
    assert (zones(machine, "server"), zones(machine, "alice")) == (["Asia/Tokyo"] * 2, ["UTC"] * 2)
    up.up_server(machine, ServerWish(timezone="Europe/Berlin"))
    join(machine, JoinWish("server", name="alice", timezone="Asia/Tokyo"))
    assert (zones(machine, "server"), zones(machine, "alice")) == (["Europe/Berlin"] * 2, ["Asia/Tokyo"] * 2)
    up.up_node(machine, "alice", timezone="UTC")
    assert zones(machine, "alice") == ["UTC"] * 2


def test_a_zone_that_is_none_changes_nothing(machine: SimulatedMachine) -> None:
    for act in (
        lambda: up.up_server(machine, ServerWish(timezone="Middle-earth/Shire")),
        lambda: join(machine, JoinWish("server", timezone="../x")),
    ):
        with pytest.raises(FwrError) as raised:
            act()
        assert raised.value.code is ExitCode.USAGE
    assert machine.nodes.all() == []


def proxy(machine: SimulatedMachine) -> list[str]:
    """Return the line about a proxy in the server's compose file."""
    text = (machine.nodes.directory("server") / "compose.yaml").read_text()
    return [line.strip() for line in text.splitlines() if "FWRKIT_BEHIND_PROXY" in line]


def test_field_F28_a_proxy_is_trusted_by_its_address_and_by_nothing_else(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    assert proxy(machine) == []
    up.up_server(machine, ServerWish(proxy="172.17.0.1"))
    assert proxy(machine) == ['FWRKIT_BEHIND_PROXY: "172.17.0.1"']
    up.up_server(machine, ServerWish(proxy="10.0.0.0/8, fd00::1"))
    assert proxy(machine) == ['FWRKIT_BEHIND_PROXY: "10.0.0.0/8,fd00::1"']
    up.up_node(machine, "server")
    assert proxy(machine) == ['FWRKIT_BEHIND_PROXY: "10.0.0.0/8,fd00::1"'], "it stays"
    for text in ("proxy.example.org", "1.2.3", "10.0.0.1/8", "10.0.0.1,", "10.0.0.1;x", "10.0.0.1\nX: y"):
        with pytest.raises(FwrError) as raised:
            up.up_server(machine, ServerWish(proxy=text))
        assert raised.value.code is ExitCode.USAGE, text
    up.up_server(machine, ServerWish(proxy=""))
    assert proxy(machine) == []
