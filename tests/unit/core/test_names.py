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
