# ruff: noqa: F811 - fixtures of another test, by their names
"""What is about whole volumes, as the command line says it: a peer is founded from a client's keys."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent import volume_verbs
from fwrkit.agent.citizen.ssh import Upstream, write_upstream
from fwrkit.agent.keys import make_key
from fwrkit.agent.settings import Places
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.server.test_founding import Old, old, open_store, places  # noqa: F401 - fixtures

ENVIRONMENT = {
    "FWRKIT_ROLE": "server", "FWRKIT_NODE": "alice-peer", "FWRKIT_NODE_ID": "0123456789ab", "FWRKIT_CITIZEN": "alice-peer",
    "FWRKIT_WORLD_NAME": "commons", "FWRKIT_TEMPLATE": "static",
}  # fmt: skip


@pytest.fixture
def client(tmp_path: Path) -> Path:
    """The keys volume of a client."""
    keys = tmp_path / "client-keys"
    keys.mkdir()
    key = make_key(tmp_path / "authority", "authority")
    write_upstream(keys, Upstream("server.fwr", 2222, "00112233aabbccdd", "commons", "alice", key))
    return keys


def found(places: Places, old: Old, *more: str) -> dict[str, Any] | None:
    parser = argparse.ArgumentParser()
    volume_verbs.add_parsers(parser.add_subparsers(dest="verb"))
    old.past.write(
        "fwrkit", {path.relative_to(old.world).as_posix().encode(): path.read_bytes() for path in (old.world / ".fwr").rglob("*.*")}
    )
    return volume_verbs.do(parser.parse_args(["found", f"--world={old.volume}", f"--history={old.state}", *more]), places)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_a_peer_is_founded_from_a_client_s_keys(places: Places, old: Old, client: Path, tmp_path: Path) -> None:
    answer = found(places, old, f"--succeed={client}", "--peer")
    assert answer is not None and (answer["id"], answer["name"]) == ("00112233aabbccdd", "commons")
    store = open_store(places)
    assert store.meta("peer") == "yes"
    store.close()
    trusted = " ".join((tmp_path / "authority.pub").read_text().split()[:2])
    assert (places.keys / "authorities.pub").read_text() == f"{trusted}\n"
    assert (places.keys / "authorities-former.pub").read_text() == "", "what is valid is not former"


def test_a_peer_has_no_authority(places: Places, old: Old, client: Path) -> None:
    with pytest.raises(FwrError) as raised:
        found(places, old, f"--succeed={client}", "--peer", "--authority")
    assert raised.value.code is ExitCode.USAGE
    assert not list(places.keys.iterdir())


def test_what_is_no_client_can_not_serve_beside_its_server(places: Places, old: Old, tmp_path: Path) -> None:
    server = tmp_path / "server-keys"
    server.mkdir()
    (server / "authorities.pub").write_text(make_key(tmp_path / "key", "") + "\n")
    for keys in (server, tmp_path / "state"):
        with pytest.raises(FwrError) as raised:
            found(places, old, f"--succeed={keys}", "--peer")
        assert raised.value.code is ExitCode.HELD
