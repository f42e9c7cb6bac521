"""Invites survive mail and chat, and are never half believed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.core import invites
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.invites import Invite

authorities = st.from_regex(r"ssh-ed25519 [A-Za-z0-9+/]{20,68}", fullmatch=True)
made = st.builds(
    Invite,
    host=st.text(min_size=1, max_size=60),
    port=st.integers(1, 65535),
    world_id=st.text(max_size=16),
    world_name=st.text(max_size=30),
    authority=authorities,
    seed=st.binary(min_size=32, max_size=32),
    citizen=st.text(max_size=24),
    expires=st.integers(0, 2**40),
)


@given(made)
def test_round_trip_as_one_word(invite: Invite) -> None:
    line = invite.encode()
    assert re.fullmatch(r"fwr1[A-Za-z0-9_-]+", line)
    assert invites.is_invite(line)
    assert invites.decode(line) == invite


@given(made, st.integers(1, 200))
def test_what_mail_does_to_a_line_does_no_harm(invite: Invite, width: int) -> None:
    line = invite.encode()
    folded = "\r\n  ".join(line[start : start + width] for start in range(0, len(line), width))
    assert invites.decode(f" {folded}\n") == invite


@given(made, st.data())
def test_a_changed_line_is_refused(invite: Invite, data: st.DataObject) -> None:
    line = invite.encode()
    where = data.draw(st.integers(len(invites.PREFIX), len(line) - 1))
    char = data.draw(st.sampled_from("ABCxyz019_-").filter(lambda char: char != line[where]))
    changed = line[:where] + char + line[where + 1 :]
    try:
        assert invites.decode(changed) == invite, "bits of the last character that carry nothing"
    except FwrError as error:
        assert error.code == ExitCode.USAGE


@given(made, st.data())
def test_a_line_that_was_cut_off_is_refused(invite: Invite, data: st.DataObject) -> None:
    line = invite.encode()
    with pytest.raises(FwrError):
        invites.decode(line[: data.draw(st.integers(0, len(line) - 1))])


@given(st.one_of(st.text(), st.text(alphabet="ABCabc019-_=").map(lambda text: "fwr1" + text)))
def test_anything_else_is_malformed_and_nothing_worse(text: str) -> None:
    with pytest.raises(FwrError) as raised:
        invites.decode(text)
    assert raised.value.code == ExitCode.USAGE


@pytest.mark.parametrize(
    "changes", [{"port": 0}, {"port": 70000}, {"seed": b"short"}, {"authority": "ssh-rsa AAAA"}, {"authority": "ssh-ed25519 A\nB"}]
)
def test_values_that_cannot_be_are_refused_although_the_checksum_fits(changes: dict[str, object]) -> None:
    import dataclasses

    good = Invite("h", 22, "id", "world", "ssh-ed25519 AAAA", bytes(32), "bob", 0)
    with pytest.raises(FwrError):
        invites.decode(dataclasses.replace(good, **changes).encode())  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["server", "example.org:2211", "fwr1", "fwr1node"])
def test_names_are_not_taken_for_invites(text: str) -> None:
    assert not invites.is_invite(text)
