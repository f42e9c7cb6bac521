"""A repository on a failing disk: what is damaged is found, what the canon has is written again, commits go on."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.historian import Historian
from fwrkit.agent.server.history import History
from fwrkit.agent.server.mending import damaged
from fwrkit.agent.server.store import Store
from fwrkit.agent.settings import Settings
from fwrkit.agent.states import file_state


class Cellar:
    """Tables, canon and history with a few commits, and ways to damage them."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root / "hub.sqlite")
        self.history = History(root / "history.git", "world")
        self.canon = Canon(root, self.store, self.history)
        self.historian = Historian(self.store, self.history, self.canon, Settings())

    def put(self, path: bytes, content: bytes) -> None:
        state = file_state(content)
        with self.store.transaction():
            if self.store.place_of(state) is None:
                self.store.add_pending(state, content, None)
            self.store.set_head(path, state, len(content), 0, "alice", time.time_ns())
        self.canon.settle(path)
        self.historian.commit_some(1 << 40)

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", f"--git-dir={self.history.path}", *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def object_of(self, name: str) -> Path:
        return self.history.path / "objects" / name[:2] / name[2:]

    def harm(self, revision: str, how: str) -> str:
        name = self.git("rev-parse", revision)
        place = self.object_of(name)
        place.chmod(0o644)
        if how == "gone":
            place.unlink()
        else:
            place.write_bytes(place.read_bytes()[:5] if how == "cut short" else b"\0" * 40)
        self.history.reopen()
        return name


@pytest.fixture
def cellar(tmp_path: Path) -> Iterator[Cellar]:
    cellar = Cellar(tmp_path)
    cellar.put(b"www/old", b"first")
    cellar.put(b"www/old", b"second")
    cellar.put(b"www/sub/other", b"other")
    yield cellar
    cellar.store.close()


def test_a_whole_repository_is_left_alone(cellar: Cellar) -> None:
    assert damaged(cellar.history) == []
    cellar.historian.check()
    assert cellar.historian.alerts == []


@pytest.mark.parametrize("how", ["gone", "cut short", "zeros"])
def test_a_content_that_the_canon_has_is_written_again(cellar: Cellar, how: str) -> None:
    name = cellar.harm("main:www/old", how)
    assert name in damaged(cellar.history)
    cellar.historian.check()
    assert damaged(cellar.history) == []
    assert cellar.git("cat-file", "-p", name) == "second"
    [alert] = cellar.historian.alerts
    assert "1 contents were written again." in alert and "can not" not in alert


@pytest.mark.parametrize("how", ["gone", "cut short"])
def test_an_old_content_that_nobody_has_is_named_and_nothing_else_suffers(cellar: Cellar, how: str) -> None:
    cellar.harm("main~2:www/old", how)
    cellar.historian.check()
    [alert] = cellar.historian.alerts
    assert "1 can not be made anew." in alert
    cellar.put(b"www/new", b"goes on")
    assert cellar.git("show", "main:www/new") == "goes on"


@pytest.mark.parametrize("how", ["gone", "cut short", "zeros"])
@pytest.mark.parametrize("what", ["main^{tree}", "main:www", "main:www/sub", "main"])
def test_a_damaged_commit_or_directory_costs_no_content_of_the_canon(cellar: Cellar, what: str, how: str) -> None:
    cellar.harm(what, how)
    state = file_state(b"goes on")
    with cellar.store.transaction():
        cellar.store.add_pending(state, b"goes on", None)
        cellar.store.set_head(b"www/sub/new", state, 7, 0, "bob", time.time_ns())
    cellar.canon.settle(b"www/sub/new")
    cellar.historian._up_to = cellar.store.last_version()
    cellar.historian._work()
    cellar.historian._work()
    assert not cellar.store.has_uncommitted()
    for path, content in (("www/old", "second"), ("www/sub/other", "other"), ("www/sub/new", "goes on")):
        assert cellar.git("show", f"main:{path}") == content
    assert cellar.git("log", "-1", "--format=%an", "main") == "bob"
    assert cellar.git("log", "--format=%an", "main").splitlines()[-1] == "alice", "the commits before it are still there"
    assert any("holds the whole world" in alert for alert in cellar.historian.alerts)
    assert len(cellar.historian.alerts) == 2, "begun anew once"


def test_a_version_whose_content_nobody_has_damages_nothing_else(cellar: Cellar) -> None:
    before = cellar.git("rev-parse", "main")
    cellar.store.set_head(b"www/lost", file_state(b"nowhere"), 7, 0, "bob", time.time_ns())
    cellar.historian._up_to = cellar.store.last_version()
    with pytest.raises(KeyError, match="no content"):
        cellar.historian._work()
    assert (cellar.git("rev-parse", "main"), cellar.historian.alerts) == (before, [])


def test_the_pointer_of_a_large_file_is_written_again(cellar: Cellar, tmp_path: Path) -> None:
    cellar.historian = Historian(cellar.store, cellar.history, cellar.canon, Settings(large_limit=100))
    content = b"x" * 1000
    (cellar.canon.incoming / "alice-1").write_bytes(content)
    with cellar.store.transaction():
        cellar.store.add_pending(file_state(content), None, "alice-1")
        cellar.store.set_head(b"film", file_state(content), len(content), 0, "alice", time.time_ns())
    cellar.historian.commit_some(1 << 40)
    cellar.harm("main:film", "gone")
    cellar.historian.check()
    assert damaged(cellar.history) == []
    assert cellar.canon.read(file_state(content)) == content


@pytest.mark.parametrize(
    "text", [b"[[[ nothing that git can parse", b'[submodule "../missing"]\n\tpath = -corrupt\n\turl = -corrupt\n\tupdate = !missing\n']
)
def test_what_citizens_write_for_git_to_read_is_no_damage(cellar: Cellar, text: bytes) -> None:
    cellar.put(b".gitmodules", text)
    cellar.put(b".gitattributes", b"x" * 5000)
    assert damaged(cellar.history) == []
