"""A client's certificate and key: renewed in time, and changed without ever having neither."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent import joining
from fwrkit.agent.citizen.ssh import Upstream, read_upstream, write_upstream
from fwrkit.agent.credentials import Credentials, validity
from fwrkit.agent.keys import make_key, public_key
from fwrkit.agent.server.authority import Authority
from fwrkit.core.errors import ExitCode, FwrError

DAY = 86400


class Machine:
    """A node's keys, and a server that knows one key of it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.keys = root / "keys"
        self.keys.mkdir()
        (root / "server").mkdir()
        self.authority = Authority(root / "server", None)
        self.authority.create()
        self.now = time.time()
        self.is_connected = True
        self.wanted = 0
        self.asked: list[str] = []
        self.known = make_key(self.keys / "node", "")
        write_upstream(self.keys, Upstream("h", 1, "w" * 16, "Utopia", "alice", self.authority.public))
        (self.keys / "node-cert.pub").write_text(self.answer(90 * DAY)["certificate"])
        self.now = time.time()
        self.credentials = Credentials(self.keys, "n", self.ask, lambda: self.is_connected, lambda: self.wanted, lambda: self.now)
        monkeypatch.setattr(joining, "renew", self.renew)

    def answer(self, life: int = 90 * DAY) -> dict[str, Any]:
        certificate = self.authority.citizen_certificate(self.known, "alice", "c-alice", 1, life)
        return {"certificate": certificate, "authorities": self.authority.all_public}

    def ask(self, verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(verb)
        if not self.is_connected:
            raise FwrError(ExitCode.UNREACHABLE, "Out of reach.", "")
        if verb == "change-key":
            self.known = str(arguments["public_key"])
        return self.answer()

    def renew(self, keys: Path, upstream: Upstream, key: Path) -> dict[str, Any]:
        self.asked.append(f"renew by {key.name}")
        if public_key(key) != self.known:
            raise FwrError(ExitCode.REFUSED, "The server does not know this key.", "")
        return self.answer()

    def certificate(self) -> str:
        return (self.keys / "node-cert.pub").read_text()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_a_certificate_tells_when_it_is_valid(machine: Machine) -> None:
    valid = validity(machine.certificate())
    assert valid.since < machine.now < valid.until
    for text in ("", "x", "ssh-ed25519 AAAA", "ssh-ed25519-cert-v01@openssh.com " + "A" * 40):
        with pytest.raises((ValueError, IndexError)):
            validity(text)


def test_it_is_renewed_once_a_day_while_there_is_a_connection(machine: Machine) -> None:
    machine.credentials.tend()
    assert machine.asked == []
    machine.now += DAY + 60
    machine.is_connected = False
    machine.credentials.tend()
    assert machine.asked == [], "offline is a normal state"
    machine.is_connected = True
    machine.credentials.tend()
    assert machine.asked == ["renew"]
    os.utime(machine.keys / "node-cert.pub", (machine.now, machine.now))
    machine.now += 3600
    machine.credentials.tend()
    assert machine.asked == ["renew"]


def test_who_was_away_until_it_expired_is_let_in_by_the_key_alone(machine: Machine) -> None:
    machine.now += 91 * DAY
    machine.is_connected = False
    machine.credentials.tend()
    assert machine.asked == ["renew by node"]
    assert read_upstream(machine.keys) is not None
    machine.credentials.tend()
    assert machine.asked == ["renew by node"], "not more often than every few minutes"


def test_a_new_authority_is_learnt(machine: Machine) -> None:
    machine.authority.begin_rotation()
    machine.now += 2 * DAY
    machine.credentials.tend()
    upstream = read_upstream(machine.keys)
    assert upstream is not None and upstream.trusted == tuple(machine.authority.all_public)


def test_it_is_renewed_when_the_server_asks_for_it(machine: Machine) -> None:
    for number in range(1, 4):
        machine.wanted = number
        machine.credentials.tend()
        machine.credentials.tend()
        assert machine.asked == ["renew"] * number


def test_what_fails_is_tried_again_and_nothing_is_lost(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine.certificate()
    machine.now += 2 * DAY
    monkeypatch.setattr(machine.credentials, "_ask", lambda *_: {"certificate": "two\nlines", "authorities": ["x"]})
    machine.credentials.tend()
    assert machine.certificate() == before
    monkeypatch.undo()


def test_a_new_key_takes_the_place_of_the_old_one(machine: Machine) -> None:
    old = public_key(machine.keys / "node")
    machine.credentials.change_key()
    assert public_key(machine.keys / "node") == machine.known != old
    assert not (machine.keys / "node-next").exists()
    assert machine.asked == ["change-key"]


@pytest.mark.parametrize("has_arrived", [False, True])
def test_a_change_that_was_cut_off_ends_as_the_server_has_it(machine: Machine, has_arrived: bool) -> None:
    old = machine.known
    new = make_key(machine.keys / "node-next", "")
    if has_arrived:
        machine.known = new
    machine.is_connected = False
    machine.credentials.tend()
    assert machine.asked == ["renew by node-next"]
    assert public_key(machine.keys / "node") == (new if has_arrived else old)
    assert not (machine.keys / "node-next").exists()


def test_who_has_not_joined_asks_what_became_of_the_request(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine.keys / "upstream.json").unlink()
    asked: list[str] = []
    monkeypatch.setattr(joining, "ask_again", lambda _, node: asked.append(node))
    for _ in range(3):
        machine.credentials.tend()
    machine.now += 16
    machine.credentials.tend()
    assert asked == ["n", "n"]
    with pytest.raises(FwrError) as raised:
        machine.credentials.change_key()
    assert raised.value.code is ExitCode.HELD
