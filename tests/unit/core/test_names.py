"""Names, by property."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import (
    CITIZEN_NAME_LIMIT,
    NODE_NAME_LIMIT,
    account_of,
    check_citizen_name,
    check_client_name,
    check_node_name,
    check_snapshot_name,
    citizen_name_from_login,
)

# what Compose takes as a project, DNS as a label, and shadow-utils as an account
PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")

likely = st.text(alphabet="ab9-_A \n\té.", max_size=40)


@given(st.one_of(st.text(), likely))
def test_whatever_is_accepted_fits_everywhere_it_goes(text: str) -> None:
    try:
        check_citizen_name(text)
    except FwrError as error:
        assert error.code == ExitCode.USAGE
        assert "\n" not in error.message
        return
    check_node_name(text)
    assert PROJECT.fullmatch(text)
    assert LABEL.fullmatch(text)
    assert ACCOUNT.fullmatch(account_of(text))
    assert len(account_of(text)) <= 32


@given(st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,5}){0,3}", fullmatch=True).filter(lambda text: len(text) <= CITIZEN_NAME_LIMIT))
def test_ordinary_names_are_accepted(text: str) -> None:
    assert check_citizen_name(text) == check_node_name(text) == text


@pytest.mark.parametrize("text", ["", "-a", "a-", "a--b", "9a", "A", "a_b", "a.b", "a b", "a\n", "ä", "a" * (NODE_NAME_LIMIT + 1)])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(FwrError):
        check_node_name(text)


def test_no_client_is_called_server() -> None:
    assert check_node_name("server") == "server"
    with pytest.raises(FwrError):
        check_client_name("server")


@given(st.one_of(st.text(), likely))
def test_every_login_gives_a_name(login: str) -> None:
    assert check_citizen_name(citizen_name_from_login(login))


@pytest.mark.parametrize(
    ("login", "name"), [("ada", "ada"), ("Ada.Lovelace", "ada-lovelace"), ("DOMAIN\\bob", "domain-bob"), ("42", "operator")]
)
def test_logins(login: str, name: str) -> None:
    assert citizen_name_from_login(login) == name


@pytest.mark.parametrize("name", ["v1", "before-the-move", "1", "a.b_c", "X" * 64, "_x", "abc", "face-off", "20261120x", "deadbeefs"])
def test_names_for_snapshots(name: str) -> None:
    assert check_snapshot_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "", ".x", "-x", "a..b", "a.lock", "a.", "a/b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "@", "a@{0}", "é", "a\n", "x" * 65, "2026",
        "dead", "DEADBEEF", "f" * 40, "2026-11-20", "2026-11-20T10.00",
    ],
)  # fmt: skip
def test_what_is_none(name: str) -> None:
    with pytest.raises(FwrError) as raised:
        check_snapshot_name(name)
    assert raised.value.code is ExitCode.USAGE


@given(st.text(max_size=70))
def test_a_snapshot_s_name_can_stand_in_a_reference(name: str) -> None:
    try:
        check_snapshot_name(name)
    except FwrError:
        return
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", name)
    assert not re.fullmatch(r"[0-9a-fA-F]{4,}", name)
