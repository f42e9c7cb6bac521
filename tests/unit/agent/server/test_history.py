"""The history, read back with git itself."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.paths import ancestors, is_beneath
from fwrkit.agent.repository import Pointer, pointer_text
from fwrkit.agent.server.history import History, Version, group_by_author, message_of
from fwrkit.agent.states import ABSENT, DIRECTORY, State, file_state, is_directory, is_file

QUICK = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def git(history: History, *words: str | bytes) -> bytes:
    return subprocess.run(["git", "-C", str(history.path), *words], check=True, capture_output=True).stdout


def tree_of(history: History, commit: str) -> dict[bytes, bytes]:
    """Return the files of a commit as git says: path to blob id in hex."""
    files = {}
    for line in git(history, "ls-tree", "-r", "-z", commit).split(b"\0")[:-1]:
        head, _, path = line.partition(b"\t")
        files[path] = head.split()[2]
    return files


class Writer:
    """Commits contents by name, as the historian does."""

    def __init__(self, root: Path) -> None:
        self.history = History(root / "history.git", "world")
        self.contents: dict[bytes, bytes] = {}
        self.ids = itertools.count(1)

    def version(self, path: bytes, content: bytes | None, author: str = "alice", note: str = "") -> Version:
        """Return a version: a content, or None for a deletion."""
        state: State = ABSENT
        if content is not None:
            state = file_state(content)
            self.contents[state] = content
        return Version(next(self.ids), path, state, author, 1_700_000_000 * 10**9, note)

    def directory(self, path: bytes, author: str = "alice") -> Version:
        return Version(next(self.ids), path, DIRECTORY, author, 1_700_000_000 * 10**9, "")

    def blob(self, version: Version) -> bytes:
        assert isinstance(version.state, bytes)
        return self.history.write(self.contents[version.state])

    def commit(self, *versions: Version) -> str:
        return self.history.commit(list(versions), self.blob)

    def files(self, commit: str = "main") -> dict[bytes, bytes]:
        return {path: git(self.history, "cat-file", "blob", oid) for path, oid in tree_of(self.history, commit).items()}

    def check_clean(self) -> None:
        done = subprocess.run(["git", "-C", str(self.history.path), "fsck", "--strict", "--full"], check=False, capture_output=True)
        assert done.returncode == 0, done.stderr.decode(errors="replace")


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path)


def test_a_commit_says_who_when_and_what(writer: Writer) -> None:
    assert writer.history.head() == ""
    commit = writer.commit(writer.version(b"www/a", b"one"), writer.version(b"b", b"two"))
    assert writer.history.head() == commit
    shown = git(writer.history, "log", "--format=%H %an %ae %at %s", "main").decode()
    assert shown == f"{commit} alice alice@world 1700000000 2 changes: www/a, b\n"
    assert writer.files() == {b"www/a": b"one", b"b": b"two"}
    second = writer.commit(writer.version(b"www/a", None, "bob"))
    assert git(writer.history, "rev-list", "main").decode().split() == [second, commit]
    assert writer.files() == {b"b": b"two"}
    assert writer.files(commit) == {b"www/a": b"one", b"b": b"two"}
    writer.check_clean()


def test_names_of_any_bytes(writer: Writer) -> None:
    names = [b"\xff", b"\xc3", b"a\nb", b" ", b"-rf", b'"', b"a\\b", b"n" * 255, b"\x01", "\N{PILE OF POO}".encode(), b"www/\xfe/\xff"]
    writer.commit(*(writer.version(name, b"of " + name) for name in names))
    assert writer.files() == {name: b"of " + name for name in names}
    writer.check_clean()
    writer.commit(*(writer.version(name, None) for name in names[:-1]))
    assert writer.files() == {names[-1]: b"of " + names[-1]}
    writer.check_clean()


def test_names_are_in_git_s_own_order(writer: Writer) -> None:
    """A directory sorts as if its name ended with a slash: a wrong order does not pass fsck, and git finds nothing in it."""
    names = [b"a/x", b"a-", b"a.b", b"a0", b"a/y", b"aa", b"a.c/z", b"a-b/c"]
    writer.commit(*(writer.version(name, name) for name in names))
    assert sorted(writer.files()) == sorted(names)
    writer.check_clean()


def test_files_and_directories_take_each_other_s_place(writer: Writer) -> None:
    writer.commit(writer.version(b"a", b"file"))
    writer.commit(writer.version(b"a", None), writer.directory(b"a"), writer.version(b"a/b", b"inner"))
    assert writer.files() == {b"a/b": b"inner"}
    writer.commit(writer.version(b"a/b", None), writer.version(b"a", b"file again"))
    assert writer.files() == {b"a": b"file again"}
    writer.commit(writer.directory(b"a"))
    assert writer.files() == {}
    writer.commit(writer.version(b"a/b/c", b"deep"), writer.version(b"a/b/c", None), writer.version(b"a/b", b"less deep"))
    assert writer.files() == {b"a/b": b"less deep"}
    writer.check_clean()


def test_what_is_empty_is_in_no_tree(writer: Writer) -> None:
    writer.commit(writer.directory(b"a"), writer.directory(b"a/b"), writer.version(b"c", b"x"))
    assert writer.files() == {b"c": b"x"}
    writer.commit(writer.version(b"a/b/d", b"x"))
    writer.commit(writer.version(b"a/b/d", None))
    assert git(writer.history, "ls-tree", "--name-only", "main").split() == [b"c"]
    writer.commit(writer.version(b"missing/deep/x", None))
    assert writer.files() == {b"c": b"x"}
    writer.check_clean()


def test_a_directory_that_is_only_made_does_not_empty_what_is_there(writer: Writer) -> None:
    writer.commit(writer.version(b"a/b", b"x"))
    writer.commit(writer.directory(b"a"))
    assert writer.files() == {b"a/b": b"x"}


def test_a_blob_is_read_back(writer: Writer) -> None:
    for content in (b"", b"x", b"\0\xff" * 1000, b"version https://git-lfs.github.com/spec/v1\n"):
        assert writer.history.read(writer.history.write(content)) == content
    with pytest.raises(KeyError):
        writer.history.read(b"\0" * 20)


def test_a_large_object_is_a_pointer_that_git_lfs_understands(writer: Writer, tmp_path: Path) -> None:
    content = os.urandom(5000)
    source = tmp_path / "received"
    source.write_bytes(content)
    state = file_state(content)
    oid = writer.history.write_large(state, len(content), source)
    name = hashlib.sha256(content).hexdigest()
    pointer = git(writer.history, "cat-file", "blob", oid.hex()).decode()
    assert pointer == f"version https://git-lfs.github.com/spec/v1\noid sha256:{name}\nsize 5000\n"
    assert (writer.history.path / "lfs/objects" / name[:2] / name[2:4] / name).read_bytes() == content
    source.unlink()
    assert writer.history.read(oid) == content
    assert writer.history.large_object(state) is not None
    source.write_bytes(content)
    assert writer.history.write_large(state, len(content), source) == oid
    assert writer.history.large_object(file_state(b"other")) is None


def test_a_repository_is_taken_up_where_it_was(writer: Writer, tmp_path: Path) -> None:
    first = writer.commit(writer.version(b"a", b"x"))
    again = Writer(tmp_path)
    assert again.history.head() == first
    again.commit(again.version(b"b", b"y"))
    assert again.files() == {b"a": b"x", b"b": b"y"}


def test_it_can_be_cloned(writer: Writer, tmp_path: Path) -> None:
    writer.commit(writer.version(b"www/index.html", b"x"), writer.version(b"\xff", b"y"))
    subprocess.run(["git", "clone", "-q", str(writer.history.path), str(tmp_path / "clone")], check=True, capture_output=True)
    assert (tmp_path / "clone/www/index.html").read_bytes() == b"x"
    assert (tmp_path / "clone" / os.fsdecode(b"\xff")).read_bytes() == b"y"


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ([(b"a", A := file_state(b"x"), "")], "edit a\n"),
        ([(b"a", ABSENT, "")], "delete a\n"),
        ([(b"a", DIRECTORY, "")], "make directory a\n"),
        ([(b"a\nb", A, "")], "edit a b\n"),
        ([(b"a", A, ""), (b"b", A, "")], "2 changes: a, b\n"),
        ([(name, A, "") for name in (b"a", b"b", b"c", b"d")], "4 changes: a, b, c…\n"),
        ([(b"a", A, "merged with bob")], "edit a\n\na: merged with bob\n"),
        ([(b"\xff", A, "")], "edit \N{REPLACEMENT CHARACTER}\n"),
    ],
)
def test_messages(versions: list[tuple[bytes, State, str]], expected: str) -> None:
    assert message_of([Version(1, path, state, "alice", 0, note) for path, state, note in versions]) == expected


# grouping

PATHS = [b"a", b"a/b", b"a/b/c", b"d"]


def consistent(steps: list[tuple[str, bytes, bytes | None]]) -> list[Version]:
    """Return versions as the fold makes them: whatever is in the way goes first, whatever is missing above is made."""
    tree: dict[bytes, bytes] = {}
    versions: list[Version] = []

    def put(author: str, path: bytes, state: State) -> None:
        versions.append(Version(len(versions) + 1, path, state, author, len(versions) * 10**9, ""))
        if isinstance(state, bytes):
            tree[path] = state
        else:
            del tree[path]

    def clear(author: str, path: bytes) -> None:
        for other in sorted((other for other in tree if is_beneath(other, path)), reverse=True):
            put(author, other, ABSENT)

    for author, path, content in steps:
        if content is None:
            clear(author, path)
            if path in tree:
                put(author, path, ABSENT)
            continue
        for above in ancestors(path):
            if is_file(tree.get(above)):
                put(author, above, ABSENT)
            if above not in tree:
                put(author, above, DIRECTORY)
        state = DIRECTORY if content == b"" else file_state(content)
        if is_file(state):
            clear(author, path)
        if tree.get(path) != state:
            put(author, path, state)
    return versions


scripts = st.lists(
    st.tuples(st.sampled_from(["alice", "bob"]), st.sampled_from(PATHS), st.sampled_from([None, b"", b"one", b"two", b"three"])),
    max_size=14,
).map(consistent)


@given(scripts)
def test_every_version_is_in_one_commit_of_its_author_and_can_be_brought_back(versions: list[Version]) -> None:
    """Replay the commits on a tree of files: after a version's commit its path holds just that version; and the end is the end."""
    groups = group_by_author(versions)
    assert sorted(version.id for group in groups for version in group) == [version.id for version in versions]
    tree: dict[bytes, State] = {}
    for group in groups:
        assert len({version.author for version in group}) == 1
        assert [version.id for version in group] == sorted(version.id for version in group)
        for version in group:
            tree[version.path] = version.state
        for version in group:
            assert tree[version.path] == version.state
            if is_file(version.state):
                for above in ancestors(version.path):
                    assert not is_file(tree.get(above)), "a file stands where its directory was"
    final: dict[bytes, State] = {version.path: version.state for version in versions}
    assert tree == final


@given(scripts)
def test_versions_of_one_path_stay_in_their_order(versions: list[Version]) -> None:
    order = {version.id: number for number, group in enumerate(group_by_author(versions)) for version in group}
    for one, other in itertools.combinations(versions, 2):
        if one.path == other.path:
            assert order[one.id] < order[other.id]
        elif is_beneath(one.path, other.path) or is_beneath(other.path, one.path):
            assert order[one.id] <= order[other.id]


def test_a_burst_is_few_commits() -> None:
    versions = [Version(number, b"%d" % number, file_state(b"x"), "ab"[number % 2], 0, "") for number in range(100)]
    assert [len(group) for group in group_by_author(versions)] == [50, 50]


@pytest.fixture(scope="module")
def quick_root() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(dir=QUICK))
    yield root
    shutil.rmtree(root)


@given(scripts)
def test_git_has_every_version_in_some_commit(quick_root: Path, versions: list[Version]) -> None:
    shutil.rmtree(quick_root / "history.git", ignore_errors=True)
    writer = Writer(quick_root)
    writer.contents = {file_state(text): text for text in (b"one", b"two", b"three")}
    final: dict[bytes, bytes] = {}
    for group in group_by_author(versions):
        commit = writer.history.commit(group, writer.blob)
        files = read_files(writer.history, commit)
        for version in group:
            if isinstance(version.state, bytes) and is_file(version.state):
                assert files[version.path] == writer.contents[version.state]
            else:
                assert version.path not in files
        final = files
    expected: dict[bytes, State] = {version.path: version.state for version in versions}
    assert final == {
        path: writer.contents[state] for path, state in expected.items() if isinstance(state, bytes) and not is_directory(state)
    }


def read_files(history: History, commit: str) -> dict[bytes, bytes]:
    """Return a commit's files without starting git: raw trees, read as git's documentation describes them."""
    repository = history._repository
    files: dict[bytes, bytes] = {}

    def read(prefix: bytes, oid: str) -> None:
        data = bytes(repository[oid].read_raw())
        while data:
            head, _, rest = data.partition(b"\0")
            mode, _, name = head.partition(b" ")
            inner, data = rest[:20].hex(), rest[20:]
            if mode == b"40000":
                read(prefix + name + b"/", inner)
            else:
                files[prefix + name] = bytes(repository[inner].read_raw())

    read(b"", str(repository[commit].tree_id))
    return files


def test_what_was_written_and_read_does_not_stay_in_memory(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    for number in range(20):
        writer.history.commit([writer.version(b"www/d/page", b"%d" % number)], writer.blob)
    used, _ = pygit2.settings.cached_memory
    assert used == 0


def test_a_pointer_is_never_taken_for_the_content_that_is_gone(writer: Writer, tmp_path: Path) -> None:
    content = b"x" * 100
    (tmp_path / "source").write_bytes(content)
    oid = writer.history.write_large(file_state(content), len(content), tmp_path / "source")
    large = writer.history.large_object(file_state(content))
    assert large is not None
    large.unlink()
    with pytest.raises(KeyError):
        writer.history.read(oid, file_state(content))
    text = pointer_text(Pointer(file_state(content), len(content)))
    assert writer.history.read(oid, file_state(text)) == text, "a citizen's own file may look like one"


def test_a_reference_is_made_once(writer: Writer) -> None:
    writer.history.add_tag("refs/tags/v1", b"object " + b"0" * 40 + b"\ntype commit\ntag v1\n\n")
    with pytest.raises(pygit2.AlreadyExistsError):
        writer.history.add_tag("refs/tags/v1", b"object " + b"1" * 40 + b"\ntype commit\ntag v1\n\n")


def test_field_F04_trees_are_as_deep_as_paths_can_be(writer: Writer) -> None:
    """A world from before there was a limit may have such a path: its history goes on, and its deletion is written."""
    deep = b"d/" * 1500 + b"bottom"
    writer.commit(writer.version(deep, b"x"), writer.version(b"beside", b"y"))
    assert set(writer.history.files({})) == {deep, b"beside"}
    assert writer.history.is_readable()
    writer.commit(writer.version(deep, b"changed"))
    assert writer.history.read(writer.history.files({})[deep].oid) == b"changed"
    writer.commit(writer.version(deep, None))
    assert set(writer.history.files({})) == {b"beside"}
