"""The rendered compose files, against golden ones: a change of what runs on people's machines is seen in review.

After a wanted change: ``GOLDEN=write .venv/bin/pytest tests/unit/host/adapters/test_templates.py``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

import fwrkit
from fwrkit.host.adapters import templates, timezones
from fwrkit.host.adapters.home import Home
from fwrkit.host.adapters.nodes import Node

GOLDEN = Path(__file__).parents[3] / "golden" / "compose"
HOME = Home(Path("/home/ada/.local/share/fwrkit"))

SERVER = {
    "name": "server",
    "role": "server",
    "node_id": "0123456789ab",
    "citizen": "ada",
    "http_port": 8011,
    "ssh_port": 2211,
    "template": "dokuwiki",
    "world_name": "world",
    "image": "fwrkit-server:1-abc",
}
CLIENT = {
    "name": "alice",
    "role": "client",
    "node_id": "ba9876543210",
    "citizen": "alice",
    "http_port": 20011,
    "world_name": "world",
    "image": "fwrkit-client:1-abc",
}
NODES: dict[str, dict[str, Any]] = {
    "server": SERVER,
    "server-address": {**SERVER, "address": "wiki.example.org", "citizen_site_hash": "citizen:$2y$10$abcdefghijklmnopqrstuv"},
    "server-directory": {**SERVER, "world_dir": '/srv/our "world" $HOME', "uid": 1000, "gid": 1000, "settings": '{"history_quiet": 0.1}'},
    "server-proxy": {**SERVER, "proxy": "127.0.0.1,10.0.0.0/8", "timezone": "Asia/Tokyo"},
    "server-drill": {**SERVER, "name": "drill-0a1b", "http_port": 0, "ssh_port": 0, "is_drill": True},
    "peer": {**SERVER, "name": "alice-peer", "citizen": "alice-peer", "upstream": "server", "is_peer": True},
    "peer-address": {
        **SERVER,
        "name": "alice-peer",
        "citizen": "alice-peer",
        "remote": "wiki.example.org:2211",
        "is_peer": True,
        "address": "alice.example.org",
    },
    "client": {**CLIENT, "upstream": "server"},
    "client-remote": {**CLIENT, "remote": "wiki.example.org:2211"},
    "client-directory": {**CLIENT, "upstream": "server", "world_dir": "/home/alice/world", "uid": 1000, "gid": 1000},
}


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's time zone."""
    monkeypatch.setattr(timezones, "of_machine", lambda: "Europe/Berlin")


def rendered(name: str) -> str:
    return templates.render(Node(**NODES[name]), HOME).replace(f"fwrkit {fwrkit.__version__} ", "fwrkit VERSION ")


@pytest.mark.parametrize("name", NODES)
def test_rendered_files_are_the_golden_ones(name: str) -> None:
    path = GOLDEN / f"{name}.yaml"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(rendered(name))
    assert rendered(name) == path.read_text()


@pytest.mark.parametrize("name", NODES)
def test_every_service_is_confined(name: str) -> None:
    document = yaml.safe_load(rendered(name))
    for service, body in document["services"].items():
        assert body["read_only"] is True, service
        assert body["cap_drop"] == ["ALL"], service
        assert body["security_opt"] == ["no-new-privileges:true"], service
    for service in ("sync", "web"):
        body = document["services"][service]
        assert body["mem_limit"] and body["pids_limit"] and body["healthcheck"]
        assert body["restart"] == ("no" if "is_drill" in NODES[name] else "unless-stopped")


@pytest.mark.parametrize("name", NODES)
def test_web_has_no_keys_no_state_and_another_network(name: str) -> None:
    services = yaml.safe_load(rendered(name))["services"]
    assert {volume["target"] for volume in services["web"]["volumes"]} == {"/srv/fwr"}
    assert not set(services["web"].get("networks", [])) & set(services["sync"].get("networks", []))
    assert services["web"]["volumes"][0].get("read_only", False) is (NODES[name]["role"] == "server")
    assert "cap_add" not in services["web"]


@pytest.mark.parametrize("name", [name for name in NODES if NODES[name]["role"] == "client"])
def test_a_client_has_no_capability_and_publishes_nothing_but_its_web_on_loopback(name: str) -> None:
    services = yaml.safe_load(rendered(name))["services"]
    assert "cap_add" not in services["sync"]
    assert "ports" not in services["sync"]
    assert services["sync"]["user"] == f"{NODES[name].get('uid', 2011)}:{NODES[name].get('gid', 2011)}"
    assert [port["host_ip"] for port in services["web"]["ports"]] == ["127.0.0.1"]


def test_a_drill_reaches_nothing_and_does_not_come_back() -> None:
    document = yaml.safe_load(rendered("server-drill"))
    assert "networks" not in document
    for body in document["services"].values():
        assert body["network_mode"] == "none"
        assert not {"networks", "ports"} & set(body)


def test_a_peer_is_in_the_network_of_the_server_on_this_machine_under_its_own_name() -> None:
    document, server = yaml.safe_load(rendered("peer")), yaml.safe_load(rendered("server"))
    assert document["services"]["sync"]["networks"] == {"uplink": {"aliases": ["alice-peer.fwr"]}}
    assert document["networks"]["uplink"] == {"name": HOME.network("server", "uplink"), "external": True}
    assert document["services"]["sync"]["cap_add"] == server["services"]["sync"]["cap_add"]
    elsewhere = yaml.safe_load(rendered("peer-address"))
    assert "external" not in elsewhere["networks"]["uplink"]
    assert {port["host_ip"] for port in elsewhere["services"]["sync"]["ports"]} == {"0.0.0.0"}


def test_without_an_address_a_server_is_for_this_machine_only() -> None:
    services = yaml.safe_load(rendered("server"))["services"]
    assert {port["host_ip"] for service in services.values() for port in service["ports"]} == {"127.0.0.1"}


def test_what_a_person_chose_is_not_interpolated() -> None:
    document = yaml.safe_load(rendered("server-directory"))
    assert document["services"]["sync"]["volumes"][0]["source"] == '/srv/our "world" $$HOME'
