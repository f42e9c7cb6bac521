"""`up server --from-volume`: a world from a copy that somebody made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs import up
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def test_from_volumes_and_from_directories(machine: SimulatedMachine, tmp_path: Path) -> None:
    machine.docker.others = {"spare", "spare-history"}
    made = up.up_server(machine, ServerWish(from_volume="spare", history="spare-history"))
    assert made.founded["versions"] == 12
    up.up_server(machine, ServerWish(name="other", from_volume=str(tmp_path)))
    assert [mounts for _, _, mounts in machine.docker.founded] == [
        {"spare": "/from/world", "spare-history": "/from/state"},
        {str(tmp_path.resolve()): "/from/world"},
    ]


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"from_volume": "nothing"}, ExitCode.NOT_FOUND),
        ({"from_volume": "/there/is/none"}, ExitCode.NOT_FOUND),
        ({"from_volume": "spare", "history": "nothing"}, ExitCode.NOT_FOUND),
        ({"from_volume": "spare", "template": "static"}, ExitCode.USAGE),
        ({"history": "spare"}, ExitCode.USAGE),
    ],
)
def test_what_is_not_there_makes_nothing(machine: SimulatedMachine, wish: dict[str, Any], code: ExitCode) -> None:
    machine.docker.others = {"spare"}
    with pytest.raises(FwrError) as raised:
        up.up_server(machine, ServerWish(**wish))
    assert (raised.value.code, bool(raised.value.hint)) == (code, True)
    assert machine.nodes.all() == []


def test_a_server_that_exists_is_not_made_from_anything(machine: SimulatedMachine) -> None:
    machine.docker.others = {"spare"}
    up.up_server(machine, ServerWish())
    with pytest.raises(FwrError) as raised:
        up.up_server(machine, ServerWish(from_volume="spare"))
    assert raised.value.code == ExitCode.TAKEN
