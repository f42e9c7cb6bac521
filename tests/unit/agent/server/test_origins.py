"""What a copy says that it is, or why it is none."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from fwrkit.agent.server.origins import Kind, Origin, citizens_of, past_of, read_kind, world_in
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.past import Past
from tests.unit.agent.server.test_founding import ROLL, TEMPLATES, WORLD


def copy(root: Path, text: str = WORLD) -> Path:
    (root / ".fwr").mkdir(parents=True)
    (root / ".fwr/world.toml").write_text(text)
    return root


def test_a_volume_holds_a_world_or_is_one(tmp_path: Path) -> None:
    assert world_in(copy(tmp_path / "volume/world").parent) == tmp_path / "volume/world"
    assert world_in(copy(tmp_path / "alone")) == tmp_path / "alone"
    (tmp_path / "empty").mkdir()
    with pytest.raises(FwrError) as caught:
        world_in(tmp_path / "empty")
    assert caught.value.code is ExitCode.NOT_FOUND


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    text = WORLD + '[forked_from]\nid = "1"\nname = "older"\nversion = "v"\n'
    kind = read_kind(copy(tmp_path / "world", text), TEMPLATES)
    lists = {"ignore": ["www/cache"], "union_logs": [], "texts": ["**/*.txt"]}
    assert kind == Kind("00112233aabbccdd", "commons", "static", lists, '{"id": "1", "name": "older", "version": "v"}')
    assert tomllib.loads(text)["template"] == "static"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "id = [",
        'id = "1"',
        WORLD.replace('["www/cache"]', "5"),
        WORLD.replace('"static"', '"../static"'),
        WORLD.replace('"static"', '"joomla"'),
    ],
)
def test_what_can_not_be_read_or_is_not_known_here(tmp_path: Path, text: str) -> None:
    with pytest.raises(FwrError) as caught:
        read_kind(copy(tmp_path / "world", text), TEMPLATES)
    assert caught.value.code in (ExitCode.FAILED, ExitCode.NOT_FOUND)
    assert caught.value.hint


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    world = copy(tmp_path / "world")
    (world / ".fwr/world.toml").rename(tmp_path / "elsewhere.toml")
    (world / ".fwr/world.toml").symlink_to(tmp_path / "elsewhere.toml")
    with pytest.raises(FwrError) as caught:
        read_kind(world, TEMPLATES)
    assert caught.value.code is ExitCode.FAILED


def test_the_history_beside_it(tmp_path: Path) -> None:
    world = copy(tmp_path / "world")
    past = Past(tmp_path)
    assert past_of(Origin(world, tmp_path), world) is None, "of a node that has only just joined"
    version = past.put(www_a=b"one")
    found = past_of(Origin(world, tmp_path), world)
    assert found is not None and found.version == version
    assert past_of(Origin(world), world) is None
    direct = past_of(Origin(world, tmp_path / "history.git"), world)
    assert direct is not None and direct.version == version, "a repository does as well as a state volume"


def test_who_belonged_to_it(tmp_path: Path) -> None:
    world = copy(tmp_path / "world")
    assert citizens_of(world, "ada") == []
    (world / ".fwr/citizens.toml").write_text(ROLL)
    assert citizens_of(world, "ada") == ["bob"]
    assert citizens_of(world, "zoe") == ["ada", "bob"]
