"""A tree is copied while others change it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwrkit.agent.files.copying import Copied, Copier
from fwrkit.agent.files.tree import Tree
from fwrkit.agent.states import file_state


class Meddler(Copier):
    """Lets somebody change the source after each of the first passes."""

    def __init__(self, source: Path, target: Path, *edits: object) -> None:
        super().__init__(Tree(source), Tree(target), lambda path: path.endswith(b".no"), lambda _: None)
        self.edits = list(edits)

    def _pass(self) -> bool:
        result = super()._pass()
        if self.edits:
            edit = self.edits.pop(0)
            assert callable(edit)
            edit()
        return result


@pytest.fixture
def places(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    (tmp_path / "source").mkdir()
    (tmp_path / "target").mkdir()
    yield tmp_path / "source", tmp_path / "target"


def listing(root: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in sorted(root.rglob("*"))}


def test_files_directories_and_times_are_copied_and_nothing_else(places: tuple[Path, Path]) -> None:
    source, target = places
    (source / "a/empty").mkdir(parents=True)
    (source / "a/x").write_bytes(b"x" * 3_000_000)
    (source / "a/y.no").write_text("left out")
    os.utime(source / "a/x", ns=(5, 1_600_000_000_123_456_789))
    os.symlink("/etc/passwd", source / "link")
    os.mkfifo(source / "fifo")
    copier = Meddler(source, target)
    assert copier.run(pause=0.006)
    assert listing(target) == {"a": None, "a/empty": None, "a/x": b"x" * 3_000_000}
    assert (target / "a/x").stat().st_mtime_ns == 1_600_000_000_123_456_789
    assert copier.copied == {
        b"a": Copied(b""), b"a/empty": Copied(b""), b"a/x": Copied(file_state(b"x" * 3_000_000), 3_000_000, 1_600_000_000_123_456_789),
    }  # fmt: skip


def test_what_changes_meanwhile_is_copied_again(places: tuple[Path, Path]) -> None:
    source, target = places
    (source / "d").mkdir()
    for name in ("stays", "changes", "goes", "d/inner", "becomes"):
        (source / name).write_text(name)

    def first() -> None:
        (source / "changes").write_text("something else")
        (source / "goes").unlink()
        (source / "d/inner").unlink()
        (source / "d").rmdir()
        (source / "d").write_text("a file now")
        (source / "becomes").unlink()
        (source / "becomes/deep").mkdir(parents=True)

    copier = Meddler(source, target, first, lambda: (source / "late").write_text("late"))
    assert copier.run(pause=0.006)
    assert listing(target) == listing(source)
    assert {path.decode() for path in copier.copied} == set(listing(source))


def test_what_never_comes_to_rest_is_said(places: tuple[Path, Path]) -> None:
    source, target = places
    numbers = iter(range(100))
    (source / "x").write_text("first")
    copier = Meddler(source, target, *[lambda: (source / "x").write_text(f"edit {next(numbers)}") for _ in range(9)])
    assert not copier.run(passes=5, pause=0.006)
    assert (target / "x").read_text().startswith("edit ")


EDITS = st.lists(st.tuples(st.sampled_from(["a", "b", "a/x", "b/y", "b/z/w"]), st.sampled_from(["file", "directory", "gone"])), max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(EDITS, min_size=1, max_size=4))
def test_the_copy_is_what_the_source_is_at_last(tmp_path_factory: pytest.TempPathFactory, rounds: list[list[tuple[str, str]]]) -> None:
    root = tmp_path_factory.mktemp("copy")
    (root / "source").mkdir()
    (root / "target").mkdir()

    def work(edits: list[tuple[str, str]]) -> None:
        for number, (name, what) in enumerate(edits):
            path = root / "source" / name
            try:
                if path.is_dir() and what != "directory":
                    path.rmdir()
                elif path.exists() and what == "gone":
                    path.unlink()
                if what == "file":
                    path.write_text(f"{number} of {edits}")
                elif what == "directory":
                    path.mkdir()
            except OSError:
                continue

    work(rounds[0])
    copier = Meddler(root / "source", root / "target", *[lambda edits=edits: work(edits) for edits in rounds[1:]])
    assert copier.run(pause=0.006)
    while copier.edits:  # it came to rest before they were made
        assert copier.run(pause=0.006)
    assert copier.run(pause=0.006)
    assert listing(root / "target") == listing(root / "source")
