"""Contents that a run has brought and nobody has placed yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.agent.citizen.staged import Staged
from fwrkit.agent.files.flat import place_name
from fwrkit.agent.states import file_state

A, B = file_state(b"a"), file_state(b"b")


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, Staged]:
    """Staging, where runs bring things, and where they are kept."""
    for name in ("staging", "staged"):
        (tmp_path / name).mkdir()
    return tmp_path / "staging", tmp_path / "staged", Staged(tmp_path / "staged")


def arrive(staging: Path, path: bytes, content: bytes) -> dict[str, bytes]:
    (staging / place_name(path)).write_bytes(content)
    return {place_name(path): file_state(content)}


def test_what_arrived_is_found_by_path_and_content(places: tuple[Path, Path, Staged]) -> None:
    staging, kept, staged = places
    staged.add(staging, {**arrive(staging, b"p", b"a"), **arrive(staging, b"\xff", b"b")})
    assert list(staging.iterdir()) == []
    found = staged.find(b"p", A)
    assert found is not None and found.read_bytes() == b"a"
    assert staged.find(b"p", B) is None
    assert staged.find(b"q", A) is None
    found.unlink()
    assert staged.find(b"p", A) is None
    assert len(list(kept.iterdir())) == 1


def test_a_newer_content_replaces_an_older(places: tuple[Path, Path, Staged]) -> None:
    staging, kept, staged = places
    staged.add(staging, arrive(staging, b"p", b"a"))
    staged.add(staging, arrive(staging, b"p", b"b"))
    assert staged.find(b"p", A) is None
    assert staged.find(b"p", B) is not None
    assert len(list(kept.iterdir())) == 1


def test_what_is_delivered_leaves(places: tuple[Path, Path, Staged]) -> None:
    staging, kept, staged = places
    staged.add(staging, {**arrive(staging, b"p", b"a"), **arrive(staging, b"q", b"b")})
    staged.drop(b"p")
    staged.drop(b"p")
    staged.drop(b"never")
    assert staged.find(b"p", A) is None
    assert [item.name for item in kept.rglob("*") if item.is_file()] == [place_name(b"q")]
    staged.drop(b"q")
    assert list(kept.iterdir()) == [], "with the last content goes its directory"
    staged.add(staging, arrive(staging, b"q", b"b"))
    staged.clear()
    assert staged.find(b"q", B) is None
    assert list(kept.iterdir()) == []


def test_what_an_earlier_agent_left_is_not_believed(places: tuple[Path, Path, Staged]) -> None:
    _, kept, _ = places
    (kept / place_name(b"p")).write_bytes(b"a")
    again = Staged(kept)
    assert again.find(b"p", A) is None
    again.clear()
    assert list(kept.iterdir()) == []
