"""A node's volumes are copied while it works."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fwrkit.agent import volumes
from fwrkit.agent.files.copying import Copier
from fwrkit.agent.repository import Repository
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.past import Past


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


@pytest.fixture(autouse=True)
def _is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Copier.run
    monkeypatch.setattr(Copier, "run", lambda self: run(self, pause=0.006))


def test_the_world_without_what_is_the_agents_own(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "source"
    for name, text in (
        ("world/.fwr/world.toml", "id"),
        ("world/www/a", "hello"),
        ("private/refused/1", "no"),
        ("web/www/drafts/1", "begun"),
        ("status.json", "{}"),
    ):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    (source / "world/.fwr-sentinel").write_text("generation")
    assert volumes.copy_world(source, target, lambda _: None) == {"files": 2, "bytes": 7, "is_still": True}
    found = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert found == {"world/.fwr/world.toml", "world/www/a"}
    with pytest.raises(FwrError) as caught:
        volumes.copy_world(source, target, lambda _: None)
    assert caught.value.code is ExitCode.TAKEN
    os.unlink(source / "world/.fwr/world.toml")
    with pytest.raises(FwrError) as caught:
        volumes.copy_world(source, target, lambda _: None)
    assert caught.value.code is ExitCode.NOT_FOUND


def test_the_history_with_names_and_large_contents(tmp_path: Path, target: Path) -> None:
    with pytest.raises(FwrError) as caught:
        volumes.copy_history(tmp_path / "nothing", target)
    assert caught.value.code is ExitCode.NOT_FOUND
    past = Past(tmp_path)
    first = past.put(www_a=b"one")
    past.history.add_tag("refs/tags/v1", f"object {first}\ntype commit\ntag v1\ntagger x <x@y> 1 +0000\n\nx\n".encode())
    past.put_large(b"www/large", b"x" * 5000)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "history.git").rglob("*")}
    assert volumes.copy_history(tmp_path, target) == {"versions": 2}
    copy = Repository(target / "history.git")
    assert copy.references("refs/") == past.repository.references("refs/")
    assert copy.run("fsck", "--full").is_ok
    assert [path.read_bytes() for path in (target / "history.git/lfs").rglob("*") if path.is_file()] == [b"x" * 5000]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "history.git").rglob("*")} == before, "nothing was written there"
    with pytest.raises(FwrError) as caught:
        volumes.copy_history(tmp_path, target)
    assert caught.value.code is ExitCode.TAKEN
