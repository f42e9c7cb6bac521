"""The build context: what is in it, and that it is the same for the same files."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import context
from fwrkit.host.adapters.context import BuildContext

files = st.dictionaries(st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8}){0,3}", fullmatch=True), st.binary(max_size=64), min_size=1, max_size=8)


def test_only_what_the_images_need_is_in_it() -> None:
    names = set(context.load().files)
    assert {"images/base/Dockerfile", "images/server/Dockerfile", "images/client/Dockerfile", "fwrkit/__init__.py"} <= names
    assert {"fwrkit/core/names.py", "fwrkit/agent/main.py"} <= names
    assert all(name.startswith(("images/", "fwrkit/core/", "fwrkit/agent/")) or name == "fwrkit/__init__.py" for name in names)
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in names)


@given(files)
def test_order_does_not_matter(contents: dict[str, bytes]) -> None:
    one, other = BuildContext(contents), BuildContext(dict(reversed(list(contents.items()))))
    assert one.identity == other.identity
    assert one.tar() == other.tar()


@given(files, st.data())
def test_any_change_is_another_identity(contents: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(contents)))
    changed = {**contents, name: contents[name] + b"x"}
    renamed = {(f"{each}z" if each == name else each): content for each, content in contents.items()}
    identity = BuildContext(contents).identity
    assert identity != BuildContext(changed).identity
    assert identity != BuildContext(renamed).identity


def test_scripts_can_be_run_and_nothing_says_when_or_whose() -> None:
    tar = BuildContext({"run": b"#!/bin/sh\n", "page": b"hello"}).tar()
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        seen = {entry.name: (oct(entry.mode), entry.mtime, entry.uid, entry.uname) for entry in archive}
    assert seen == {"run": ("0o755", 0, 0, ""), "page": ("0o644", 0, 0, "")}


def test_a_part_of_it() -> None:
    whole = BuildContext({"images/base/x": b"1", "images/baseless": b"2", "fwrkit/y": b"3"})
    assert set(whole.part("images/base/").files) == {"images/base/x"}


def test_without_its_sources_there_is_a_hint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(context, "_PACKAGE", tmp_path / "fwrkit")
    with pytest.raises(FwrError) as raised:
        context.load()
    assert (raised.value.code, bool(raised.value.hint)) == (ExitCode.NOT_FOUND, True)


def test_installed_from_a_wheel_they_are_in_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = tmp_path / "fwrkit" / "_context" / "images" / "base"
    place.mkdir(parents=True)
    (place / "Dockerfile").write_text("FROM x\n")
    monkeypatch.setattr(context, "_PACKAGE", tmp_path / "fwrkit")
    assert context.support_directory("images") == tmp_path / "fwrkit" / "_context" / "images"
