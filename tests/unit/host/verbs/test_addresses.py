"""Hosts that people type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs.addresses import check_host, split_host


@pytest.mark.parametrize(
    ("text", "parts"),
    [("example.org", ("example.org", 2211)), ("10.0.0.7:22", ("10.0.0.7", 22)), ("box:65535", ("box", 65535))],
)
def test_host_and_port(text: str, parts: tuple[str, int]) -> None:
    assert split_host(text) == parts


@pytest.mark.parametrize("text", ["", "a..b", "-a", "a-", "a b", "a\n", "a:", "a:0", "a:65536", "a:-1", "a:1:2", "a:²", "http://a", "a/b"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(FwrError) as raised:
        split_host(text)
    assert raised.value.code == ExitCode.USAGE


@given(st.text())
def test_whatever_is_accepted_is_one_plain_word(text: str) -> None:
    try:
        check_host(text)
    except FwrError:
        return
    assert text.isascii()
    assert not set(text) & set(" \t\n\"'$;|&-/\\:@%") - {"-"}
    assert not text.startswith("-"), "never taken for an option"
