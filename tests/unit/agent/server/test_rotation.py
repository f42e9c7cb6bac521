"""Changing the authority: both keys for a while, then the new one."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.agent.settings import Settings
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.server.townhall import NOON, TownHall


@pytest.fixture
def hall(tmp_path: Path) -> TownHall:
    return TownHall(tmp_path)


def test_the_old_key_is_valid_for_the_stated_time(hall: TownHall) -> None:
    before = hall.authority.public
    begun = hall.rotation.begin(hall.citizen("ada"))
    assert begun["until"] == NOON + Settings().authority_overlap
    assert hall.authority.public == before and len(hall.authority.all_public) == 2
    with pytest.raises(FwrError) as raised:
        hall.rotation.begin(hall.citizen("ada"))
    assert raised.value.code is ExitCode.TAKEN
    hall.now = begun["until"] - 1
    hall.rotation.end_if_due()
    assert hall.authority.is_rotating and hall.signed == 0
    hall.now = begun["until"]
    hall.rotation.end_if_due()
    hall.rotation.end_if_due()
    assert before not in hall.authority.all_public and hall.signed == 1
    assert [event[1:] for event in hall.events()] == [("rekey", "authority"), ("rekey", "authority")]


def test_it_can_be_ended_at_once(hall: TownHall) -> None:
    before = hall.authority.public
    hall.rotation.begin(hall.citizen("ada"))
    new = hall.authority.all_public[0]
    assert hall.rotation.end()["until"] == NOON
    assert hall.signed == 1
    assert hall.authority.all_public == [new] != [before]


@pytest.mark.parametrize("is_second", [False, True])
def test_a_crash_between_the_keys_and_the_tables_shuts_nobody_out(hall: TownHall, is_second: bool) -> None:
    if is_second:
        hall.rotation.begin(hall.citizen("ada"))
        hall.rotation.end()
    before = hall.authority.public
    hall.authority.begin_rotation()  # what follows it in the same turn was not committed
    hall.rotation.end_if_due()
    assert before in hall.authority.all_public
    hall.now += Settings().authority_overlap
    hall.rotation.end_if_due()
    assert before not in hall.authority.all_public
