"""Bans, roles and leaving: what is allowed, what follows, and that it is public."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fwrkit import __version__
from fwrkit.agent.keys import make_key, public_of
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.invites import Invite
from tests.unit.agent.server.townhall import NOON, TownHall


@pytest.fixture
def hall(tmp_path: Path) -> TownHall:
    return TownHall(tmp_path)


def refused(function: Callable[[], Any]) -> FwrError:
    with pytest.raises(FwrError) as raised:
        function()
    assert raised.value.message.endswith(".") and raised.value.hint
    return raised.value


def ban(hall: TownHall, name: str = "alice", reason: str = "vandalism", until: int = 0, by: str = "olga") -> dict[str, Any]:
    return hall.roll.ban(hall.citizen(by), name, reason, until)


def test_a_ban_ends_the_connection_and_is_public(hall: TownHall) -> None:
    assert ban(hall) == {"name": "alice", "reason": "vandalism", "since": NOON, "until": 0, "by": "olga"}
    assert hall.citizen("alice").is_banned
    [(name, why)] = hall.expelled
    assert name == "alice" and "vandalism" in why.message and why.code is ExitCode.REFUSED
    assert (hall.state / "enrol/banned").read_text() == "alice\n"
    roll = tomllib.loads(hall.published()[b".fwr/citizens.toml"])
    [entry] = [each for each in roll["citizen"] if each["name"] == "alice"]
    assert entry["banned"]["reason"] == "vandalism" and entry["banned"]["by"] == "olga" and "until" not in entry["banned"]
    assert hall.events() == [("olga", "ban", "alice")]


def test_a_ban_ends_by_hand_or_when_its_time_is_over(hall: TownHall) -> None:
    ban(hall, until=NOON + 60)
    hall.roll.lift_ended_bans()
    assert hall.citizen("alice").is_banned
    hall.now = NOON + 60
    hall.roll.lift_ended_bans()
    assert not hall.citizen("alice").is_banned
    assert hall.events()[-1] == ("fwrkit", "unban", "alice")
    ban(hall)
    hall.roll.unban(hall.citizen("olga"), "alice")
    assert not hall.citizen("alice").is_banned
    assert (hall.state / "enrol/banned").read_text() == ""
    assert refused(lambda: hall.roll.unban(hall.citizen("olga"), "alice")).code is ExitCode.NOT_FOUND


def test_a_second_ban_takes_the_place_of_the_first(hall: TownHall) -> None:
    ban(hall, until=NOON + 60)
    ban(hall, reason="more of it", until=NOON + 600)
    hall.now = NOON + 61
    hall.roll.lift_ended_bans()
    assert hall.citizen("alice").is_banned


@pytest.mark.parametrize(
    ("name", "reason", "until", "code"),
    [
        ("nobody", "x", 0, ExitCode.NOT_FOUND),
        ("alice", "", 0, ExitCode.USAGE),
        ("alice", " \n ", 0, ExitCode.USAGE),
        ("alice", "x" * 501, 0, ExitCode.USAGE),
        ("alice", "x", NOON, ExitCode.USAGE),
        ("alice", "x", NOON - 5, ExitCode.USAGE),
        ("ada", "x", 0, ExitCode.REFUSED),
    ],
)
def test_a_ban_that_makes_no_sense_is_none(hall: TownHall, name: str, reason: str, until: int, code: ExitCode) -> None:
    assert refused(lambda: ban(hall, name, reason, until)).code is code
    assert hall.expelled == [] and hall.events() == []
    assert not any(citizen.is_banned for citizen in hall.store.citizens())


def test_the_last_official_stays_one(hall: TownHall) -> None:
    hall.store.update_citizen(hall.citizen("ada").id, role="citizen")
    assert "last official" in refused(lambda: ban(hall, "olga")).message
    assert "last official" in refused(lambda: hall.roll.set_role(hall.citizen("olga"), "olga", "citizen")).message
    assert "last official" in refused(lambda: hall.roll.leave(hall.citizen("olga"))).message
    hall.roll.set_role(hall.citizen("olga"), "alice", "official")
    ban(hall, "alice")
    assert "last official" in refused(lambda: ban(hall, "olga")).message, "a banned one does not count"
    hall.roll.unban(hall.citizen("olga"), "alice")
    ban(hall, "olga")


def test_a_role_counts_from_now_on(hall: TownHall) -> None:
    assert hall.roll.set_role(hall.citizen("olga"), "alice", "reader") == {"name": "alice", "role": "reader", "before": "citizen"}
    assert hall.refreshed == [hall.citizen("alice").id]
    hall.roll.set_role(hall.citizen("olga"), "alice", "reader")
    assert hall.events() == [("olga", "role", "alice")], "what changes nothing is no news"
    assert refused(lambda: hall.roll.set_role(hall.citizen("olga"), "alice", "king")).code is ExitCode.USAGE
    assert refused(lambda: hall.roll.set_role(hall.citizen("olga"), "nobody", "reader")).code is ExitCode.NOT_FOUND
    assert refused(lambda: hall.roll.set_role(hall.citizen("olga"), "ada", "reader")).code is ExitCode.REFUSED


def test_who_leaves_keeps_the_name_and_nothing_else(hall: TownHall) -> None:
    hall.store.update_citizen(hall.citizen("alice").id, public_key="ssh-ed25519 AAAA", is_known=1)
    hall.roll.leave(hall.citizen("alice"))
    alice = hall.citizen("alice")
    assert (alice.role, alice.public_key, alice.is_known) == ("former", "", False)
    assert hall.store.revoked_keys() == ["ssh-ed25519 AAAA"]
    assert [name for name, _ in hall.expelled] == ["alice"]
    assert refused(lambda: ban(hall)).code is ExitCode.NOT_FOUND
    assert refused(lambda: hall.roll.leave(hall.citizen("ada"))).code is ExitCode.REFUSED


def come(hall: TownHall, invite: Invite, name: str) -> str:
    """Enrol, as a node does whose citizen wishes a name; return under which they came."""
    request = {"public_key": make_key(hall.root / f"node-{name}", ""), "node_id": "0123456789ab", "version": __version__, "name": name}
    return str(hall.enrolment.enrol(public_of(invite.seed).split()[1], request)["citizen"])


@pytest.mark.parametrize(
    "end",
    [
        lambda hall: ban(hall, "olga", by="ada"),
        lambda hall: hall.roll.set_role(hall.citizen("ada"), "olga", "citizen"),
        lambda hall: hall.roll.leave(hall.citizen("olga")),
    ],
)
def test_who_is_no_official_any_more_lets_nobody_in(hall: TownHall, openssh: None, end: Callable[[TownHall], Any]) -> None:
    """Else they would come back at once under another name, and others by their word."""
    place = ("example.org", 2222, 86400)
    used, unused = hall.enrolment.invite("olga", "bob", *place), hall.enrolment.invite("olga", "carol", *place)
    several, other = hall.enrolment.invite("olga", "club", *place, uses=9), hall.enrolment.invite("ada", "dave", *place)
    assert come(hall, used, "bob") == "bob" and come(hall, several, "erin") == "erin"
    end(hall)
    for invite, name in ((unused, "carol"), (several, "mallory")):
        assert refused(lambda invite=invite, name=name: come(hall, invite, name)).code is ExitCode.REFUSED  # type: ignore[misc]
    assert public_of(unused.seed) not in (hall.state / "enrol/authorized_keys").read_text()
    assert come(hall, used, "bob") == "bob" and come(hall, several, "erin") == "erin", "an interrupted join finishes"
    assert come(hall, other, "dave") == "dave"


def test_who_is_banned_does_not_come_again_by_the_line_that_is_for_several(hall: TownHall, openssh: None) -> None:
    invite, other = (hall.enrolment.invite("olga", name, "example.org", 2222, 86400, uses=9) for name in ("club", "choir"))
    assert come(hall, invite, "mallory") == "mallory" and come(hall, invite, "bob") == "bob" and come(hall, other, "carol") == "carol"
    ban(hall, "mallory")
    assert refused(lambda: come(hall, invite, "mallory-two")).code is ExitCode.REFUSED
    assert come(hall, invite, "bob") == "bob", "who came by it is not concerned"
    assert come(hall, other, "dave") == "dave"
