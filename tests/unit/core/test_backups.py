"""What a backup says of itself, compressed or not."""

from __future__ import annotations

import dataclasses
import io
import json
import tarfile

import pytest

from fwrkit.core import backups
from fwrkit.core.backups import FORMAT, HEADER, Checked, Header, Made
from fwrkit.core.errors import ExitCode, FwrError

HEADER_OF_ALICE = Header(
    FORMAT, "0.1.0", 1_795_132_800, "client", "alice", "0" * 12, "alice", "w1", "world", "static", "", True, {"name": "alice"}
)


def tar_with(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def test_a_header_comes_back() -> None:
    assert Header.decode(HEADER_OF_ALICE.encode()) == HEADER_OF_ALICE


@pytest.mark.parametrize("is_compressed", [True, False])
def test_a_machine_without_zstd_reads_what_a_file_is(is_compressed: bool) -> None:
    encoded = HEADER_OF_ALICE.encode()
    content = backups.frame(encoded) + b"(zstd)" if is_compressed else tar_with(HEADER, encoded)
    assert backups.read_header(io.BytesIO(content)) == HEADER_OF_ALICE


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"no backup at all" * 100,
        tar_with("another", b"{}"),
        tar_with(HEADER, b"no JSON"),
        tar_with(HEADER, b"{}"),
        tar_with(HEADER, b"[]"),
        backups.frame(HEADER_OF_ALICE.encode())[:40],
        backups.FRAME + b"\xff\xff\xff\xff",
        backups.frame(dataclasses.replace(HEADER_OF_ALICE, role="king").encode()),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_backup_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(FwrError) as raised:
        backups.read_header(io.BytesIO(content))
    assert raised.value.code == ExitCode.FAILED


def test_one_of_a_later_fwrkit_is_refused() -> None:
    later = json.dumps({**dataclasses.asdict(HEADER_OF_ALICE), "format": FORMAT + 1, "fwrkit": "9.0"}).encode()
    with pytest.raises(FwrError) as raised:
        Header.decode(later)
    assert (raised.value.code, "9.0" in raised.value.message) == (ExitCode.REFUSED, True)


def test_what_came_of_it_comes_back_from_json() -> None:
    made, checked = Made(3, 10, 1, 1, ["world/link: no regular file"], []), Checked(HEADER_OF_ALICE, 3, 10, [2])
    assert Made.from_json(json.loads(json.dumps(made.to_json()))) == made
    assert Checked.from_json(json.loads(json.dumps(checked.to_json()))) == checked
