"""Directories of the host as a world's place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import world_directory
from fwrkit.host.adapters.nodes import Node

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")


def code_of(text: str) -> ExitCode:
    with pytest.raises(FwrError) as raised:
        world_directory.prepare(text)
    return raised.value.code


@needs_root
def test_it_belongs_to_whom_it_belongs(tmp_path: Path) -> None:
    place = tmp_path / "world"
    place.mkdir()
    os.chown(place, 1000, 1001)
    (tmp_path / "link").symlink_to("world")
    seen = world_directory.prepare(str(tmp_path / "link"))
    assert (seen.path, seen.uid, seen.gid) == (os.path.realpath(place), 1000, 1001)


@needs_root
def test_an_empty_one_of_roots_is_given_away_and_a_full_one_never(tmp_path: Path) -> None:
    place = tmp_path / "world"
    place.mkdir()
    assert world_directory.prepare(str(place)).uid == os.stat(place).st_uid == 2011
    os.chown(place, 0, 0)
    (place / "precious").touch()
    assert code_of(str(place)) == ExitCode.REFUSED
    assert os.stat(place).st_uid == 0


def test_what_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert code_of(str(tmp_path / "nothing")) == ExitCode.NOT_FOUND
    assert code_of(str(tmp_path / "file")) == ExitCode.NOT_FOUND
    assert code_of("new\nline") == ExitCode.USAGE


@pytest.mark.parametrize(
    ("directory", "is_shared"), [("/srv/a", True), ("/srv/a/b", True), ("/srv", True), ("/srv/ab", False), ("/srv/b", False)]
)
def test_no_two_nodes_share_files(directory: str, is_shared: bool) -> None:
    other = Node("other", "client", "0123456789ab", "other", 20011, world_dir="/srv/a")
    elsewhere = Node("elsewhere", "client", "0123456789ab", "elsewhere", 20012)
    try:
        world_directory.check_unshared(directory, [elsewhere, other])
    except FwrError as error:
        assert (error.code, is_shared) == (ExitCode.TAKEN, True)
    else:
        assert not is_shared


def test_one_that_vanished(tmp_path: Path) -> None:
    world_directory.check_present("", "alice")
    world_directory.check_present(str(tmp_path), "alice")
    with pytest.raises(FwrError) as raised:
        world_directory.check_present(str(tmp_path / "gone"), "alice")
    assert (raised.value.code, "fwrkit up alice" in raised.value.hint) == (ExitCode.NOT_FOUND, True)
