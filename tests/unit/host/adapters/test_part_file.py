"""A file is there whole or not at all, and nobody's is replaced."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import part_file


def fault(target: Path, error: BaseException | None = None) -> FwrError:
    with pytest.raises(FwrError) as raised, part_file.written(target) as file:
        file.write(b"half")
        if error is not None:
            raise error
    return raised.value


def test_it_is_there_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "x"
    with part_file.written(target) as file:
        file.write(b"content")
        assert not target.exists()
        assert os.listdir(tmp_path) == ["x.part"]
    assert (target.read_bytes(), os.listdir(tmp_path), target.stat().st_mode & 0o777) == (b"content", ["x"], 0o600)


def test_of_one_that_fails_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), part_file.written(tmp_path / "x"):
        raise KeyboardInterrupt
    assert fault(tmp_path / "x", OSError(errno.ENOSPC, "full")).code == ExitCode.NO_SPACE
    assert os.listdir(tmp_path) == []


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    assert fault(tmp_path / "x").code == ExitCode.TAKEN
    (tmp_path / "y").symlink_to(tmp_path / "nowhere")
    assert fault(tmp_path / "y").code == ExitCode.TAKEN
    with pytest.raises(FwrError) as raised, part_file.written(tmp_path / "z"):
        (tmp_path / "z").write_text("somebody was quicker")
    assert (raised.value.code, (tmp_path / "z").read_text()) == (ExitCode.TAKEN, "somebody was quicker")
    assert sorted(os.listdir(tmp_path)) == ["x", "y", "z"]


def test_a_filesystem_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    with part_file.written(tmp_path / "x") as file:
        file.write(b"content")
    assert (tmp_path / "x").read_bytes() == b"content"
    with pytest.raises(FwrError) as raised, part_file.written(tmp_path / "y"):
        (tmp_path / "y").write_text("somebody was quicker")
    assert raised.value.code == ExitCode.TAKEN


def test_two_that_write_one_file(tmp_path: Path) -> None:
    with part_file.written(tmp_path / "x") as file:
        file.write(b"first")
        assert fault(tmp_path / "x").code == ExitCode.TAKEN
        part_file.drop_leftover(tmp_path / "x.part")
        assert (tmp_path / "x.part").exists()
    assert (tmp_path / "x").read_bytes() == b"first"


def test_what_a_killed_one_left(tmp_path: Path) -> None:
    (tmp_path / "x.part").write_bytes(b"longer than what follows")
    with part_file.written(tmp_path / "x") as file:
        file.write(b"content")
    assert (tmp_path / "x").read_bytes() == b"content"
    (tmp_path / "y.part").write_bytes(b"left")
    part_file.drop_leftover(tmp_path / "y.part")
    part_file.drop_leftover(tmp_path / "nothing.part")
    with (tmp_path / "z.part").open("wb") as used:
        fcntl.flock(used, fcntl.LOCK_EX)
        part_file.drop_leftover(tmp_path / "z.part")
    assert sorted(os.listdir(tmp_path)) == ["x", "z.part"]


def test_no_such_directory(tmp_path: Path) -> None:
    assert fault(tmp_path / "no" / "x").code == ExitCode.NOT_FOUND
