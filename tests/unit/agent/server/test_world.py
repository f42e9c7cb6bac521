"""A world is made once, from a template, around what is there already."""

from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.server import world
from fwrkit.agent.server.store import Store
from fwrkit.agent.settings import Node, Settings
from fwrkit.core.errors import ExitCode, FwrError

TEMPLATES = Path(__file__).parents[4] / "images/base/rootfs/usr/share/fwrkit/templates"
NODE = Node("server", "server", "0123456789ab", "ada", "small", "Utopia", (2011, 2012), Settings())


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    for site in ("www", "www_tourist"):
        (tmp_path / "templates/small" / site / "data").mkdir(parents=True)
        (tmp_path / "templates/small" / site / "index.html").write_text(site)
    (tmp_path / "templates/small/template.toml").write_text(
        'ignore = ["www/cache", "**/*.tmp"]\nunion_logs = ["**/*.changes"]\ntexts = ["**/*.md"]\n'
    )
    (tmp_path / "world").mkdir()
    return tmp_path / "templates"


def test_a_new_world_is_its_template(store: Store, templates: Path, tmp_path: Path) -> None:
    place = tmp_path / "world"
    world.create_world(NODE, place, templates, store)
    assert (place / "www/index.html").read_text() == "www"
    assert (place / "www_tourist/data").is_dir()
    assert store.meta("template") == "small"
    assert store.meta("world_name") == "Utopia"
    assert len(store.meta("world_id")) == 16
    says = tomllib.loads((place / ".fwr/world.toml").read_text())
    assert says == {
        "id": store.meta("world_id"), "name": "Utopia", "template": "small",
        "ignore": ["www/cache", "**/*.tmp"], "union_logs": ["**/*.changes"], "texts": ["**/*.md"],
    }  # fmt: skip
    assert world.ignored(store).matches(b"www/cache/x")
    assert world.ignored(store).matches(b"www/.htaccess"), "what never travels in any world"
    assert not world.ignored(store).matches(b"www/a.changes")
    assert world.union_logs(store).matches(b"www/a.changes")
    assert world.texts(store).matches(b"www/a.md")
    if os.geteuid() == 0:
        for path in (place, place / "www/index.html", place / ".fwr/world.toml", place / "www_tourist/data"):
            assert (path.stat().st_uid, path.stat().st_gid) == (2011, 2012)


def test_repeating_it_changes_nothing(store: Store, templates: Path, tmp_path: Path) -> None:
    place = tmp_path / "world"
    world.create_world(NODE, place, templates, store)
    first = store.meta("world_id")
    (place / "www/index.html").write_text("edited")
    (place / "www_tourist/index.html").unlink()
    (place / ".fwr/world.toml").write_text("edited")
    world.create_world(replace(NODE, world_name="Other", template="other"), place, templates, store)
    assert store.meta("world_id") == first
    assert (place / "www/index.html").read_text() == "edited"
    assert not (place / "www_tourist/index.html").exists()
    assert (place / ".fwr/world.toml").read_text() == "edited"


def test_what_is_there_already_is_left_as_it_is(store: Store, templates: Path, tmp_path: Path) -> None:
    place = tmp_path / "world"
    (place / "www").mkdir()
    (place / "www/mine").write_text("mine")
    world.create_world(NODE, place, templates, store)
    assert sorted(item.name for item in (place / "www").iterdir()) == ["mine"]
    assert (place / "www_tourist/index.html").exists()


def test_what_was_interrupted_is_finished(store: Store, templates: Path, tmp_path: Path) -> None:
    """The tables knew the world already, its files were not laid."""
    hidden = templates / "small/www_tourist"
    hidden.rename(templates / "elsewhere")
    with pytest.raises(FileNotFoundError):
        world.create_world(NODE, tmp_path / "world", templates, store)
    identity = store.meta("world_id")
    (templates / "elsewhere").rename(hidden)
    world.create_world(NODE, tmp_path / "world", templates, store)
    assert store.meta("world_id") == identity
    assert (tmp_path / "world/www_tourist/index.html").exists()
    assert (tmp_path / "world/.fwr/world.toml").exists()


def test_a_template_that_does_not_exist(store: Store, templates: Path, tmp_path: Path) -> None:
    with pytest.raises(FwrError) as raised:
        world.create_world(replace(NODE, template="nothing"), tmp_path / "world", templates, store)
    assert raised.value.code == ExitCode.NOT_FOUND
    assert store.meta("world_id") == ""
    assert list((tmp_path / "world").iterdir()) == []


@given(name=st.text(min_size=1, max_size=20))
def test_whatever_a_world_is_called_its_record_can_be_read(name: str) -> None:
    store = Store(":memory:")
    for key, value in (("world_id", "w"), ("world_name", name), ("template", "static"), ("ignore", "[]"), ("union_logs", "[]")):
        store.set_meta(key, value)
    assert tomllib.loads(world.world_text(store))["name"] == name
    store.close()


@pytest.mark.parametrize("template", ["dokuwiki", "static", "php"])
def test_the_templates_of_the_image(store: Store, tmp_path: Path, template: str) -> None:
    (tmp_path / "world").mkdir()
    world.create_world(replace(NODE, template=template), tmp_path / "world", TEMPLATES, store)
    assert (tmp_path / "world/www").is_dir()
    assert (tmp_path / "world/www_tourist").is_dir()
    ignored = world.ignored(store)
    for path, _, files in os.walk(tmp_path / "world"):
        for name in files:
            relative = os.fsencode(os.path.relpath(os.path.join(path, name), tmp_path / "world"))
            assert not ignored.matches(relative), f"{relative!r} is laid and never travels"


def test_the_operator_is_the_first_official_and_stays(store: Store) -> None:
    operator = world.operator(NODE, store)
    assert (operator.name, operator.uid, operator.role) == ("ada", os.geteuid(), "official")
    assert world.operator(replace(NODE, citizen="other"), store) == operator
    assert len(store.citizens()) == 1
