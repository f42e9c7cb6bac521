"""What the commands that read the history print: for people without surprises, byte for byte where bytes are asked for."""

from __future__ import annotations

import base64

import pytest

from fwrkit.core.errors import ExitCode
from fwrkit.core.history import Snapshot
from fwrkit.host.adapters.agent import LogFilter
from tests.unit.host.cli.conftest import Fwrkit
from tests.unit.host.simulated import VERSIONS, SimulatedMachine


@pytest.fixture(autouse=True)
def server(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    fwrkit("up", "server")
    machine.republic.log = list(VERSIONS)


def test_log(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    said = fwrkit("log", "a", "--by", "bob", "--since", "3 days ago", "--limit", "7")
    assert said.out.splitlines() == [
        "bbbbbbbbbb  2026-11-20 10:00:05 UTC  bob  2 changes: a, www/x",
        "  ~ a  4 bytes",
        "  - www/x",
        "aaaaaaaaaa  2026-11-20 00:00:00 UTC  alice  edit a",
        "  + a\\n\\x1b[1m  4 bytes",
    ]
    assert machine.republic.looked_up == [("server", LogFilter("a", "bob", "3 days ago", "", 7))]
    machine.republic.log = []
    assert fwrkit("log").out == "Nothing.\n"


def test_show_and_diff(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    said = fwrkit("show", "bbbb")
    assert "more words" in said.out and "+two" in said.out and "it goes on" in said.out
    assert fwrkit("show", "cccc").status == ExitCode.NOT_FOUND
    said = fwrkit("diff", "aaaa", "bbbb", "www")
    assert said.out.startswith("aaaaaaaaaa → bbbbbbbbbb\n  ~ a  4 bytes\n")
    assert machine.republic.looked_up[-1] == ("server", ("aaaa", "bbbb", "www"))
    machine.republic.log = [VERSIONS[1].__class__("c" * 40, 1, "x", "y", 0)]
    assert "No difference." in fwrkit("diff", "cccc", "cccc").out


def test_blame_prints_nothing_that_a_terminal_would_obey(fwrkit: Fwrkit) -> None:
    assert fwrkit("blame", "a").out == "bbbbbbbbbb  2026-11-20 10:00:05 UTC  bob     1  a line\\x1b[31m\n"


def test_cat_prints_the_bytes(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    machine.republic.contents["a@v"] = bytes(range(128)) * 3
    said = fwrkit("cat", "a@v")
    assert (said.status, said.out) == (0, bytes(range(128)).decode() * 3)
    said = fwrkit("cat", "a@v", "--json")
    assert base64.b64decode(said.data["base64"]) == bytes(range(128)) * 3
    assert fwrkit("cat", "a@w").status == ExitCode.NOT_FOUND


def test_snapshots(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    assert "There are no snapshots" in fwrkit("snapshots").out
    assert fwrkit("snapshot", "v1", "--at", "aaaa").out == "v1 is version aaaaaaaaaa\n"
    assert fwrkit("snapshot", "v1").status == ExitCode.TAKEN
    machine.republic.snapshots.append(Snapshot("odd", "b" * 40, 1_795_132_800, "eve", False, "nobody signed it"))
    rows = [line.split() for line in fwrkit("snapshots").out.splitlines()]
    assert rows[0] == ["NAME", "MADE", "BY", "VERSION", "VERIFIED"]
    assert (rows[1][0], rows[1][-1], rows[2][-4:]) == ("v1", "yes", ["NO:", "nobody", "signed", "it"])


def test_history_gc(fwrkit: Fwrkit) -> None:
    assert fwrkit("history", "gc").out.splitlines() == [
        "server: 3.0 MiB before, 10 KiB now",
        "2 old contents of large files (2 KiB) are kept no longer.",
    ]
    assert fwrkit("history").status in (0, ExitCode.USAGE)
