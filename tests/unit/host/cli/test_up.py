"""`fwrkit up`, as typed."""

from __future__ import annotations

import io
import re

import bcrypt
import pytest

from fwrkit.core.errors import ExitCode
from tests.unit.host.cli.conftest import Fwrkit
from tests.unit.host.simulated import SimulatedMachine


def test_it_says_what_to_do_next(fwrkit: Fwrkit) -> None:
    said = fwrkit("up", "server")
    assert said.status == 0
    assert "fwrkit join server" in said.out
    assert "this machine only" in said.out
    assert "Starting server" in said.err


def test_it_says_how_to_invite(fwrkit: Fwrkit) -> None:
    said = fwrkit("up", "server", "--name", "wiki", "--address", "wiki.example.org")
    assert "fwrkit invite NAME --server wiki" in said.out


@pytest.mark.parametrize("from_environment", [True, False])
def test_only_a_hash_of_the_password_is_kept(
    fwrkit: Fwrkit, machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch, from_environment: bool
) -> None:
    secret = "correct horse battery"
    if from_environment:
        monkeypatch.setenv("FWRKIT_CITIZEN_SITE_PASSWORD", secret)
    else:
        monkeypatch.setattr("sys.stdin", io.StringIO(secret + "\n"))
    assert fwrkit("up", "server", "--citizen-site", "password").status == 0
    kept = machine.nodes.get("server").citizen_site_hash
    assert re.fullmatch(r"citizen:\$2y\$10\$[./A-Za-z0-9]{53}", kept)
    assert bcrypt.checkpw(secret.encode(), kept.removeprefix("citizen:").replace("$2y$", "$2b$").encode())
    for path in machine.home.path.rglob("*"):
        assert path.is_dir() or secret not in path.read_text()


@pytest.mark.parametrize("secret", ["", "short", "x" * 73])
def test_a_password_that_protects_nothing_is_refused(fwrkit: Fwrkit, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("FWRKIT_CITIZEN_SITE_PASSWORD", secret)
    assert fwrkit("up", "server", "--citizen-site", "password").status == ExitCode.USAGE


def test_zone_and_proxy_are_options(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    assert fwrkit("up", "server", "--timezone", "Europe/Berlin", "--behind-proxy", "172.17.0.1").status == 0
    node = machine.nodes.get("server")
    assert (node.timezone, node.proxy) == ("Europe/Berlin", "172.17.0.1")
    assert fwrkit("join", "server", "--name", "alice", "--timezone", "Asia/Tokyo").status == 0
    assert machine.nodes.get("alice").timezone == "Asia/Tokyo"
    assert fwrkit("up", "alice", "--timezone", "UTC").status == 0
    assert machine.nodes.get("alice").timezone == "UTC"
    assert fwrkit("up", "alice", "--behind-proxy", "172.17.0.1").status == ExitCode.TAKEN, "a client is behind none"
    assert fwrkit("up", "server", "--behind-proxy", "nonsense").status == ExitCode.USAGE
