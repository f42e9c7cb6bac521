"""The store of nodes."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.home import Home
from fwrkit.host.adapters.nodes import Node, NodeStore, new_node_id

ALICE = Node("alice", "client", "0123456789ab", "alice", 20011, upstream="server", is_joined=True)


@pytest.fixture
def store(tmp_path: Path) -> NodeStore:
    return NodeStore(Home(tmp_path / "home"))


def test_what_is_saved_comes_back(store: NodeStore) -> None:
    assert (store.find("alice"), store.all()) == (None, [])
    store.save(ALICE)
    assert store.get("alice") == ALICE
    assert store.all() == [ALICE]
    store.remove("alice")
    assert store.all() == []


def test_nobody_else_may_read_it(store: NodeStore) -> None:
    store.save(ALICE)
    store.save_compose(ALICE, "name: x\n")
    for path in (store.directory("alice"), *store.directory("alice").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_an_unknown_node_names_those_there_are(store: NodeStore) -> None:
    store.save(ALICE)
    with pytest.raises(FwrError) as raised:
        store.get("bob")
    assert (raised.value.code, raised.value.hint) == (ExitCode.NOT_FOUND, "There are: alice.")


def test_a_record_of_a_later_version_can_be_read(store: NodeStore) -> None:
    store.save(ALICE)
    path = store.directory("alice") / "node.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "mood": "fine"}))
    assert store.get("alice") == ALICE


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"x"'])
def test_a_broken_record_is_said_so(store: NodeStore, text: str) -> None:
    store.save(ALICE)
    (store.directory("alice") / "node.json").write_text(text)
    with pytest.raises(FwrError) as raised:
        store.find("alice")
    assert raised.value.code == ExitCode.FAILED


def test_names_are_chosen_by_one_at_a_time(store: NodeStore) -> None:
    order: list[str] = []

    def other() -> None:
        with store.locked():
            order.append("second")

    with store.locked():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(0.05)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]


def test_ids_are_hostnames_of_their_own() -> None:
    ids = {new_node_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(each) == 12 and int(each, 16) >= 0 for each in ids)
