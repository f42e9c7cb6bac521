"""Which of what was agreed on elsewhere an edit was made on."""

from __future__ import annotations

import pytest

from fwrkit.agent.server.claims import base_of
from fwrkit.agent.states import ABSENT, DIRECTORY, UNKNOWN, Base, State, file_state

A, B, C, D = (file_state(text) for text in (b"a", b"b", b"c", b"d"))


@pytest.mark.parametrize(
    ("claims", "versions", "base"),
    [
        ([A], [A], A),
        ([B, A], [A], A),  # it has gone on from the head
        ([A], [B, A], A),  # the server has
        ([C, A], [B, A], A),  # both have
        ([D, C], [B, A], UNKNOWN),  # nothing in common
        ([ABSENT, A], [A], A),  # that it was deleted is news
        ([ABSENT, A], [A, ABSENT, A], ABSENT),  # it was deleted here too, and brought back
        ([A, ABSENT, A], [ABSENT, A], ABSENT),  # brought back there
        ([DIRECTORY, ABSENT, DIRECTORY], [ABSENT, DIRECTORY], ABSENT),
        ([DIRECTORY, ABSENT, DIRECTORY], [ABSENT, DIRECTORY, ABSENT, DIRECTORY], DIRECTORY),  # and deleted here again
        ([A, B], [B, A, B], A),  # a revert there that came here, and was reverted here
        ([A, B, A], [B, A], B),
        ([ABSENT, B, A], [C, A], A),
        ([D, B], [C, B, A], B),
    ],
)
def test_the_base(claims: list[State], versions: list[State], base: Base) -> None:
    assert base_of(claims, versions, lambda state: state in versions) == base


def test_what_is_known_from_elsewhere_counts_where_nothing_is_in_common() -> None:
    assert base_of([D, C], [B, A], lambda state: state == C) == C
