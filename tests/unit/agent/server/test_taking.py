"""What a client brings is looked at before anything of it is believed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fwrkit.agent.heads import NAMESPACE, head_text
from fwrkit.agent.packing import write_pack
from fwrkit.agent.server import taking
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.snapshots import make_snapshot
from fwrkit.agent.server.taking import Taken
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.past import BEGIN, Past


class Meeting:
    """A server's history, which ends at ``since``, and a client's, which goes on."""

    def __init__(self, root: Path) -> None:
        for name in ("keys", "client", "state"):
            (root / name).mkdir()
        self.state = root / "state"
        self.authority = Authority(root / "keys", None)
        self.authority.create()
        self.past = Past(root / "client")
        self.since = self.past.put(a=b"1", d_e=b"x")
        subprocess.run(["cp", "-r", self.past.repository.path, self.state / "history.git"], check=True)
        self.version = self.past.put("bob", a=b"2", d_e=None, new=b"n")

    def taken(self, version: str = "", number: int = 0, since: str | None = None) -> Taken:
        text = head_text(version or self.version, "world", number or self.past.count, BEGIN)
        data = text + self.authority.sign_text(text, NAMESPACE)
        return Taken(data.hex(), self.since if since is None else since, "bob")

    def pack(self, *versions: str, since: str | None = None) -> Path:
        place = taking.begin(self.state)
        assert write_pack(self.past.repository, place, versions or [self.version], self.since if since is None else since).is_ok
        return place

    def fault(self, taken: Taken) -> str:
        with pytest.raises(FwrError) as caught:
            taking.examine(self.state, taken, [self.authority.public])
        assert caught.value.code is ExitCode.REFUSED
        assert taking.taken_before(self.state) is None
        return caught.value.message


@pytest.fixture
def meeting(tmp_path: Path) -> Meeting:
    return Meeting(tmp_path)


def test_what_is_whole_is_written_down(meeting: Meeting) -> None:
    meeting.pack()
    taken = meeting.taken()
    taking.examine(meeting.state, taken, [])
    assert taking.taken_before(meeting.state) == taken
    assert (taken.head.version, taken.head.number) == (meeting.version, 2)
    assert taking.brought(meeting.state).kinds([meeting.version])
    taking.let_go(meeting.state)
    assert taking.taken_before(meeting.state) is None
    assert not (meeting.state / taking.PLACE).exists()


def test_a_server_without_any_history_takes_all_of_it(meeting: Meeting) -> None:
    meeting.pack(since="")
    taking.examine(meeting.state, meeting.taken(since=""), [])
    assert taking.taken_before(meeting.state) is not None


@pytest.mark.parametrize("place", [20, -30])
def test_a_damaged_pack(meeting: Meeting, place: int) -> None:
    pack = meeting.pack()
    content = bytearray(pack.read_bytes())
    content[place] ^= 1
    pack.write_bytes(content)
    assert "damaged" in meeting.fault(meeting.taken())


def test_one_that_is_cut_off(meeting: Meeting) -> None:
    pack = meeting.pack()
    os.truncate(pack, pack.stat().st_size // 2)
    assert "damaged" in meeting.fault(meeting.taken())


def test_one_without_what_was_signed(meeting: Meeting) -> None:
    meeting.pack(meeting.since, since="")
    assert "does not hold the version" in meeting.fault(meeting.taken())


def test_one_in_which_something_is_missing(meeting: Meeting) -> None:
    place = taking.begin(meeting.state)
    listed = f"{meeting.version}\n".encode()
    packed = meeting.past.repository.run("pack-objects", "--stdout", "-q", stdin=listed)  # the version's own object, nothing else
    place.write_bytes(packed.stdout)
    assert "parts of it are missing" in meeting.fault(meeting.taken())


def test_one_that_does_not_follow_what_is_here(meeting: Meeting, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Past(tmp_path / "other")
    version = other.put(a=b"other")
    place = taking.begin(meeting.state)
    assert write_pack(other.repository, place, [version]).is_ok
    assert "does not follow" in meeting.fault(meeting.taken(version, 1))


def test_one_that_says_another_number_than_it_has(meeting: Meeting) -> None:
    meeting.pack()
    assert "another version" in meeting.fault(meeting.taken(number=3))


def test_a_path_that_is_none(meeting: Meeting) -> None:
    version = meeting.past.write("bob", {b"www/../evil": b"evil"})
    meeting.pack(version)
    assert "no path" in meeting.fault(meeting.taken(version))


def test_snapshots_come_along_if_they_are_signed(meeting: Meeting, tmp_path: Path) -> None:
    make_snapshot(meeting.past.history, meeting.authority, "mine", "", "alice", BEGIN)
    (tmp_path / "other-keys").mkdir()
    other = Authority(tmp_path / "other-keys", None)
    other.create()
    make_snapshot(meeting.past.history, other, "theirs", "", "alice", BEGIN)
    later = meeting.past.put(a=b"later")
    make_snapshot(meeting.past.history, meeting.authority, "later", "", "alice", BEGIN)
    tags = meeting.past.repository.references("refs/tags/")
    meeting.pack(meeting.version, later, *tags.values())
    taking.examine(meeting.state, meeting.taken(number=2), [meeting.authority.public])
    taken = taking.taken_before(meeting.state)
    assert taken is not None and taken.snapshots == {"mine": tags["mine"]}, "neither by another authority, nor of what is not taken"
