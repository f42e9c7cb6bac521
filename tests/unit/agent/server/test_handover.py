"""A server is handed over: it takes nothing any more, and at last shows the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent.keys import make_key
from fwrkit.agent.server.register import Register
from fwrkit.agent.server.server import Server
from fwrkit.agent.server.succession import Succession, install_authority, is_sealed, opened
from fwrkit.agent.settings import Node, Places, Settings
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.moves import Move, decode
from tests.unit.agent.server.test_founding import OWNER, places  # noqa: F401 - a fixture

NODE = Node("server", "server", "0123456789ab", "ada", "static", "commons", OWNER, Settings(), ("old.example.org", 2211))


class Office:
    """A server with olga (official, with a node), otto (official without one) and bob; asked as any of them."""

    def __init__(self, server: Server, root: Path) -> None:
        self.server, self.root = server, root
        self.key = make_key(root / "olga", "olga")
        for uid, (name, role, key) in enumerate(
            (("olga", "official", self.key), ("otto", "official", ""), ("bob", "citizen", make_key(root / "bob", "bob")))
        ):
            citizen = server.store.add_citizen(name, 20000 + uid, role, 5)
            server.store.update_citizen(citizen.id, public_key=key)

    def ask(self, verb: str, uid: int | None = None, **arguments: Any) -> dict[str, Any]:
        if uid is None:
            return self.server.offices.ask(verb, arguments)
        return self.server.offices.asking.ask(uid, verb, arguments)

    def code(self, verb: str, uid: int | None = None, **arguments: Any) -> ExitCode:
        with pytest.raises(FwrError) as caught:
            self.ask(verb, uid, **arguments)
        assert caught.value.hint
        return caught.value.code

    def heard(self) -> FwrError | None:
        return self.server.hub.why_closed()


@pytest.fixture
def office(places: Places, tmp_path: Path) -> Iterator[Office]:  # noqa: F811
    places.world.mkdir()
    server = Server(NODE, places, with_network=False)
    server.start()
    server.offices.handover.is_ready = lambda _: True
    yield Office(server, tmp_path)
    server.stop()


def test_the_authority_is_for_the_successors_eyes_alone(office: Office, places: Places, tmp_path: Path) -> None:  # noqa: F811
    sealed = office.ask("handover", name="olga")["sealed"]
    assert is_sealed(sealed)
    key = opened(sealed, tmp_path / "olga")
    assert key == (places.keys / "authority").read_text()
    with pytest.raises(FwrError) as caught:
        opened(sealed, tmp_path / "bob")
    assert caught.value.code is ExitCode.REFUSED
    (tmp_path / "new").mkdir()
    authority = (places.keys / "authorities.pub").read_text().strip()
    assert install_authority(Succession(office.server.world_id, "commons", (authority,), (), key), tmp_path / "new") == "kept"


def test_nothing_is_taken_any_more_and_the_operator_may_call_it_off(office: Office) -> None:
    assert office.heard() is None
    office.ask("handover", name="olga")
    heard = office.heard()
    assert heard is not None and (heard.code, heard.message) == (ExitCode.HELD, "This server is being handed over to olga.")
    assert office.code("role", name="bob", role="official") == ExitCode.HELD, "nor from the operator: the successor would not hear of it"
    assert office.code("ban", 20000, name="bob", reason="x") == ExitCode.HELD
    assert office.ask("citizens", 20002)["citizens"]
    assert office.ask("handover", name="olga")["citizen"] == "olga"
    office.ask("handover-cancel")
    assert office.heard() is None
    assert office.code("handover-cancel") == ExitCode.NOT_FOUND
    events = [entry.event for entry in Register(office.server.store.db).entries()]
    assert events.count("handover") == 2, "it began and was called off; what was repeated is no news"


def test_when_the_successor_serves_everybody_is_shown_the_way(office: Office) -> None:
    office.ask("handover", name="olga")
    mine = decode(office.ask("move", host="new.example.org", port=2212)["line"])
    for other in (
        Move("new.example.org", 2212, "another", "commons", mine.authority),
        Move("new.example.org", 2212, mine.world_id, "commons", office.key),
    ):
        assert office.code("handover-finish", line=other.encode()) == ExitCode.REFUSED
    assert office.code("handover-finish", line="fwrm1nonsense") == ExitCode.USAGE
    assert office.ask("handover-finish", line=mine.encode()) == {"host": "new.example.org", "port": 2212}
    heard = office.heard()
    assert heard is not None and decode(heard.hint) == mine
    assert office.code("handover", name="olga") == ExitCode.TAKEN
    office.ask("handover-cancel")
    assert office.heard() is None


def test_only_the_operator_and_only_to_an_official_with_a_node(office: Office) -> None:
    assert office.code("handover", 20000, name="olga") == ExitCode.REFUSED
    assert office.code("handover-finish", 20000, line=office.ask("move", host="h", port=1)["line"]) == ExitCode.REFUSED
    assert office.code("handover-cancel", 20000) == ExitCode.REFUSED
    assert office.code("handover", 20002, name="olga") == ExitCode.REFUSED
    assert office.code("handover", name="nobody") == ExitCode.NOT_FOUND
    for name in ("otto", "bob", "ada"):
        assert office.code("handover", name=name) == ExitCode.REFUSED
    assert office.heard() is None


def test_not_before_the_successor_has_everything(office: Office) -> None:
    office.server.offices.handover.is_ready = lambda _: False
    office.server.offices.handover.patience = 0.3
    assert office.code("handover", name="olga") == ExitCode.HELD
    assert office.heard() is None


def test_not_while_the_authority_is_being_changed(office: Office) -> None:
    authority = office.server.offices.handover._authority
    authority.begin_rotation()
    assert office.code("handover", name="olga") == ExitCode.HELD
    authority.finish_rotation()
    office.ask("handover", name="olga")
    assert office.code("change-authority", now=False) == ExitCode.HELD
