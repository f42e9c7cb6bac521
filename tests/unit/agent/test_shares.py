"""Shares: any so many of a set give the seed back, fewer never do, and what is mistyped or foreign is told apart."""

from __future__ import annotations

import pytest
import shamir_mnemonic
from hypothesis import given
from hypothesis import strategies as st
from shamir_mnemonic.wordlist import WORDLIST

from fwrkit.agent import shares
from fwrkit.core.errors import ExitCode, FwrError

SEEDS = st.binary(min_size=32, max_size=32)
SEED = bytes(range(32))


def fault(lines: list[str]) -> FwrError:
    with pytest.raises(FwrError) as raised:
        shares.combine(lines)
    assert raised.value.hint
    return raised.value


@st.composite
def sets(draw: st.DrawFn) -> tuple[bytes, int, list[str]]:
    """A seed, how many shares are needed, and all of them in any order."""
    seed, of = draw(SEEDS), draw(st.integers(2, 16))
    need = draw(st.integers(2, of))
    return seed, need, draw(st.permutations(shares.split(seed, need, of)))


@given(sets(), st.data())
def test_any_so_many_give_it_back_and_fewer_never(made: tuple[bytes, int, list[str]], data: st.DataObject) -> None:
    seed, need, lines = made
    count = data.draw(st.integers(1, len(lines)))
    some = lines[:count]
    if count >= need:
        assert shares.combine(some) == seed
        assert shares.combine(["", *(f"  {line.upper()}\t" for line in some), some[0], "\n"]) == seed, "as people type it, and one twice"
    else:
        error = fault([*some, some[0]])
        assert (error.code, f"{need} different ones are needed." in error.message) == (ExitCode.REFUSED, True)


@given(sets(), st.data())
def test_a_mistyped_word_is_said_by_its_line(made: tuple[bytes, int, list[str]], data: st.DataObject) -> None:
    _, need, lines = made
    some, which = lines[:need], data.draw(st.integers(0, need - 1))
    words, place = some[which].split(), data.draw(st.integers(0, 32))
    other = data.draw(st.one_of(st.sampled_from(WORDLIST), st.text("abcxyz", min_size=1, max_size=9), st.just("")))
    if other == words[place]:
        return
    words[place] = other
    some[which] = " ".join(words)
    error = fault(some)
    assert (error.code, f"The share in line {which + 1} is mistyped" in error.message) == (ExitCode.USAGE, True)
    words = lines[which].split()
    if words[0] != words[-1]:
        some[which] = " ".join([*words[1:], words[0]])
        assert "(checksum)" in fault(some).message


@given(sets(), SEEDS)
def test_shares_of_two_sets_are_told_apart(made: tuple[bytes, int, list[str]], seed: bytes) -> None:
    _, need, lines = made
    others = shares.split(seed, need, len(lines))
    for mixed in ([*lines[: need - 1], others[need - 1]], [others[0], *lines[1:need]]):
        assert fault(mixed).code == ExitCode.REFUSED


def test_what_is_said() -> None:
    first, second, third = shares.split(SEED, 2, 3)
    assert [len(line.split()) for line in (first, second, third)] == [shares.WORDS] * 3
    assert fault([]).message == "There are no shares."
    assert fault([first]).message == "There is 1 share, and 2 different ones are needed."
    wrong = first.split()
    wrong[4] = wrong[4][:-1] + "qq"
    assert fault(["", " ".join(wrong)]).message == "The share in line 2 is mistyped: its word 5 is none of a share's."
    assert wrong[4][:-2] in fault([" ".join(wrong)]).hint
    assert fault([first, second + " " + third]).message == "The share in line 2 is mistyped: it has 66 words, and a share has 33."
    other = next(made for made in iter(lambda: shares.split(SEED, 2, 3), None) if made[0].split()[0] != first.split()[0])
    assert fault([first, other[1]]).message == "The share in line 2 is of another set than that in line 1."


def test_two_sets_that_happen_to_begin_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shamir_mnemonic.shamir, "_random_identifier", lambda: 7)
    one, two = shares.split(SEED, 2, 3), shares.split(SEED, 2, 3)
    assert fault([one[0], two[0]]).code == ExitCode.REFUSED
    assert fault([one[0], two[1]]).message == "These shares are not of one set."


def test_shares_of_something_else_are_none_of_an_authority() -> None:
    [[alone]] = shamir_mnemonic.generate_mnemonics(1, [(1, 1)], SEED)
    [[first, *_], _] = shamir_mnemonic.generate_mnemonics(2, [(2, 3), (2, 3)], SEED)
    for line in (alone, first):
        assert fault([line]).message == "The share in line 1 is no share of an authority."
    [[short, *_]] = shamir_mnemonic.generate_mnemonics(1, [(2, 3)], SEED[:16])
    assert fault([short]).code == ExitCode.USAGE


@pytest.mark.parametrize(("need", "of"), [(0, 3), (1, 1), (1, 3), (4, 3), (2, 17), (17, 17), (-2, 3)])
def test_how_many_there_can_be(need: int, of: int) -> None:
    with pytest.raises(FwrError) as raised:
        shares.split(SEED, need, of)
    assert raised.value.code == ExitCode.USAGE
