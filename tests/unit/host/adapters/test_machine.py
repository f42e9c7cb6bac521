"""Who is at the keyboard."""

from __future__ import annotations

import pytest

from fwrkit.host.adapters import machine


@pytest.mark.parametrize(("login", "name"), [("ada", "ada"), ("Ada Lovelace", "ada-lovelace"), ("root", "root")])
def test_the_login_name(login: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: login)
    assert machine.login_citizen() == name


@pytest.mark.parametrize("error", [OSError("No username set in the environment"), KeyError("getpwuid(): uid not found")])
def test_a_uid_without_a_name(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> str:
        raise error

    monkeypatch.setattr("getpass.getuser", fails)
    assert machine.login_citizen() == "operator"
