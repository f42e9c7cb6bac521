"""The roll and the audit log as a copy of the world has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.agent.public_records import read_audit, read_roll
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.server.townhall import NOON, TownHall


@pytest.fixture
def world(tmp_path: Path) -> Path:
    hall = TownHall(tmp_path)
    hall.roll.ban(hall.citizen("olga"), "alice", "spam", NOON + 60)
    hall.store.update_citizen(hall.citizen("rob").id, public_key=hall.authority.public)
    world = tmp_path / "world"
    for path, text in hall.published().items():
        (world / path.decode()).parent.mkdir(parents=True, exist_ok=True)
        (world / path.decode()).write_text(text)
    return world


def test_what_the_server_published_is_read_back(world: Path) -> None:
    roll = {citizen.name: citizen for citizen in read_roll(world)}
    assert list(roll) == ["ada", "olga", "alice", "rob"]
    alice = roll["alice"]
    assert (alice.role, alice.since, alice.reason, alice.banned_by) == ("citizen", NOON - 86400, "spam", "olga")
    assert (alice.banned_since, alice.banned_until) == (NOON, NOON + 60)
    assert roll["rob"].fingerprint.startswith("SHA256:") and not alice.fingerprint
    chain = read_audit(world)
    assert [entry.event for entry in chain.entries] == ["ban"] and chain.fault == ""


@pytest.mark.parametrize("text", ["", "x", "citizen = 7", "[[citizen]]\nname = 3", "\x00"])
def test_a_roll_that_is_none(world: Path, text: str) -> None:
    (world / ".fwr/citizens.toml").write_text(text)
    if text == "":
        assert read_roll(world) == []
        return
    with pytest.raises(FwrError) as raised:
        read_roll(world)
    assert raised.value.code is ExitCode.FAILED


def test_no_roll_and_no_log_yet(tmp_path: Path) -> None:
    with pytest.raises(FwrError) as raised:
        read_roll(tmp_path)
    assert raised.value.code is ExitCode.NOT_FOUND
    assert read_audit(tmp_path).entries == []


def test_links_are_not_followed(world: Path) -> None:
    roll = world / ".fwr/citizens.toml"
    roll.rename(world / "elsewhere")
    roll.symlink_to(world / "elsewhere")
    with pytest.raises(FwrError):
        read_roll(world)
