"""What citizens ask for: the kernel says who asks, the table says what and by whom."""

from __future__ import annotations

import functools
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fwrkit.agent.server.asking import EVERYBODY, OFFICIALS, Asking, Verb
from fwrkit.agent.server.register import Ban, Register
from fwrkit.agent.server.store import Citizen
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.house import House


class Desk:
    """A house with three citizens, and verbs that note who used them."""

    def __init__(self, root: Path) -> None:
        self.house = House(root)
        self.store = self.house.store
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.uids = {"ada": 20000, "alice": 20001, "rob": 20002}
        for (name, uid), role in zip(self.uids.items(), ("official", "citizen", "reader"), strict=True):
            self.house.hub.call(functools.partial(self.store.add_citizen, name, uid, role, 0))
        self.register = Register(self.store.db)
        verbs = {
            "look": Verb(self.note, EVERYBODY), "slow": Verb(self.note, EVERYBODY, is_slow=True), "rule": Verb(self.note, OFFICIALS),
            "half": Verb(self.half, EVERYBODY), "misread": Verb(lambda _, data: {"x": data["not there"]}, EVERYBODY),
        }  # fmt: skip
        self.asking = Asking(self.house.hub, self.store, self.register, verbs)

    def note(self, citizen: Citizen, arguments: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((citizen.name, arguments))
        return {"you": citizen.name}

    def half(self, _: Citizen, __: dict[str, Any]) -> dict[str, Any]:
        self.store.set_meta("half", "done")
        raise FwrError(ExitCode.TAKEN, "Half of it.", "Nothing.")

    def ask(self, name: str, verb: str, **arguments: Any) -> dict[str, Any]:
        return self.asking.ask(self.uids[name], verb, arguments)

    def code(self, name: str, verb: str) -> ExitCode:
        with pytest.raises(FwrError) as raised:
            self.ask(name, verb)
        return raised.value.code


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.house.stop()


@pytest.mark.parametrize("verb", ["look", "slow"])
def test_an_answer(desk: Desk, verb: str) -> None:
    assert desk.ask("rob", verb, x=1) == {"you": "rob"}
    assert desk.asked == [("rob", {"x": 1})]


def test_only_whom_the_table_names(desk: Desk) -> None:
    assert desk.ask("ada", "rule") == {"you": "ada"}
    assert desk.code("alice", "rule") is ExitCode.REFUSED
    assert desk.code("rob", "rule") is ExitCode.REFUSED
    assert desk.code("ada", "fly") is ExitCode.USAGE
    assert desk.code("ada", "misread") is ExitCode.USAGE
    with pytest.raises(FwrError) as raised:
        desk.asking.ask(12345, "look", {})
    assert raised.value.code is ExitCode.REFUSED
    assert desk.asked == [("ada", {})]


def test_a_role_that_was_lost_counts_no_more(desk: Desk) -> None:
    ada = desk.store.citizen(name="ada")
    assert ada is not None
    desk.house.hub.call(lambda: desk.store.update_citizen(ada.id, role="citizen"))
    assert desk.code("ada", "rule") is ExitCode.REFUSED


def test_a_banned_citizen_hears_why(desk: Desk) -> None:
    alice = desk.store.citizen(name="alice")
    assert alice is not None

    def ban() -> None:
        desk.register.ban(Ban(alice.id, "spam", 1, 0, "ada"))
        desk.store.update_citizen(alice.id, is_banned=1)

    desk.house.hub.call(ban)
    with pytest.raises(FwrError) as raised:
        desk.ask("alice", "look")
    assert "spam" in raised.value.message
    assert desk.asked == []


def test_what_fails_half_way_has_done_nothing(desk: Desk) -> None:
    assert desk.code("ada", "half") is ExitCode.TAKEN
    assert desk.house.hub.call(lambda: desk.store.meta("half")) == ""


@pytest.fixture
def place(desk: Desk) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as short:
        path = Path(short) / "socket"
        with desk.asking.serve(path):
            yield path


def said(place: Path, line: bytes) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(place))
        connection.sendall(line)
        connection.shutdown(socket.SHUT_WR)
        answer: dict[str, Any] = json.loads(connection.makefile("rb").readline())
        return answer


def test_who_asks_is_known_by_the_account(desk: Desk, place: Path) -> None:
    line = json.dumps({"verb": "look", "arguments": {"name": "ada"}}).encode() + b"\n"
    assert said(place, line)["error"]["code"] == "REFUSED"
    desk.house.hub.call(lambda: desk.store.add_citizen("me", os.geteuid(), "citizen", 0))
    assert said(place, line) == {"you": "me"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200), st.sampled_from([b"", b"[]", b"{}", b'{"verb": 3}', b'{"verb": "look", "arguments": 7}', b"[" * 9000])
    )
)
def test_nonsense_is_answered_in_a_sentence(desk: Desk, place: Path, line: bytes) -> None:
    assert said(place, line.replace(b"\n", b"") + b"\n")["error"]["code"] in ("USAGE", "REFUSED")
    assert desk.asked == []


def test_at_a_peer_only_what_is_harmless_is_answered(desk: Desk) -> None:
    desk.asking._verbs["harmless"] = Verb(desk.note, EVERYBODY, is_harmless=True)
    desk.asking.elsewhere = FwrError(ExitCode.REFUSED, "This is decided at the server.", "Ask there.")
    assert desk.ask("rob", "harmless") == {"you": "rob"}
    for verb in ("look", "slow", "rule"):
        with pytest.raises(FwrError) as raised:
            desk.ask("ada", verb)
        assert raised.value.message == "This is decided at the server."
