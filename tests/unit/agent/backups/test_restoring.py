"""A backup is looked at before anything is touched, and fills what is empty only."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwrkit.agent.backups import restoring
from fwrkit.agent.backups.archive import FIRST, Member, Writer
from fwrkit.core.commands import Command
from fwrkit.core.commands import check as check_command
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.backups.node import HEADER, NODE, back_up, check, files, live, places, restore

FEW = settings(max_examples=settings.default.max_examples // 4)  # type: ignore[union-attr]  # each starts zstd
LOCK = {"passphrase": "correct horse battery"}


def fault(file: Path, lock: dict[str, str] | None = None) -> FwrError:
    with pytest.raises(FwrError) as raised:
        check(file, lock)
    return raised.value


def plain(file: Path, *members: tuple[bytes, bytes]) -> Path:
    with file.open("wb") as out:
        writer = Writer(out.write)
        for name, content in members:
            writer.content(Member(name, False, len(content), 0o644, 0), content)
        writer.close()
    return file


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    root = tmp_path_factory.mktemp("whole")
    back_up(live(root / "one"), root / "x")
    return (root / "x").read_bytes()


@given(st.data())
@FEW
def test_a_changed_bit_of_a_compressed_one_is_seen_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, data: st.DataObject
) -> None:
    content = bytearray(whole)
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    root = tmp_path_factory.mktemp("damaged")
    (root / "x").write_bytes(content)
    try:
        assert check(root / "x").header.node == "server"
    except FwrError as error:
        assert error.code in (ExitCode.FAILED, ExitCode.REFUSED)
    else:
        (root / "whole").write_bytes(whole)
        restore(root / "x", places(root / "one"))
        restore(root / "whole", places(root / "two"))
        assert files(root / "one") == files(root / "two")


@given(st.data())
@FEW
def test_a_compressed_one_that_was_cut_short_is_seen(tmp_path_factory: pytest.TempPathFactory, whole: bytes, data: st.DataObject) -> None:
    file = tmp_path_factory.mktemp("cut") / "x"
    file.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert fault(file).code == ExitCode.FAILED


def test_what_follows_it_is_seen(tmp_path: Path, whole: bytes) -> None:
    (tmp_path / "x").write_bytes(whole + b"x")
    assert fault(tmp_path / "x").code == ExitCode.FAILED


def test_keys_come_back_for_who_can_open_them(tmp_path: Path) -> None:
    node, other = live(tmp_path / "one"), places(tmp_path / "two")
    check_command(Command(["age-keygen", "-o", str(tmp_path / "identity")]))
    text = (tmp_path / "identity").read_text()
    recipient = next(line for line in text.splitlines() if "public key" in line).rpartition(" ")[2]
    back_up(node, tmp_path / "x", lock={"recipients": [recipient]}, header={"has_keys": True})
    assert b"a secret" not in (tmp_path / "x").read_bytes()
    assert fault(tmp_path / "x", {"identity": "AGE-SECRET-KEY-1"}).code == ExitCode.REFUSED
    checked = check(tmp_path / "x", {"identity": text})
    restore(tmp_path / "x", other, {"identity": text}, tuple(checked.voids))
    assert files(other.keys) == {"host": b"a secret"}
    assert (other.keys / "host").stat().st_mode & 0o777 == 0o600
    without = places(tmp_path / "three")
    restore(tmp_path / "x", without)
    assert files(without.keys) == {}
    is_behind = [(place.state / restoring.BEHIND).exists() for place in (other, without)]
    assert is_behind == [True, False], "without its keys, no client comes that it could hear"


def test_keys_that_are_not_there_are_missed(tmp_path: Path) -> None:
    back_up(live(tmp_path / "one"), tmp_path / "x")
    assert fault(tmp_path / "x", LOCK).code == ExitCode.REFUSED


@pytest.mark.parametrize(
    "members",
    [
        [],
        [(b"world/page", b"x"), (FIRST, HEADER.encode())],
        [(FIRST, HEADER.encode()), (b"world/page", b"x"), (FIRST, HEADER.encode())],
        [(FIRST, b"x" * 100_000)],
        [(FIRST, HEADER.encode()), (b"world", b"a root")],
    ],
    ids=str,
)
def test_what_is_no_backup_is_refused(tmp_path: Path, members: list[tuple[bytes, bytes]]) -> None:
    file = plain(tmp_path / "x", *members)
    with pytest.raises(FwrError) as raised:
        check(file)
        restore(file, places(tmp_path / "two"))
    assert raised.value.code == ExitCode.FAILED


def test_the_frame_says_what_the_first_member_says(tmp_path: Path) -> None:
    back_up(live(tmp_path / "one"), tmp_path / "x")
    content = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(content.replace(b'"ada"', b'"eve"', 1))
    assert "two things" in fault(tmp_path / "x").message


def test_what_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    node, other = live(tmp_path / "one"), live(tmp_path / "two")
    back_up(node, tmp_path / "x")
    before = files(tmp_path / "two")
    with pytest.raises(FwrError) as raised:
        restore(tmp_path / "x", other)
    assert (raised.value.code, files(tmp_path / "two")) == (ExitCode.TAKEN, before)


def test_an_agent_does_not_start_on_what_is_half_restored(tmp_path: Path) -> None:
    node, other = live(tmp_path / "one"), places(tmp_path / "two")
    back_up(node, tmp_path / "x")
    content = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(content[: len(content) // 2])
    restoring.check_finished(other.state)
    with pytest.raises(FwrError):
        restore(tmp_path / "x", other)
    with pytest.raises(FwrError) as raised:
        restoring.check_finished(other.state)
    assert raised.value.code == ExitCode.HELD


def test_names_are_checked_when_it_is_filled_too(tmp_path: Path) -> None:
    file = plain(tmp_path / "x", (FIRST, dataclasses.replace(HEADER).encode()), (b"elsewhere/page", b"x"))
    with pytest.raises(FwrError):
        restore(file, places(tmp_path / "two"))
    assert files(tmp_path / "two").keys() >= {"volume/world/"}


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    back_up(live(tmp_path / "one"), tmp_path / "x")

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(restoring, "write_all", full)
    with pytest.raises(FwrError) as raised:
        restore(tmp_path / "x", places(tmp_path / "two"))
    assert raised.value.code == ExitCode.NO_SPACE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_all_of_a_client_is_its_owner_s(tmp_path: Path) -> None:
    node, other = live(tmp_path / "one"), places(tmp_path / "two")
    back_up(node, tmp_path / "x", header={"role": "client"})
    client = dataclasses.replace(NODE, role="client", owner=(4321, 4321))
    fd = os.open(tmp_path / "x", os.O_RDONLY)
    restoring.restore({"lock": None, "voids": []}, client, other, fd)
    os.close(fd)
    for root in (other.world, other.private, other.state, other.keys):
        for directory, names, inner in os.walk(root):
            for name in (".", *names, *inner):
                assert os.lstat(os.path.join(directory, name)).st_uid == 4321, name
