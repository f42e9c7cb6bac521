"""`images build`, without Docker."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import images
from fwrkit.host.adapters.images import BuiltImages
from fwrkit.host.verbs import images as verb
from tests.unit.host.simulated import SimulatedMachine


def test_what_was_built_and_from_what(machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "build", lambda *_: BuiltImages("debian:x", {"server": "s:1", "client": "c:1"}))
    built = verb.build(machine)
    assert (built.base, built.server, built.client, len(built.context)) == ("debian:x", "s:1", "c:1", 12)


def test_a_wish_for_no_known_base_asks_docker_nothing(machine: SimulatedMachine) -> None:
    with pytest.raises(FwrError) as raised:
        verb.build(machine, "steal")
    assert raised.value.code == ExitCode.USAGE
