"""Whose edit is passed on, and what of it is not even looked at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fwrkit.agent.server.passing import OWN, Passed, why_banned
from fwrkit.agent.server.store import Citizen
from fwrkit.core.errors import ExitCode, FwrError

PEER = Citizen(1, "peer", 20000, "citizen", "", "", True, "", "", 0, 0, False)
BOB = replace(PEER, id=2, name="bob", role="reader")
SPAM = FwrError(ExitCode.REFUSED, "You are banned: spam.", "")


def test_the_policy_judges_by_whose_it_is() -> None:
    assert OWN.judged_as(PEER) is PEER
    assert Passed(BOB).judged_as(PEER) is BOB


def test_what_is_passed_on_for_somebody_banned_is_refused_with_the_reason() -> None:
    banned = replace(BOB, is_banned=True)
    found = why_banned(Passed(banned), lambda citizen: SPAM if citizen is banned else None)
    assert found is not None and (found.action, found.reason) == ("refuse", SPAM.message)
    found = why_banned(Passed(banned), lambda _: None)
    assert found is not None and "bob is banned" in found.reason, "whatever the tables say of why"


@pytest.mark.parametrize("passed", [OWN, Passed(BOB), Passed(replace(BOB, is_banned=True), is_settled=True)])
def test_nothing_else_is(passed: Passed) -> None:
    assert why_banned(passed, lambda _: SPAM) is None
