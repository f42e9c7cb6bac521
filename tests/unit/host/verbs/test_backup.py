"""Backups: one file that is whole or not there, a node that runs or not, and what is kept of them."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from fwrkit.core import backups
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs import backup as verb
from fwrkit.host.verbs import down, join, up
from fwrkit.host.verbs.backup import BackedUp, BackupWish
from fwrkit.host.verbs.join import JoinWish
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def nothing(_: bytes) -> None:
    raise AssertionError("nothing goes to standard output")


@pytest.fixture
def republic(machine: SimulatedMachine) -> SimulatedMachine:
    up.up_server(machine, ServerWish())
    join.join(machine, JoinWish("server", "alice"))
    return machine


def back_up(machine: SimulatedMachine, **wish: Any) -> BackedUp:
    return verb.backup(machine, BackupWish(**{"node": "alice", **wish}), nothing)


def fault(machine: SimulatedMachine, **wish: Any) -> FwrError:
    with pytest.raises(FwrError) as raised:
        back_up(machine, **wish)
    return raised.value


def test_a_file_of_that_name(republic: SimulatedMachine, tmp_path: Path) -> None:
    file = tmp_path / "alice.fwrkit"
    made = back_up(republic, target=str(file), lock={"passphrase": "secret"})
    content = file.read_bytes()
    assert (made.file, made.size, made.files, made.content, made.has_keys) == (str(file), len(content), 3, 1500, True)
    with file.open("rb") as opened:
        header = backups.read_header(opened)
    assert (header.node, header.role, header.has_keys, header.record["name"]) == ("alice", "client", True, "alice")
    assert b"secret" not in content
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["home", "alice.fwrkit"] or sorted(os.listdir(tmp_path)) == ["alice.fwrkit", "home"]


def test_a_name_of_its_own(republic: SimulatedMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = back_up(republic, target=str(tmp_path))
    assert re.fullmatch(r"alice-\d{4}-\d\d-\d\dT\d{6}Z\.fwrkit", Path(made.file).name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(verb, "_now", lambda: "2026-11-26T031200Z")
    assert back_up(republic).file == str(tmp_path / "alice-2026-11-26T031200Z.fwrkit")
    assert fault(republic).code == ExitCode.TAKEN


def test_a_file_is_never_written_over(republic: SimulatedMachine, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    assert fault(republic, target=str(tmp_path / "x")).code == ExitCode.TAKEN
    assert (tmp_path / "x").read_text() == "mine"
    assert republic.backed_up == []


@pytest.mark.parametrize("error", [FwrError(ExitCode.FAILED, "No.", ""), KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
def test_no_half_file_is_left(republic: SimulatedMachine, tmp_path: Path, error: BaseException) -> None:
    republic.fails.append(error)
    with pytest.raises((FwrError, KeyboardInterrupt)) as raised:
        back_up(republic, target=str(tmp_path / "x"))
    assert not list(tmp_path.glob("x*"))
    if isinstance(error, OSError):
        assert isinstance(raised.value, FwrError)
        assert raised.value.code == ExitCode.NO_SPACE


def test_standard_output(republic: SimulatedMachine) -> None:
    pieces: list[bytes] = []
    made = verb.backup(republic, BackupWish("alice", "-"), pieces.append)
    assert (made.file, made.size) == ("-", len(b"".join(pieces)))


def test_a_node_that_is_down(republic: SimulatedMachine, tmp_path: Path) -> None:
    for name in ("alice", "server"):
        down.down(republic, name)
        back_up(republic, node=name, target=str(tmp_path / name))
        assert republic.backed_up[-1] == (name, None, True, True)
        assert republic.services(name) == set()
    alice = republic.home.network("alice", "site")
    assert alice not in republic.docker.networks, "what was made for it is gone again"


def test_what_makes_no_sense(republic: SimulatedMachine, tmp_path: Path) -> None:
    assert fault(republic, node="nobody").code == ExitCode.NOT_FOUND
    assert fault(republic, target=str(tmp_path / "no/x")).code == ExitCode.NOT_FOUND
    assert fault(republic, target=str(tmp_path / "no") + "/").code == ExitCode.NOT_FOUND
    assert fault(republic, target=str(tmp_path / "x"), keep=3).code == ExitCode.USAGE
    assert fault(republic, target=str(tmp_path / "x"), restic="/r").code == ExitCode.USAGE


def test_only_its_own_older_ones_go(republic: SimulatedMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "kept"
    place.mkdir()
    times = iter(f"2026-11-{day:02}T031200Z" for day in range(1, 30))
    monkeypatch.setattr(verb, "_now", lambda: next(times))
    for _ in range(4):
        back_up(republic, target=str(place))
    strangers = ["alice-2026-10-01T000000Z.fwrkit", "alice-notes.fwrkit", "bob-2026-10-01T000000Z.fwrkit", "alice-2026-10-01T000001Z.tar"]
    for name in strangers:
        (place / name).write_bytes(b"not what its name says")
    (place / "alice-2026-10-02T000000Z.fwrkit").symlink_to(place / "alice-2026-11-01T031200Z.fwrkit")
    back_up(republic, node="server", target=str(place))
    (place / "alice-2026-10-03T000000Z.fwrkit.part").write_bytes(b"of a killed one")
    made = back_up(republic, target=str(place), keep=2)
    assert [Path(path).name for path in made.removed] == [f"alice-2026-11-{day:02}T031200Z.fwrkit" for day in (1, 2, 3)]
    left = {"alice-2026-11-04T031200Z.fwrkit", "server-2026-11-05T031200Z.fwrkit", "alice-2026-11-06T031200Z.fwrkit"}
    assert set(os.listdir(place)) == {*left, *strangers, "alice-2026-10-02T000000Z.fwrkit"}


def test_another_node_of_that_name_keeps_its_own(republic: SimulatedMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(f"2026-11-{day:02}T031200Z" for day in range(1, 30))
    monkeypatch.setattr(verb, "_now", lambda: next(times))
    back_up(republic, target=str(tmp_path))
    republic.change("alice", node_id="f" * 12)
    assert back_up(republic, target=str(tmp_path), keep=1).removed == []


def test_a_failed_one_removes_nothing(republic: SimulatedMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(f"2026-11-{day:02}T031200Z" for day in range(1, 30))
    monkeypatch.setattr(verb, "_now", lambda: next(times))
    for _ in range(2):
        back_up(republic, target=str(tmp_path))
    before = sorted(os.listdir(tmp_path))
    republic.fails.append(FwrError(ExitCode.FAILED, "No.", ""))
    assert fault(republic, target=str(tmp_path), keep=1).message == "No."
    assert sorted(os.listdir(tmp_path)) == before


class Enough(Exception):
    """So many backups were made."""


def test_again_and_again(republic: SimulatedMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(f"2026-11-{day:02}T031200Z" for day in range(1, 30))
    monkeypatch.setattr(verb, "_now", lambda: next(times))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 4:
            raise Enough

    monkeypatch.setattr(time, "sleep", sleep)
    told: list[BackedUp | FwrError] = []
    republic.fails.append(FwrError(ExitCode.FAILED, "No.", ""))
    with pytest.raises(Enough):
        verb.every(republic, BackupWish("alice", str(tmp_path), keep=2), 3600, nothing, told.append)
    assert [type(each) for each in told] == [FwrError, BackedUp, BackedUp, BackedUp]
    assert all(3000 < seconds <= 4 * 3600 for seconds in slept)
    assert len(list(tmp_path.glob("*.fwrkit"))) == 2


def test_again_and_again_needs_a_place(republic: SimulatedMachine, tmp_path: Path) -> None:
    with pytest.raises(FwrError) as raised:
        verb.every(republic, BackupWish("alice", str(tmp_path / "x")), 3600, nothing, lambda _: None)
    assert raised.value.code == ExitCode.USAGE


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("24h", 86400), ("7d", 604800), ("2w", 1209600)])
def test_spans(text: str, seconds: int) -> None:
    assert verb.span(text) == seconds


@pytest.mark.parametrize("text", ["", "24", "h", "0h", "-1h", "1.5h", "1 day", "99999999999d"])
def test_no_spans(text: str) -> None:
    with pytest.raises(FwrError) as raised:
        verb.span(text)
    assert raised.value.code == ExitCode.USAGE


def test_restic_gets_it_uncompressed(republic: SimulatedMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, saved = tmp_path / "calls", tmp_path / "saved"
    program = tmp_path / "restic"
    program.write_text(f'#!/bin/sh\necho "$*" >> {calls}\n[ "$3" != backup ] || cat > {saved}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    made = back_up(republic, restic="/repo", keep=5)
    node = republic.nodes.get("alice")
    assert republic.backed_up[-1] == ("alice", None, False, False)
    assert saved.stat().st_size == made.size
    verbs = [line.split()[2] for line in calls.read_text().splitlines()]
    assert verbs == ["snapshots", "backup", "forget"]
    assert f"--tag fwrkit-alice-{node.node_id} --group-by  --keep-last 5" in calls.read_text()


@pytest.mark.parametrize(("size", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB")])
def test_amounts(size: int, text: str) -> None:
    assert verb.amount(size) == text
