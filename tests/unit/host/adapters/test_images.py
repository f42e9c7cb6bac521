"""Images: named by what makes them, so that an edit of the agent installs nothing anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import context, images, labels
from fwrkit.host.adapters.context import BuildContext
from fwrkit.host.adapters.engine import Engine

FILES = {
    "images/base/Dockerfile": b"FROM debian",
    "images/versions.env": b"A=1",
    "images/server/Dockerfile": b"",
    "fwrkit/agent/main.py": b"",
}


class Builder:
    """An engine that remembers what it was told to build."""

    def __init__(self, *tags: str) -> None:
        self.tags = {"debian:trixie-slim", *tags}
        self.built: list[tuple[str, str, dict[str, str], dict[str, str]]] = []

    def has_image(self, tag: str) -> bool:
        return tag in self.tags

    def build(self, tar: bytes, dockerfile: str, tag: str, arguments: Mapping[str, str], marks: Mapping[str, str]) -> Iterator[str]:
        self.tags.add(tag)
        self.built.append((dockerfile, tag, dict(arguments), dict(marks)))
        yield "Step 1/1"


def build(files: dict[str, bytes]) -> Builder:
    builder = Builder()
    images.build(cast(Engine, builder), BuildContext(files), "auto", lambda _: None)
    return builder


def test_each_stands_on_the_one_below() -> None:
    base, server, client = build(FILES).built
    assert [each[0] for each in (base, server, client)] == [f"images/{name}/Dockerfile" for name in ("base", "server", "client")]
    assert base[2] == {"BASE": "debian:trixie-slim"}
    assert server[2] == client[2] == {"FROM_IMAGE": base[1]}
    assert server[3][labels.CONTEXT] == BuildContext(FILES).identity
    assert server[1].endswith("-" + server[3][labels.CONTEXT])


def test_an_edit_of_the_agent_leaves_the_base_as_it_is() -> None:
    before, after = build(FILES).built, build({**FILES, "fwrkit/agent/main.py": b"edited"}).built
    assert before[0] == after[0]
    assert before[1][1] != after[1][1]
    assert build({**FILES, "images/versions.env": b"A=2"}).built[0][1] != before[0][1]


def test_what_is_there_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "load", lambda: BuildContext(FILES))
    tag = images.tag_of("server", BuildContext(FILES).identity)
    builder = Builder(tag)
    assert images.ensure(cast(Engine, builder), "server", "", lambda _: None) == tag
    assert builder.built == []
    builder = Builder()
    assert images.ensure(cast(Engine, builder), "server", "", lambda _: None) == tag
    assert tag in builder.tags


def test_without_sources_a_node_keeps_its_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> BuildContext:
        raise FwrError(ExitCode.NOT_FOUND, "", "")

    monkeypatch.setattr(context, "load", missing)
    assert images.ensure(cast(Engine, Builder("old:1")), "client", "old:1", lambda _: None) == "old:1"
    with pytest.raises(FwrError) as raised:
        images.ensure(cast(Engine, Builder()), "client", "old:1", lambda _: None)
    assert (raised.value.code, bool(raised.value.hint)) == (ExitCode.NOT_FOUND, True)
