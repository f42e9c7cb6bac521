"""Ports of this machine."""

from __future__ import annotations

import socket

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import ports

HERE = "127.0.0.1"


def test_the_preferred_one_if_it_is_free() -> None:
    with socket.create_server((HERE, 0)) as other:
        taken = other.getsockname()[1]
        assert not ports.is_free(taken, HERE)
        assert ports.choose(taken, (), HERE) != taken
    assert ports.choose(taken, (), HERE) == taken


def test_what_is_promised_to_another_node_is_not_chosen() -> None:
    chosen = ports.choose(20500, {20500}, HERE)
    assert chosen != 20500
    assert ports.is_free(chosen, HERE)


def test_a_listener_on_one_address_blocks_all_of_them() -> None:
    with socket.create_server((HERE, 0)) as other:
        assert not ports.is_free(other.getsockname()[1], "0.0.0.0")


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_what_is_no_port(port: int) -> None:
    with pytest.raises(FwrError) as raised:
        ports.check(port, HERE, "--http-port")
    assert (raised.value.code, "--http-port" in raised.value.hint) == (ExitCode.USAGE, True)


def test_none_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda *_: False)
    with pytest.raises(FwrError) as raised:
        ports.choose(8011, (), HERE)
    assert raised.value.code == ExitCode.TAKEN
