"""A client follows its world's server, and nobody else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent import following, joining
from fwrkit.agent.citizen.ssh import Upstream, read_upstream, write_upstream
from fwrkit.agent.citizen.upstreams import Order
from fwrkit.agent.keys import make_key
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.moves import Move
from tests.unit.agent.past import Past


def commit(root: Path, roll: str) -> None:
    Past(root).write("fwrkit", {b".fwr/citizens.toml": roll.encode()})


class Village:
    """A client of bob's, whose roll knows alice (official), carol (no official) and mallory (a banned official); keys of theirs, old and new authority."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.keys, self.history = root / "keys", root / "history.git"
        self.keys.mkdir()
        self.public = {name: make_key(root / name, name) for name in ("alice", "carol", "mallory", "old", "new")}
        rows = []
        for name, role, more in (
            ("alice", "official", ""),
            ("carol", "citizen", ""),
            ("mallory", "official", "banned = { since = 2026-01-02T00:00:00Z }"),
        ):
            rows.append(
                f'[[citizen]]\nname = "{name}"\nrole = "{role}"\nsince = 2026-01-01T00:00:00Z\nkey = "{self.public[name]}"\n{more}\n'
            )
        self.roll = "\n".join(rows)
        commit(root, self.roll)
        make_key(self.keys / "node", "bob")
        write_upstream(self.keys, Upstream("old.example.org", 2211, "w1", "commons", "bob", self.public["old"], (self.public["old"],)))
        self.asked: list[tuple[str, int, tuple[str, ...]]] = []
        self.fault: FwrError | None = None

    def renew(self, keys: Path, upstream: Upstream, key: Path) -> dict[str, Any]:
        self.asked.append((upstream.host, upstream.port, upstream.trusted))
        if self.fault is not None:
            raise self.fault
        return {
            "certificate": "ssh-ed25519-cert-v01@openssh.com AAAA",
            "authorities": list(upstream.trusted),
            "former": list(upstream.former),
        }

    def declared(self, by: str, number: int = 100, world: str = "w1") -> Move:
        keys = self.root / f"keys-{by}"
        keys.mkdir(exist_ok=True)
        for ending in ("", ".pub"):
            (keys / f"node{ending}").write_text((self.root / f"{by}{ending}").read_text())
        (keys / "node").chmod(0o600)
        write_upstream(keys, Upstream("old.example.org", 2211, world, "commons", by, self.public["old"]))
        roll = self.roll.replace('"citizen"', '"official"').replace("banned = { since = 2026-01-02T00:00:00Z }", "")
        (self.root / "elsewhere").mkdir(exist_ok=True)
        commit(self.root / "elsewhere", roll)
        told = following.declare(keys, self.root / "elsewhere/history.git", self.public["new"], number)
        return Move("new.example.org", 2212, world, "commons", self.public["new"], told)

    def follow(self, move: Move, is_accepted: bool = False) -> dict[str, Any]:
        return following.follow(self.keys, self.history, move, is_accepted)

    def code(self, move: Move, is_accepted: bool = True) -> ExitCode:
        before = read_upstream(self.keys)
        with pytest.raises(FwrError) as caught:
            self.follow(move, is_accepted)
        assert read_upstream(self.keys) == before, "nothing has changed"
        assert caught.value.hint
        return caught.value.code


@pytest.fixture
def village(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Village]:
    made = Village(tmp_path)
    monkeypatch.setattr(joining, "renew", made.renew)
    yield made


def test_by_the_same_authority_it_goes_without_a_question(village: Village) -> None:
    village.follow(Move("new.example.org", 2212, "w1", "commons", village.public["old"]))
    now = read_upstream(village.keys)
    assert now is not None
    assert (now.host, now.port, now.trusted, now.citizen) == ("new.example.org", 2212, (village.public["old"],), "bob")
    assert village.asked == [("new.example.org", 2212, (village.public["old"],))], "who answers there is asked for a certificate first"


def test_a_new_authority_is_taken_up_if_an_official_declares_it_and_the_citizen_accepts(village: Village) -> None:
    move = village.declared("alice")
    assert village.code(move, is_accepted=False) == ExitCode.HELD
    assert village.asked == []
    village.follow(move, is_accepted=True)
    now = read_upstream(village.keys)
    assert now is not None
    assert (now.trusted, now.former, now.epoch) == ((village.public["new"],), (village.public["old"],), 100)
    assert village.asked == [("new.example.org", 2212, (village.public["new"],))]


def test_who_may_not_say_so_is_not_believed(village: Village) -> None:
    assert village.code(village.declared("carol")) == ExitCode.REFUSED
    assert village.code(village.declared("mallory")) == ExitCode.REFUSED
    forged = village.declared("alice")
    assert forged.declaration is not None
    for change in ({"number": 101}, {"by": "mallory"}, {"signature": "nothing"}, {"authority": village.public["carol"]}):
        told = dataclasses.replace(forged.declaration, **change)
        assert village.code(dataclasses.replace(forged, authority=told.authority, declaration=told)) == ExitCode.REFUSED
    assert village.code(dataclasses.replace(forged, declaration=None)) == ExitCode.REFUSED
    assert village.asked == []


def test_another_world_and_an_older_word_are_refused(village: Village) -> None:
    assert village.code(village.declared("alice", world="w2")) == ExitCode.REFUSED
    village.follow(village.declared("alice", number=100), is_accepted=True)
    make_key(village.root / "newer", "newer")
    village.public["new"] = make_key(village.root / "newer", "newer")
    assert village.code(village.declared("alice", number=100)) == ExitCode.REFUSED
    assert village.follow(village.declared("alice", number=101), is_accepted=True)["port"] == 2212


def test_a_word_of_a_time_to_come_would_shut_out_all_that_follow(village: Village) -> None:
    assert village.code(village.declared("alice", number=10**15)) == ExitCode.REFUSED


def test_a_place_that_ssh_would_read_otherwise_is_not_taken(village: Village) -> None:
    for host in ("x@new.example.org", "-oProxyCommand=x", "a b", "new.example.org\nProxyCommand x"):
        with pytest.raises(FwrError):
            village.follow(Move(host, 2212, "w1", "commons", village.public["old"]))
    assert village.asked == []


def test_where_nobody_answers_nothing_changes(village: Village) -> None:
    village.fault = FwrError(ExitCode.UNREACHABLE, "The server is out of reach.", "Check the network.")
    assert village.code(village.declared("alice")) == ExitCode.UNREACHABLE


def test_only_an_officials_node_can_take_the_servers_place(village: Village) -> None:
    with pytest.raises(FwrError) as caught:
        following.standing(village.keys, village.history, 7, 5, False)
    assert caught.value.code is ExitCode.REFUSED, "bob is not in the roll at all"
    known = read_upstream(village.keys)
    assert known is not None
    write_upstream(village.keys, dataclasses.replace(known, citizen="alice"))
    said = following.standing(village.keys, village.history, 7, 5, False)
    assert following.standing(village.keys, village.root / "nothing", 7, 9, True)["is_connected"], (
        "of a node that has only just joined, too"
    )
    assert (said["missing"], said["trusted"]) == (2, [village.public["old"]])
    assert following.standing(village.keys, village.history, 7, 9, True)["missing"] == 0
    with pytest.raises(FwrError) as caught:
        following.declare(village.keys, village.history, "no key", 5)
    assert caught.value.code is ExitCode.USAGE


def test_a_node_of_no_world(tmp_path: Path, village: Village) -> None:
    (tmp_path / "empty").mkdir()
    for call in (
        lambda: following.follow(tmp_path / "empty", village.history, village.declared("alice"), True),
        lambda: following.declare(tmp_path / "empty", village.history, village.public["new"], 5),
        lambda: following.standing(tmp_path / "empty", village.history, 1, 1, False),
    ):
        with pytest.raises(FwrError) as caught:
            call()
        assert caught.value.code is ExitCode.HELD


ROLL_WITH_PEERS = """
revoked = ["{key}", "no key"]
[[peer]]
name = "alice-peer"
host = "alice.example.org"
port = 2211
by = "alice"
since = 2026-01-01T00:00:00Z
"""


def test_who_serves_besides_is_read_in_the_history(tmp_path: Path) -> None:
    key = make_key(tmp_path / "one", "one")
    commit(tmp_path, ROLL_WITH_PEERS.replace("{key}", key))
    order = following.order_of(tmp_path / "history.git")
    assert [(each.name, each.host, each.port) for each in order.peers] == [("alice-peer", "alice.example.org", 2211)]
    assert order.revoked == (key,)


@pytest.mark.parametrize("roll", ["", "nonsense [", ROLL_WITH_PEERS.replace("alice.example.org", "a b"), "peer = 1", "peer = [1]"])
def test_where_the_history_does_not_say_nobody_serves_besides(tmp_path: Path, roll: str) -> None:
    commit(tmp_path, roll)
    assert following.order_of(tmp_path / "history.git") == Order([])
    assert following.order_of(tmp_path / "nothing.git") == Order([])
