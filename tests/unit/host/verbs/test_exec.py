"""`exec`: as whom, where, and never through a shell."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs import up
from fwrkit.host.verbs.down import down
from fwrkit.host.verbs.exec import execute
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def test_as_the_worlds_owner_in_the_world(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    argv = list(execute(machine, "server", ["sh", "-c", "echo $HOME; ls"], has_terminal=False).argv)
    assert argv[-3:] == ["sh", "-c", "echo $HOME; ls"]
    assert argv[argv.index("--user") + 1] == "2011:2011"
    assert argv[argv.index("--workdir") + 1] == "/srv/fwr/world"
    assert "--tty" not in argv
    assert "--tty" in execute(machine, "server", ["ls"], has_terminal=True).argv


def test_only_where_it_runs(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    down(machine, "server")
    with pytest.raises(FwrError) as raised:
        execute(machine, "server", ["ls"], has_terminal=False)
    assert raised.value.code == ExitCode.UNREACHABLE
