"""The ground that a world stands on: refused before anything is made, or held where it is another one."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from fwrkit.agent import ground
from fwrkit.agent.files import linux
from fwrkit.agent.ground import DIRECTORY, check_place, look
from fwrkit.agent.main import main
from fwrkit.agent.settings import Node, Places, Settings
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import Finding

NODE = Node("client", "alice", "0123456789ab", "alice", "static", "Utopia", (os.geteuid(), os.getegid()), Settings())


def fault(place: Path) -> FwrError:
    with pytest.raises(FwrError) as raised:
        look(place)
    assert list(place.iterdir()) == [], "nothing stays"
    assert raised.value.message.endswith(".") and raised.value.hint
    return raised.value


def test_good_ground_is_as_it_was_before(tmp_path: Path) -> None:
    assert [(finding.check, finding.ok) for finding in look(tmp_path)][:2] == [("atomic exchange", True), ("leases", True)]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flag", [linux.RENAME_EXCHANGE, linux.RENAME_NOREPLACE])
def test_field_F13_a_filesystem_without_a_flag_of_renameat2_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: int) -> None:
    real = linux.rename

    def rename(source: int, name: bytes, target: int, new: bytes, flags: int) -> None:
        if flags == flag:
            raise OSError(errno.EINVAL, "Invalid argument")
        real(source, name, target, new, flags)

    monkeypatch.setattr(linux, "rename", rename)
    error = fault(tmp_path)
    assert (error.code, "does not exchange files (Invalid argument)" in error.message) == (ExitCode.REFUSED, True)


def test_field_F13_a_filesystem_on_which_each_file_is_being_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "take_read_lease", lambda fd: False)  # as on NFS and CIFS
    error = fault(tmp_path)
    assert (error.code, "nothing would travel" in error.message) == (ExitCode.REFUSED, True)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOLCK])
def test_a_filesystem_without_leases_is_weaker_and_good_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def lease(fd: int) -> bool:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(linux, "take_read_lease", lease)
    found = {finding.check: finding for finding in look(tmp_path)}
    assert (found["leases"].ok, found["leases"].is_weaker) == (False, True)


def test_a_directory_that_can_not_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FwrError) as raised:
        look(tmp_path / "nothing")
    assert (raised.value.code, "may not write" in raised.value.message) == (ExitCode.REFUSED, True)


def test_field_F14_a_kernel_without_landlock_is_said_and_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "landlock", lambda: Finding("Landlock", False, "None.", "Take another kernel.", is_weaker=True))
    assert look(tmp_path)[-1].message == "None."


def test_the_verb_says_it_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["ground", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["findings"][0]["check"] == "atomic exchange"
    monkeypatch.setattr(linux, "take_read_lease", lambda fd: False)
    assert main(["ground", str(tmp_path)]) == ExitCode.REFUSED
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "REFUSED"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("volume", "state"):
        (tmp_path / name).mkdir()
    return Places(tmp_path / "volume", tmp_path / "state", tmp_path / "keys", tmp_path / "run")


@pytest.mark.parametrize("memory", ["record.sqlite", "hub.sqlite"])
def test_field_F06_a_node_whose_world_is_not_where_it_was_is_held(places: Places, memory: str) -> None:
    environment = {DIRECTORY: "/home/alice/world"}
    check_place(NODE, places, environment)  # it has never had one
    (places.state / memory).touch()
    (places.volume / "lost+found").mkdir()  # what lies there besides does not matter
    with pytest.raises(FwrError) as raised:
        check_place(NODE, places, environment)
    assert (raised.value.code, "/home/alice/world" in raised.value.message) == (ExitCode.HELD, True)
    assert list(places.volume.iterdir()) == [places.volume / "lost+found"], "and nothing is made there"
    places.world.mkdir()  # it is there, or somebody wants it fetched again
    check_place(NODE, places, environment)


def test_a_world_in_a_volume_that_was_lost_is_fetched_again(places: Places) -> None:
    (places.state / "record.sqlite").touch()
    check_place(NODE, places, {})
