"""Shell completion."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.host.adapters.home import Home
from fwrkit.host.adapters.nodes import Node, NodeStore
from fwrkit.host.cli.context import complete_node


def test_names_of_nodes_are_completed_without_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FWRKIT_HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    assert complete_node("") == []
    for name in ("alice", "albert", "bob"):
        NodeStore(Home(tmp_path)).save(Node(name, "client", "0123456789ab", name, 20011))
    assert complete_node("al") == ["albert", "alice"]
