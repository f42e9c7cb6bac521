"""Flat directories: no chosen name meets a filesystem, and nothing outside is touched."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.files.flat import empty, place_name


@given(st.binary(max_size=4000))
def test_a_place_is_a_plain_name(path: bytes) -> None:
    name = place_name(path)
    assert name == hashlib.sha256(path).hexdigest()
    assert len(name) == 64 and name.isalnum()


def test_emptying_follows_no_link(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    flat = tmp_path / "flat"
    (flat / "directory/inner").mkdir(parents=True)
    (flat / "directory/inner/file").write_text("x")
    (flat / "directory/to-kept").symlink_to(kept)
    (flat / "to-kept").symlink_to(kept)
    (flat / "to-file").symlink_to(kept / "file")
    (flat / "dangling").symlink_to("nowhere")
    os.mkfifo(flat / "fifo")
    os.link(kept / "file", flat / "hard")
    (flat / os.fsdecode(b"\xff")).write_text("x")
    empty(flat)
    assert flat.is_dir()
    assert list(flat.iterdir()) == []
    assert (kept / "file").read_text() == "x"
    empty(flat)
