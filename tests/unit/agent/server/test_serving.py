"""The two sockets that the gate connects to: who comes is known by the kernel, not by what they say."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from fwrkit import __version__
from fwrkit.agent.server import serving
from fwrkit.agent.server.enrolment import Enrolment
from fwrkit.agent.server.serving import serve_enrolments, serve_streams
from fwrkit.agent.wire import frames
from fwrkit.agent.wire import messages as say
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.stop()


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as short:
        yield Path(short) / "socket"


def connect(place: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(place))
    return connection


def test_a_stream_belongs_to_the_citizen_of_the_uid(house: House, place: Path) -> None:
    me = house.hub.call(lambda: house.store.add_citizen("me", os.geteuid(), "citizen", 0))
    with serve_streams(place, house.hub, house.store), connect(place) as connection:
        hello = say.Hello(say.PROTOCOL, __version__, "machine", "", "", "", "", 0)
        connection.sendall(frames.pack(say.to_value(hello)))
        reader = connection.makefile("rb")
        assert isinstance(say.from_value(frames.read(reader.read), say.FROM_SERVER), say.Welcome)
        assert list(house.hub.sessions()) == [me.id]


def test_an_account_that_is_no_citizen_s_is_let_go(house: House, place: Path) -> None:
    house.hub.call(lambda: house.store.add_citizen("other", os.geteuid() + 1, "citizen", 0))
    with serve_streams(place, house.hub, house.store), connect(place) as connection:
        assert connection.recv(1) == b""
    assert house.hub.sessions() == {}


class Office:
    """An enrolment that keeps what it was asked."""

    elsewhere: FwrError | None = None

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def enrol(self, invite_key: str, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((invite_key, request))
        if request.get("public_key") == "taken":
            raise FwrError(ExitCode.TAKEN, "Used already.", "Ask again.")
        return {"citizen": "alice"}

    def renew(self, key: str) -> dict[str, Any]:
        self.asked.append((key, {}))
        return {"certificate": "c"}

    def request(self, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(("", request))
        return {"waiting": True}


def ask(house: House, place: Path, line: bytes, uid: int, office: Office) -> dict[str, Any]:
    with serve_enrolments(place, house.hub, cast(Enrolment, office), [uid]), connect(place) as connection:
        connection.sendall(line)
        connection.shutdown(socket.SHUT_WR)
        answer: dict[str, Any] = json.loads(connection.makefile("rb").readline())
        return answer


def test_an_enrolment_is_answered(house: House, place: Path) -> None:
    office = Office()
    line = json.dumps({"kind": "enrol", "key": "KEY", "request": {"public_key": "k"}}).encode() + b"\n"
    assert ask(house, place, line, os.geteuid(), office) == {"citizen": "alice"}
    assert office.asked == [("KEY", {"public_key": "k"})]


def test_its_refusal_is_an_answer_too(house: House, place: Path) -> None:
    line = json.dumps({"kind": "enrol", "key": "KEY", "request": {"public_key": "taken"}}).encode() + b"\n"
    assert ask(house, place, line, os.geteuid(), Office())["error"]["code"] == "TAKEN"


@pytest.mark.parametrize(
    "line",
    [b"\n", b"x\n", b"[]\n", b"{}\n", b'{"kind": "enrol", "key": "k"}\n', b'{"kind": "enrol", "key": "k", "request": 7}\n', b"\xff\n"],
)
def test_what_is_no_enrolment_is_said_to_be_none(house: House, place: Path, line: bytes) -> None:
    office = Office()
    assert ask(house, place, line, os.geteuid(), office)["error"]["code"] == "USAGE"
    assert office.asked == []


def test_only_the_account_that_enrols_does(house: House, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office()
    monkeypatch.setattr(serving, "peer_uid", lambda _: os.geteuid() + 1)
    line = json.dumps({"kind": "enrol", "key": "KEY", "request": {"public_key": "k"}}).encode() + b"\n"
    assert ask(house, place, line, os.geteuid() + 2, office)["error"]["code"] == "REFUSED"
    assert office.asked == []


def test_a_renewal_and_a_request_go_by_the_key_that_opened_the_account(house: House, place: Path) -> None:
    office = Office()
    line = json.dumps({"kind": "renew", "key": "KEY", "request": {}}).encode() + b"\n"
    assert ask(house, place, line, os.geteuid(), office) == {"certificate": "c"}
    line = json.dumps({"kind": "request", "key": "KEY", "request": {"name": "eve", "public_key": "another's"}}).encode() + b"\n"
    assert ask(house, place, line, os.geteuid(), office) == {"waiting": True}
    assert office.asked == [("ssh-ed25519 KEY", {}), ("", {"name": "eve", "public_key": "ssh-ed25519 KEY"})]


@pytest.mark.parametrize("kind", ["enrol", "renew", "request"])
def test_at_a_peer_nobody_is_admitted_and_no_certificate_renewed(house: House, place: Path, kind: str) -> None:
    office = Office()
    office.elsewhere = FwrError(ExitCode.REFUSED, "This is decided at the server.", "Ask there.")
    line = json.dumps({"kind": kind, "key": "KEY", "request": {}}).encode() + b"\n"
    assert ask(house, place, line, os.geteuid(), office)["error"]["message"] == "This is decided at the server."
    assert office.asked == []
