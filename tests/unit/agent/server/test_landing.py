"""What a stranger may have put into a replica is looked at, never followed and never waited for."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from fwrkit.agent.files.flat import place_name
from fwrkit.agent.server import landing as landing_module
from fwrkit.agent.server.landing import Landing, wanted
from fwrkit.agent.states import DIRECTORY, file_state


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    landing = Landing(tmp_path, "alice", 20000)
    landing.create()
    (tmp_path / "incoming").mkdir()
    return landing


def test_each_place_is_for_its_account_alone(landing: Landing) -> None:
    landing.create()
    for path, mode in ((landing.replica, 0o700), (landing.outbox, 0o750), (landing.unison, 0o700)):
        status = path.stat()
        assert status.st_mode & 0o7777 == mode
        assert path.parent.stat().st_mode & 0o007 == 0o001, "others may pass, not look"
        if os.geteuid() == 0:
            assert status.st_gid == 20000
            assert status.st_uid == (0 if path == landing.outbox else 20000)


def test_where_the_disk_is_full_nothing_is_left_of_what_was_copied(
    landing: Landing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try has names of its own: the disk would stay full."""
    for name in (b"one", b"two"):
        (landing.replica / place_name(name)).write_bytes(name)

    def copy(source: int, fd: int, size: int) -> bytes:
        content = os.read(source, size)
        os.write(fd, content)
        if content == b"two":
            raise OSError(errno.ENOSPC, "full")
        return file_state(content)

    monkeypatch.setattr(landing_module, "copy_all", copy)
    with pytest.raises(OSError, match="full"):
        landing.collect([(number, name, file_state(name), 3) for number, name in enumerate((b"one", b"two"))], tmp_path / "incoming", "x")
    assert list((tmp_path / "incoming").iterdir()) == []


def test_what_arrived_is_copied_and_what_did_not_is_missing(landing: Landing, tmp_path: Path) -> None:
    (landing.replica / place_name(b"here")).write_bytes(b"one")
    (landing.replica / place_name(b"other")).write_bytes(b"not what was announced")
    (landing.replica / place_name(b"empty")).write_bytes(b"")
    wants = [
        (4, b"here", file_state(b"one"), 3),
        (5, b"other", file_state(b"two"), 22),
        (6, b"gone", file_state(b"x"), 1),
        (7, b"empty", file_state(b""), 0),
    ]
    found, missing = landing.collect(wants, tmp_path / "incoming", "alice-g-1")
    assert found == {4: "alice-g-1-4", 7: "alice-g-1-7"}
    assert missing == [5, 6]
    assert {item.name: item.read_bytes() for item in (tmp_path / "incoming").iterdir()} == {"alice-g-1-4": b"one", "alice-g-1-7": b""}


def test_what_is_larger_than_announced_is_not_even_copied(landing: Landing, tmp_path: Path) -> None:
    with (landing.replica / place_name(b"p")).open("wb") as file:
        file.truncate(10**12)
    assert landing.collect([(0, b"p", file_state(b"one"), 3)], tmp_path / "incoming", "a") == ({}, [0])
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_copy_is_nobody_else_s_file(landing: Landing, tmp_path: Path) -> None:
    """Who writes on in the replica does not write into what was taken."""
    place = landing.replica / place_name(b"p")
    place.write_bytes(b"one")
    landing.collect([(0, b"p", file_state(b"one"), 3)], tmp_path / "incoming", "a")
    with place.open("r+b") as writer:
        writer.write(b"two")
    assert (tmp_path / "incoming/a-0").read_bytes() == b"one"
    assert not os.path.samefile(place, tmp_path / "incoming/a-0")


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "directory", "directory link", "socket"])
def test_nothing_planted_is_followed(landing: Landing, tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    place = landing.replica / place_name(b"p")
    if kind == "link":
        place.symlink_to(secret)
    elif kind == "dangling":
        place.symlink_to(tmp_path / "made by following")
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "directory":
        place.mkdir()
    elif kind == "directory link":
        place.symlink_to(tmp_path)
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            os.chdir(landing.replica)  # a socket's path is short
            listener.bind(place.name)
            os.chdir("/")
    found, missing = landing.collect([(0, b"p", file_state(b"secret"), 6)], tmp_path / "incoming", "a")
    assert (found, missing) == ({}, [0])
    assert list((tmp_path / "incoming").iterdir()) == []
    assert not (tmp_path / "made by following").exists()
    landing.empty_replica()
    assert list(landing.replica.iterdir()) == []
    assert secret.read_bytes() == b"secret"


def test_a_hard_link_is_only_its_content(landing: Landing, tmp_path: Path) -> None:
    """A planted hard link to another file gives its content at most to who knows its hash; the file itself is never touched."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    os.link(secret, landing.replica / place_name(b"p"))
    assert landing.collect([(0, b"p", file_state(b"guess"), 6)], tmp_path / "incoming", "a") == ({}, [0])
    landing.empty_replica()
    assert secret.read_bytes() == b"secret"
    assert secret.stat().st_nlink == 1


def test_a_link_in_the_way_of_a_copy_is_not_written_through(landing: Landing, tmp_path: Path) -> None:
    (landing.replica / place_name(b"p")).write_bytes(b"one")
    (tmp_path / "victim").write_bytes(b"victim")
    (tmp_path / "incoming/a-0").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError):
        landing.collect([(0, b"p", file_state(b"one"), 3)], tmp_path / "incoming", "a")
    assert (tmp_path / "victim").read_bytes() == b"victim"


def test_a_replica_is_prepared_with_links_and_nothing_older(landing: Landing, tmp_path: Path) -> None:
    (tmp_path / "canon").write_bytes(b"one")
    (landing.replica / "left").write_bytes(b"x")
    (landing.unison / "ar0123").write_bytes(b"x")
    landing.prepare_replica([(b"p", os.fsencode(tmp_path / "canon")), (b"gone", os.fsencode(tmp_path / "gone"))])
    assert [item.name for item in landing.replica.iterdir()] == [place_name(b"p")]
    assert os.path.samefile(landing.replica / place_name(b"p"), tmp_path / "canon")
    assert list(landing.unison.iterdir()) == []


def test_an_outbox_holds_one_run(landing: Landing, tmp_path: Path) -> None:
    for name, size in (("one", 3), ("two", 4)):
        (tmp_path / name).write_bytes(b"x" * size)
    links = [(name.encode(), os.fsencode(tmp_path / name)) for name in ("one", "two", "gone")]
    assert landing.fill_outbox(7, links) == (2, 7)
    assert sorted(item.name for item in (landing.outbox / "7").iterdir()) == sorted(place_name(name) for name in (b"one", b"two"))
    assert landing.fill_outbox(8, links[:1]) == (1, 3)
    assert [item.name for item in landing.outbox.iterdir()] == ["8"]
    landing.empty_outbox()
    assert list(landing.outbox.iterdir()) == []
    assert (tmp_path / "one").read_bytes() == b"xxx"


def test_only_files_are_wanted() -> None:
    state = file_state(b"x")
    assert wanted([(0, b"a", state, 1), (1, b"b", DIRECTORY, 0), (2, b"c", None, 0), (3, b"d", state, 1)]) == [
        (0, b"a", state, 1),
        (3, b"d", state, 1),
    ]


def test_what_the_canon_has_no_more_is_passed_over(landing: Landing, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"one")
    (tmp_path / "directory").mkdir()
    sources = ("file", "gone", "directory", "file/that/was/a/directory")
    links = [(name.encode(), os.fsencode(tmp_path / name)) for name in sources]
    assert landing.fill_outbox(1, links) == (1, 3)
