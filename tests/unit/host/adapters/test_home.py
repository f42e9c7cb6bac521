"""Homes never meet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.core.names import NODE_NAME_LIMIT
from fwrkit.host.adapters.home import Home, find_home

paths = st.lists(st.from_regex(r"[A-Za-z0-9._ -]{1,12}", fullmatch=True).filter(lambda part: part not in (".", "..")), min_size=1).map(
    lambda parts: Path("/nowhere", *parts)
)
nodes = st.from_regex(rf"[a-z][a-z0-9]{{0,{NODE_NAME_LIMIT - 1}}}", fullmatch=True)


@given(paths, nodes)
def test_a_project_is_a_name_that_compose_and_docker_take(path: Path, node: str) -> None:
    home = Home(path)
    assert re.fullmatch(rf"fwrkit-[0-9a-f]{{6}}-{node}", home.project(node))
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*", home.project(node))
    assert len(home.container(node, "prepare")) < 64


@given(paths, paths)
def test_another_home_is_another_project(one: Path, other: Path) -> None:
    assert (Home(one).project("server") == Home(other).project("server")) == (one == other)


def test_a_home_is_the_same_by_whatever_way_one_comes(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert Home(tmp_path / "link").identity == Home(tmp_path / "real").identity == Home(tmp_path / "real" / ".." / "real").identity


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"FWRKIT_HOME": "/a", "XDG_DATA_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"XDG_DATA_HOME": "/b", "HOME": "/c"}, "/b/fwrkit"),
        ({"XDG_DATA_HOME": "relative", "HOME": "/c"}, "/c/.local/share/fwrkit"),
        ({"FWRKIT_HOME": "", "HOME": "/c"}, "/c/.local/share/fwrkit"),
    ],
)
def test_where_it_is(environment: dict[str, str], path: str) -> None:
    assert find_home(environment).path == Path(path)


def test_a_relative_home_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_home({"FWRKIT_HOME": "x"}).path == tmp_path / "x"
