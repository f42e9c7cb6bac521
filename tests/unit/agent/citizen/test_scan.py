"""The disk against the record: what is found, what is busy, what is refused, and what is not to be taken for gone."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.scan import Findings, Scanner
from fwrkit.agent.files import reasons
from fwrkit.agent.files.ignore import ALWAYS, IgnoreList
from fwrkit.agent.files.tree import NO_STAMP, Taken, Tree
from fwrkit.agent.paths import DEPTH_LIMIT
from fwrkit.agent.states import ABSENT, DIRECTORY, State, file_state


class Desk:
    """A world, its record, and a scanner."""

    def __init__(self, root: Path, inline_limit: int = 1000, keep_limit: int = 10_000) -> None:
        self.world = root / "world"
        self.world.mkdir()
        self.tree = Tree(self.world)
        self.record = Record(root / "record.sqlite")
        self.scanner = Scanner(self.tree, self.record, IgnoreList((*ALWAYS, "cache", "**/*.tmp")), inline_limit, keep_limit)

    def write(self, path: str | bytes, content: bytes) -> None:
        place = self.world / os.fsdecode(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def agree(self) -> None:
        """Record what is on disk now."""
        for found in self.scanner.walk().found.values():
            self.record.agree(found.path, found.state, found.stamp)

    def close(self) -> None:
        self.record.close()
        self.tree.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def states(findings: Findings) -> dict[bytes, State]:
    return {path: found.state for path, found in findings.found.items()}


def test_what_is_new_changed_or_gone_is_found(desk: Desk) -> None:
    desk.write("same", b"1")
    desk.write("changed", b"1")
    desk.write("gone", b"1")
    desk.write("d/inner", b"1")
    desk.agree()
    assert states(desk.scanner.walk()) == {}
    desk.write("changed", b"22")
    (desk.world / "gone").unlink()
    shutil.rmtree(desk.world / "d")
    desk.write(b"new/\xff", b"3")
    expected = {
        b"changed": file_state(b"22"), b"gone": ABSENT, b"d": ABSENT, b"d/inner": ABSENT, b"new": DIRECTORY, b"new/\xff": file_state(b"3"),
    }  # fmt: skip
    findings = desk.scanner.walk()
    assert states(findings) == expected
    assert findings.found[b"changed"].content == b"22"
    for hints in ([b"changed", b"gone", b"d", b"new"], [b"new/\xff", b"d/inner", b"d", b"gone", b"changed"]):
        assert states(desk.scanner.look(hints)) == expected


def test_a_look_is_only_at_what_was_named_and_beneath_it(desk: Desk) -> None:
    desk.write("a/x", b"1")
    desk.write("b/x", b"1")
    assert states(desk.scanner.look([b"a"])) == {b"a": DIRECTORY, b"a/x": file_state(b"1")}
    assert states(desk.scanner.look([b"b/x"])) == {b"b": DIRECTORY, b"b/x": file_state(b"1")}, "and the directories above it"
    assert states(desk.scanner.look([b"never there"])) == {}
    assert set(states(desk.scanner.look([b""]))) == {b"a", b"a/x", b"b", b"b/x"}


def test_a_change_of_time_alone_is_no_edit_and_is_read_once(desk: Desk) -> None:
    desk.write("a", b"1")
    desk.agree()
    os.utime(desk.world / "a", ns=(5, 5))
    assert states(desk.scanner.walk()) == {}
    entry = desk.record.get(b"a")
    assert entry is not None and entry.stamp.time == 5


def test_a_change_that_keeps_size_and_time_is_an_edit(desk: Desk) -> None:
    desk.write("a", b"1")
    os.utime(desk.world / "a", ns=(5, 5))
    desk.agree()
    desk.write("a", b"2")
    os.utime(desk.world / "a", ns=(5, 5))
    assert states(desk.scanner.walk()) == {b"a": file_state(b"2")}


def test_what_was_sent_without_an_answer_is_found_again(desk: Desk) -> None:
    desk.write("a", b"1")
    desk.write("d/x", b"1")
    desk.agree()
    for path in (b"a", b"d", b"never"):
        desk.record.will_send(path, desk.record.state(path))
    assert states(desk.scanner.walk()) == {b"a": file_state(b"1"), b"d": DIRECTORY, b"never": ABSENT}


def test_what_is_being_written_is_busy(desk: Desk) -> None:
    with (desk.world / "a").open("wb") as writer:
        writer.write(b"half")
        writer.flush()
        findings = desk.scanner.walk()
    assert (findings.busy, states(findings)) == ({b"a": reasons.BEING_WRITTEN}, {})
    assert states(desk.scanner.look([b"a"])) == {b"a": file_state(b"half")}


def test_what_does_not_travel_is_refused_once_and_stays(desk: Desk) -> None:
    desk.write("www/.git/config", b"x")
    desk.write("www/file", b"x")
    os.mkfifo(desk.world / "fifo")
    (desk.world / "link").symlink_to("/etc/passwd")
    (desk.world / "dirlink").symlink_to(desk.world / "www")
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(desk.world)
        listener.bind("socket")
        os.chdir("/")
        findings = desk.scanner.walk()
    assert states(findings) == {b"www": DIRECTORY, b"www/file": file_state(b"x")}
    assert findings.refused == {
        b"fifo": "a FIFO does not travel",
        b"link": "a symbolic link does not travel",
        b"dirlink": "a symbolic link does not travel",
        b"socket": "a socket does not travel",
        b"www/.git": "a git repository inside a world stays where it is",
    }
    for path, told in ((b"fifo", b"fifo"), (b"link", b"link"), (b"www/.git", b"www/.git"), (b"www/.git/config", b"www/.git")):
        look = desk.scanner.look([path])
        assert list(look.refused) == [told] and states(look) in ({}, {b"www": DIRECTORY})
    shutil.rmtree(desk.world / "www/.git")
    assert not desk.scanner.look([b"www/.git", b"www/.git/config"]).refused


def test_what_is_ignored_is_not_there(desk: Desk) -> None:
    for path in ("cache/x", "a.tmp", "www/b.tmp/c", ".fwr-sentinel", "www/.htaccess"):
        desk.write(path, b"x")
    desk.write("www/page", b"x")
    assert states(desk.scanner.walk()) == {b"www": DIRECTORY, b"www/page": file_state(b"x")}
    for hint in (b"cache", b"cache/x", b"a.tmp", b".fwr-sentinel", b"www/b.tmp/c"):
        findings = desk.scanner.look([hint])
        assert (states(findings), findings.refused) == ({}, {})


def test_what_came_to_be_ignored_is_not_deleted_for_everybody(desk: Desk) -> None:
    desk.write("old/x", b"1")
    desk.agree()
    desk.scanner.ignored = IgnoreList(["old"])
    shutil.rmtree(desk.world / "old")
    assert states(desk.scanner.walk()) == {}
    assert states(desk.scanner.look([b"old", b"old/x"])) == {}


@pytest.mark.parametrize("hints", [None, [b"d"], [b"d/x"], [b"d/x", b"d"], [b"d", b"d/x"]])
def test_what_lies_behind_a_link_is_not_gone(desk: Desk, tmp_path: Path, hints: list[bytes] | None) -> None:
    """A directory was moved to another disk, and a link put in its place: what can not be seen is not deleted for everybody."""
    desk.write("d/x", b"1")
    desk.agree()
    (desk.world / "d").rename(tmp_path / "elsewhere")
    (desk.world / "d").symlink_to(tmp_path / "elsewhere")
    findings = desk.scanner.walk() if hints is None else desk.scanner.look(hints)
    assert states(findings) == {}
    assert b"d" in findings.refused


def test_a_file_that_became_a_link_is_not_gone(desk: Desk) -> None:
    desk.write("a", b"1")
    desk.agree()
    (desk.world / "a").rename(desk.world / "b")
    (desk.world / "a").symlink_to("b")
    for findings in (desk.scanner.walk(), desk.scanner.look([b"a", b"b"])):
        assert states(findings) == {b"b": file_state(b"1")}
        assert b"a" in findings.refused


def test_files_and_directories_take_each_other_s_place(desk: Desk) -> None:
    desk.write("a", b"1")
    desk.write("d/x/y", b"1")
    desk.agree()
    (desk.world / "a").unlink()
    desk.write("a/new", b"2")
    shutil.rmtree(desk.world / "d")
    desk.write("d", b"3")
    expected = {b"a": DIRECTORY, b"a/new": file_state(b"2"), b"d": file_state(b"3"), b"d/x": ABSENT, b"d/x/y": ABSENT}
    assert states(desk.scanner.walk()) == expected
    assert states(desk.scanner.look([b"a", b"d"])) == expected


def test_what_is_large_is_noticed_and_not_read(desk: Desk) -> None:
    desk.write("fits", b"x" * 1000)
    desk.write("large", b"x" * 1001)
    findings = desk.scanner.walk()
    assert not findings.found[b"fits"].is_large
    large = findings.found[b"large"]
    assert (large.is_large, large.content, large.stamp.size) == (True, None, 1001)


def test_no_more_is_kept_in_memory_than_allowed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, 1000, 2500)
    for number in range(5):
        desk.write(f"{number}", b"%d" % number * 1000)
    findings = desk.scanner.walk()
    assert [len(found.content or b"") for found in findings.found.values()] == [1000, 1000, 0, 0, 0]
    assert all(found.state == file_state(path * 1000) for path, found in findings.found.items())
    desk.close()


def test_what_may_not_be_looked_into_is_not_gone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("d/x", b"1")
    desk.agree()
    real = os.scandir

    def scandir(fd: int) -> object:
        if os.path.basename(os.readlink(f"/proc/self/fd/{fd}")) == "d":
            raise PermissionError(13, "no")
        return real(fd)

    monkeypatch.setattr(os, "scandir", scandir)
    findings = desk.scanner.walk()
    assert (states(findings), list(findings.refused)) == ({}, [b"d"])


_names = st.sampled_from(["a", "b", "a/x", "a/x/y", "b/z"])
_contents = st.sampled_from([None, b"", b"1", b"22"])
_worlds = st.dictionaries(_names, _contents, max_size=5)


def lay(desk: Desk, wanted: dict[str, bytes | None]) -> dict[bytes, State]:
    """Make the world exactly this, as far as it can be, and return it."""
    for item in desk.world.iterdir():
        shutil.rmtree(item) if item.is_dir() else item.unlink()
    for path, content in sorted(wanted.items()):
        if any((desk.world / above).is_file() for above in Path(path).parents):
            continue
        if content is None:
            (desk.world / path).mkdir(parents=True, exist_ok=True)
        else:
            desk.write(path, content)
    found: dict[bytes, State] = {}
    for place in desk.world.rglob("*"):
        found[os.fsencode(place.relative_to(desk.world))] = DIRECTORY if place.is_dir() else file_state(place.read_bytes())
    return found


@given(_worlds, _worlds)
def test_a_walk_finds_exactly_the_difference(
    tmp_path_factory: pytest.TempPathFactory, first: dict[str, bytes | None], second: dict[str, bytes | None]
) -> None:
    desk = Desk(tmp_path_factory.mktemp("scan"))
    before = lay(desk, first)
    desk.agree()
    assert {entry.path: entry.state for entry in desk.record.all()} == before
    after = lay(desk, second)
    expected = {path: after.get(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert states(desk.scanner.look(sorted(before.keys() | after.keys()))) == expected
    assert states(desk.scanner.walk()) == expected
    desk.close()


def nested(world: Path, depth: int) -> None:
    """Make so many directories in one another with a file at the bottom, one by one, as a path to it may be longer than a path can be."""
    fd = os.open(world, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(os.open("bottom", os.O_WRONLY | os.O_CREAT, dir_fd=fd))
    os.close(fd)


def unnested(world: Path, depth: int) -> None:
    """Remove what :func:`nested` made: Python's own way of removing a tree is recursive."""
    os.unlink(world / ("d/" * depth + "bottom"))
    for above in range(depth, 0, -1):
        os.rmdir(world / ("d/" * above))


def test_field_F04_what_lies_too_deep_is_refused_in_words_at_its_outermost(desk: Desk) -> None:
    nested(desk.world, 1200)
    findings = desk.scanner.walk()
    assert len(findings.found) == DEPTH_LIMIT + 1, "what is not too deep travels"
    ((path, reason),) = findings.refused.items()
    assert path == b"/".join([b"d"] * (DEPTH_LIMIT + 2)) and "128 directories deep" in reason
    findings = desk.scanner.look([b"d/" * 700 + b"d"])
    assert (list(findings.refused), findings.found) == ([path], {}), "and it is the same one, whichever of it is looked at"
    unnested(desk.world, 1200)


def test_field_F04_what_is_agreed_on_goes_on_to_travel_however_deep(desk: Desk) -> None:
    """A world may be older than the limit: what it has can be changed, and deleted."""
    nested(desk.world, 300)
    bottom = b"d/" * 300 + b"bottom"
    for depth in range(1, 301):
        desk.record.agree(b"/".join([b"d"] * depth), DIRECTORY, NO_STAMP)
    desk.record.agree(bottom, file_state(b"before"), NO_STAMP)
    assert states(desk.scanner.walk()) == {bottom: file_state(b"")}
    unnested(desk.world, 300)
    assert states(desk.scanner.walk()) == dict.fromkeys((bottom, *(b"/".join([b"d"] * depth) for depth in range(1, 301))), ABSENT)


def test_field_F12_what_lies_in_a_closed_directory_is_named_and_is_not_gone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("d/a", b"1")
    desk.agree()
    status = desk.tree.status

    def closed(path: bytes) -> os.stat_result | None:
        if path.startswith(b"d/"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return status(path)

    monkeypatch.setattr(desk.tree, "status", closed)
    findings = desk.scanner.look([b"d/a", b"d/new"])
    assert findings.found == {}
    assert all("the agent may not look into it" in reason for reason in findings.refused.values()) and findings.refused


def test_field_F12_a_new_directory_that_is_closed_stops_no_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("closed/a", b"1")
    desk.write("open/a", b"1")
    entries = desk.tree._entries

    def refusing(path: bytes, closed: Callable[[bytes], None] | None) -> list[tuple[bytes, os.stat_result]]:
        if path != b"closed":
            return entries(path, closed)
        if closed is None:
            raise PermissionError(errno.EACCES, "Permission denied")
        closed(path)
        return []

    monkeypatch.setattr(desk.tree, "_entries", refusing)
    findings = desk.scanner.walk()
    assert set(findings.found) == {b"closed", b"open", b"open/a"}
    assert "look into it" in findings.refused[b"closed"]


def test_field_F16_what_can_not_be_read_is_named_with_owner_and_mode(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("a", b"1")
    (desk.world / "a").chmod(0)

    def closed(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(desk.tree, "take", closed)
    findings = desk.scanner.walk()
    assert "mode 0000" in findings.refused[b"a"] and "chmod" in findings.refused[b"a"]


def test_a_file_that_the_disk_can_not_read_stops_no_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("a", b"1")
    desk.write("b", b"2")
    take = desk.tree.take

    def damaged(path: bytes, limit: int) -> Taken:
        if path == b"a":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return take(path, limit)

    monkeypatch.setattr(desk.tree, "take", damaged)
    findings = desk.scanner.walk()
    assert states(findings) == {b"b": file_state(b"2")}
    assert os.strerror(errno.EIO) in findings.refused[b"a"]


def test_field_F15_what_is_larger_than_the_server_takes_is_never_read(desk: Desk) -> None:
    with (desk.world / "image").open("wb") as file:
        file.truncate(1 << 40)
    desk.scanner.file_limit = 1 << 36
    findings = desk.scanner.walk()
    assert findings.found == {}
    assert "64 GiB" in findings.refused[b"image"]


SQLITE = b"SQLite format 3\x00" + b"page" * 10


@pytest.mark.parametrize(
    "content", [SQLITE, SQLITE * 100, b"\x37\x7f\x06\x82log", b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7journal", b"\x18\xe2\x2d\x00index"]
)
def test_field_F30_a_live_database_is_known_by_its_content_whatever_its_name(desk: Desk, content: bytes) -> None:
    desk.write("orders.data", content)
    desk.write("about.txt", b"SQLite is a database")
    findings = desk.scanner.walk()
    assert states(findings) == {b"about.txt": file_state(b"SQLite is a database")}
    assert "SQLite" in findings.left_out[b"orders.data"] and not findings.refused


def test_field_F22_what_is_left_out_is_named_by_its_outermost_path(desk: Desk) -> None:
    desk.write("cache/deep/a", b"1")
    desk.write("d/.htaccess", b"Deny from all")
    desk.write("d/page~", b"an editor's")
    desk.write("d/page", b"1")
    findings = desk.scanner.walk()
    assert set(findings.left_out) == {b"cache", b"d/.htaccess"}, "what editors leave beside a document is not worth a word"
    assert "Apache" in findings.left_out[b"d/.htaccess"] and "template" in findings.left_out[b"cache"]
    assert set(desk.scanner.look([b"cache/deep/a"]).left_out) == {b"cache"}
    shutil.rmtree(desk.world / "cache")
    assert desk.scanner.look([b"cache"]).left_out == {}


def test_field_F05_a_directory_that_stayed_for_a_node_s_own_is_not_sent_again(desk: Desk) -> None:
    desk.write("shop/orders.data", SQLITE)
    (desk.world / "shop/link").symlink_to("/etc")
    findings = desk.scanner.walk()
    assert findings.found == {}
    assert b"shop" in findings.left_out
    desk.write("shop/page", b"1")
    assert set(states(desk.scanner.walk())) == {b"shop", b"shop/page"}, "with something that travels, it does"


def test_field_F18_a_file_with_other_names_is_named_by_its_inode(desk: Desk) -> None:
    desk.write("a", b"1")
    os.link(desk.world / "a", desk.world / "b")
    desk.write("c", b"1")
    desk.agree()
    with (desk.world / "a").open("ab") as file:
        file.write(b"2")
    findings = desk.scanner.look([b"a"])
    assert set(findings.found) == {b"a"}
    assert sorted(desk.record.paths_of(findings.linked)) == [b"a", b"b"]


@pytest.mark.parametrize(
    "name",
    [
        "#letter.html#",
        "~$report.docx",
        ".goutputstream-X1",
        "._photo.jpg",
        "4913",
        "film.crdownload",
        ".~lock.a.odt#",
        "a~",
        ".a.swp",
        ".a.un~",
    ],
)
def test_field_F24_what_programs_write_beside_a_document_stays_at_home(desk: Desk, name: str) -> None:
    desk.write(f"www/{name}", b"half a sentence")
    desk.write("www/page", b"1")
    assert set(states(desk.scanner.walk())) == {b"www", b"www/page"}


@pytest.mark.parametrize("name", ["letter#1.html", "~home", "photo.jpg", "4913.txt", "part.html", "$price", "a.swp", "tmp.html"])
def test_what_only_looks_like_it_travels(desk: Desk, name: str) -> None:
    desk.write(f"www/{name}", b"1")
    assert set(states(desk.scanner.walk())) == {b"www", f"www/{name}".encode()}


def test_what_can_not_be_seen_any_more_was_looked_at(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be looked at again in each turn."""
    desk.write("d/a", b"1")

    def closed(_: bytes) -> os.stat_result | None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(desk.tree, "status", closed)
    assert b"d/a" in desk.scanner.look([b"d/a"]).looked_at
