"""What was written comes back, and nothing else does."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.backups import archive
from fwrkit.agent.backups.archive import FIRST, LAST, Member, Reader, Writer
from fwrkit.core.errors import ExitCode, FwrError

NAMES = st.lists(
    st.binary(min_size=1, max_size=40).filter(lambda part: b"/" not in part and b"\0" not in part and part not in (b".", b"..")),
    min_size=1,
    max_size=5,
).map(b"/".join)
FILES = st.dictionaries(NAMES, st.binary(max_size=2000), max_size=6).map(
    lambda found: {name: content for name, content in found.items() if not any(other.startswith(name + b"/") for other in found)}
)


def written(files: dict[bytes, bytes], times: int = 0) -> bytes:
    out = io.BytesIO()
    writer = Writer(out.write)
    writer.content(Member(FIRST, False, 2, 0o644, times), b"{}")
    for name, content in files.items():
        writer.content(Member(b"world/" + name, False, len(content), 0o640, times, (2011, 2011)), content)
    writer.close()
    return out.getvalue()


def read(content: bytes) -> tuple[dict[bytes, bytes], Reader]:
    reader = Reader(io.BytesIO(content).read)
    return {member.name: b"".join(pieces) for member, pieces in reader.members()}, reader


def fault(content: bytes) -> str:
    with pytest.raises(FwrError) as raised:
        read(content)
    assert raised.value.code == ExitCode.FAILED
    return raised.value.message


def rewritten(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A tar that somebody else wrote, with a manifest that fits."""
    out, lines = io.BytesIO(), []
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
            lines.append(archive.Line(os.fsencode(info.name), len(data), hashlib.sha256(data).hexdigest(), False).encode())
        position = out.tell()
        manifest = archive._manifest(lines, hashlib.sha256(out.getvalue()[:position]).hexdigest())
    return out.getvalue()[:position] + Member(LAST, False, len(manifest), 0o644, 0).encode() + manifest


@given(FILES, st.integers(-(10**18), 4 * 10**18))
def test_everything_comes_back(files: dict[bytes, bytes], time: int) -> None:
    content = written(files, time)
    found, reader = read(content)
    assert found == {FIRST: b"{}", **{b"world/" + name: data for name, data in files.items()}}
    assert (reader.files, reader.size) == (len(files) + 1, 2 + sum(map(len, files.values())))
    again = Reader(io.BytesIO(content).read)
    assert {member.time for member, _ in again.members()} == {time}


def test_any_tar_reads_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(written({b"www/p\xc3\xa4ge": b"text", b"x" * 200: b"long", b"raw\xff": b"bytes"}))) as tar:
        names = {os.fsencode(info.name) for info in tar}
        assert names == {FIRST, b"world/www/p\xc3\xa4ge", b"world/" + b"x" * 200, b"world/raw\xff", LAST}
        assert len(written({})) % tarfile.RECORDSIZE == 0


@given(st.data())
def test_a_changed_bit_anywhere_is_seen(data: st.DataObject) -> None:
    content = bytearray(written({b"www/page": b"text" * 200, b"empty": b"", b"n" * 150: b"more"}, 1_795_132_800_123_456_789))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    assert fault(bytes(content))


def test_every_byte_counts() -> None:
    content = written({b"www/page": b"text", b"n" * 150: b"more"}, 1_795_132_800_123_456_789)
    for position in range(0, len(content), 3):
        assert fault(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])


@given(st.data())
def test_one_that_was_cut_short_is_seen(data: st.DataObject) -> None:
    content = written({b"www/page": b"text" * 500})
    assert fault(content[: data.draw(st.integers(0, len(content) - 1))])


def test_it_says_where() -> None:
    content = written({b"www/one": b"one", b"www/two": b"two"})
    position = content.index(b"two", content.index(b"www/two") + 7)
    assert "'world/www/two' is not what was written" in fault(content[:position] + b"x" + content[position + 1 :])
    assert "after 'world/www/one'" in fault(content[: content.index(b"world/www/two")])
    assert "behind its end" in fault(content + b"x")


def test_what_changes_while_it_is_read_is_void(tmp_path: Path) -> None:
    place, out = tmp_path / "page", io.BytesIO()
    place.write_bytes(b"before")
    writer = Writer(out.write)

    class Meddling(io.BytesIO):
        def write(self, piece: object) -> int:
            place.write_bytes(b"meanwhile, and longer")
            return 0

    fd = os.open(place, os.O_RDONLY)
    try:
        member = Member.of(b"world/page", os.fstat(fd))
        writer._write = lambda piece: (out.write(piece), Meddling().write(piece))
        assert not writer.file(member, fd, is_last_try=False)
        writer._write = out.write
        assert writer.file(Member.of(b"world/page", os.fstat(fd)), fd, is_last_try=False)
    finally:
        os.close(fd)
    writer.close()
    reader = Reader(io.BytesIO(out.getvalue()).read)
    seen = [(member.name, b"".join(pieces)) for member, pieces in reader.members()]
    assert (reader.voids, seen[1]) == ([0], (b"world/page", b"meanwhile, and longer"))
    assert (reader.files, writer.files) == (1, 1)


def info(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    for field, value in {"mode": 0o644, **fields}.items():
        setattr(made, field, value)
    return made


def test_the_forger_can_forge() -> None:
    content = rewritten((info("world/page"), b"text"))
    assert "it ends" in fault(content), "all but the end is as it has to be"


@pytest.mark.parametrize(
    "members",
    [
        [(info("world/../../etc/passwd"), b"x")],
        [(info("/etc/passwd"), b"x")],
        [(info("world//page"), b"x")],
        [(info("world/./page"), b"x")],
        [(info("elsewhere/page"), b"x")],
        [(info("manifest"), b"x")],
        [(info("world/link", tarfile.SYMTYPE, linkname="/etc/passwd"), b"")],
        [(info("world/link", tarfile.LNKTYPE, linkname="world/page"), b"")],
        [(info("world/null", tarfile.CHRTYPE, devmajor=1, devminor=3), b"")],
        [(info("world/pipe", tarfile.FIFOTYPE), b"")],
        [(info("world/page"), b"x"), (info("world/page"), b"y")],
        [(info("world/page"), b"x"), (info("world/page/inner"), b"y")],
        [(info("world/page"), b"x"), (info("world/page", tarfile.DIRTYPE), b"")],
        [(info("world/suid", mode=0o4755), b"x")],
        [(info("world/owner", uname="root"), b"x")],
        [(info("world/page", pax_headers={"comment": "hidden"}), b"x")],
        [(info("world/page", pax_headers={"mtime": "nan"}), b"x")],
        [(info("world/page", pax_headers={"mtime": "5.000000000"}), b"x")],
        [(info("world/page", pax_headers={"path": "world/../x"}), b"x")],
    ],
    ids=lambda members: "+".join(f"{info.name}-{info.type.decode()}-{info.mode:o}-{info.uname}-{info.pax_headers}" for info, _ in members),
)
def test_what_nobody_wrote_is_no_member(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    said = fault(rewritten((info("fwrkit.json"), b"{}"), *members))
    assert "it ends" not in said
