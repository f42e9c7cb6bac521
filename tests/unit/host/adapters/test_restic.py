"""restic itself, on a repository in a directory: a snapshot is there if everything was sent, and not otherwise."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from fwrkit.core.commands import Command, check
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.restic import Restic


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("RESTIC_PASSWORD", "for this test")
    monkeypatch.setenv("RESTIC_CACHE_DIR", str(tmp_path / "cache"))
    path = str(tmp_path / "repository")
    check(Command(["restic", "--repo", path, "init"]))
    return path


def dumped(repository: str, *words: str) -> bytes:
    return check(Command(["restic", "--repo", repository, "dump", *words])).stdout


def snapshots(repository: str) -> int:
    return check(Command(["restic", "--repo", repository, "snapshots", "--json"])).stdout.count(b'"short_id"')


def test_what_is_sent_comes_back_and_older_ones_go(repository: str) -> None:
    restic = Restic(repository)
    restic.check()

    def send(write: Callable[[bytes], object], number: int) -> None:
        write(b"%d" % number)
        write(b"x" * 1_000_000)

    for number in range(3):
        restic.save("alice.fwrkit", "fwrkit-alice", partial(send, number=number))
    restic.save("bob.fwrkit", "fwrkit-bob", partial(send, number=7))
    assert dumped(repository, "latest", "alice.fwrkit", "--tag", "fwrkit-alice") == b"2" + b"x" * 1_000_000
    restic.forget("fwrkit-alice", 1)
    assert snapshots(repository) == 2
    assert dumped(repository, "latest", "bob.fwrkit", "--tag", "fwrkit-bob").startswith(b"7")


def test_of_one_that_fails_there_is_no_snapshot(repository: str) -> None:
    def send(write: Callable[[bytes], object]) -> None:
        write(b"half")
        raise FwrError(ExitCode.FAILED, "No.", "")

    with pytest.raises(FwrError) as raised:
        Restic(repository).save("alice.fwrkit", "fwrkit-alice", send)
    assert (raised.value.message, snapshots(repository)) == ("No.", 0)


def test_what_restic_says_is_said(repository: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FwrError) as raised:
        Restic(repository + "-nowhere").check()
    assert (raised.value.code, "restic init" in raised.value.hint) == (ExitCode.FAILED, True)
    monkeypatch.setenv("RESTIC_PASSWORD", "another")

    def send(write: Callable[[bytes], object]) -> None:
        for _ in range(100):
            write(b"x" * 100_000)

    with pytest.raises(FwrError):
        Restic(repository).save("x", "t", send)
    with pytest.raises(FwrError):
        Restic(repository).forget("t", 1)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(FwrError) as raised:
        Restic(repository).check()
    assert raised.value.code == ExitCode.NOT_FOUND
