"""The hub and the engines together: edits travel, conflicts keep both, nothing is lost."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent.backoff import Backoff
from fwrkit.agent.citizen import downloads, power
from fwrkit.agent.files import database
from fwrkit.agent.server import runs, tables
from fwrkit.agent.server.runs import Runs
from fwrkit.agent.server.session import APPROVE, REJECT, Session, UpwardRun
from fwrkit.agent.settings import Settings
from fwrkit.core.errors import FwrError
from tests.unit.agent.house import House, Member, Peer, tree_of, wait_until


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.stop()


def test_an_edit_travels_to_everybody(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    house.settled()
    alice.write("www/index.html", "hello")
    wait_until(lambda: bob.tree().get("www/index.html") == "hello", "bob has it")
    bob.write("www/index.html", "hello, alice")
    wait_until(lambda: alice.tree().get("www/index.html") == "hello, alice", "alice has it")
    house.settled()
    assert alice.tree() == bob.tree() == tree_of(house.state / "canon")


def test_offline_edits_on_both_sides_converge(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    for name in ("a", "b", "c", "d", "e"):
        alice.write(f"www/{name}", f"first {name}")
    house.settled()
    bob.cut()
    bob.write("www/a", "bob's a")
    (bob.world / "www/b").unlink()
    (bob.world / "www/c").rename(bob.world / "www/c2")
    bob.write("www/d", "other")
    bob.write("www/d", "first d")
    alice.write("www/e", "alice's e")
    alice.write("www/new/deep/file", "new")
    house.settled()
    bob.mend()
    house.settled()
    expected = {
        "www": None, "www/a": "bob's a", "www/c2": "first c", "www/d": "first d", "www/e": "alice's e",
        "www/new": None, "www/new/deep": None, "www/new/deep/file": "new",
    }  # fmt: skip
    assert alice.tree() == bob.tree() == tree_of(house.state / "canon") == expected


def test_both_change_the_same_file_apart(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    alice.write("www/page.txt", "before")
    house.settled()
    bob.cut()
    alice.write("www/page.txt", "alice's")
    bob.write("www/page.txt", "bob's")
    house.settled()
    bob.mend()
    house.settled()
    assert alice.tree() == bob.tree()
    assert bob.tree()["www/page.txt"] == "alice's"
    copies = [path for path in bob.tree() if "conflict" in path]
    assert len(copies) == 1
    assert copies[0].startswith("www/page (conflict bob ")
    assert bob.tree()[copies[0]] == "bob's"


def test_logs_are_merged_by_union(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    alice.write("www/a.changes", "1 first\n")
    house.settled()
    bob.cut()
    alice.write("www/a.changes", "1 first\n3 alice\n")
    bob.write("www/a.changes", "1 first\n2 bob\n")
    bob.mend()
    house.settled()
    assert alice.tree()["www/a.changes"] == bob.tree()["www/a.changes"] == "1 first\n2 bob\n3 alice\n"


def test_much_and_large_goes_by_a_run(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    house.settled()
    for number in range(1200):
        alice.write(f"www/many/{number % 7}/{number}", f"content {number}")
    alice.write("www/large", b"x" * 5_000_000)
    house.settled(60)
    assert bob.tree() == alice.tree()
    assert len(bob.tree()) == 1200 + 7 + 3
    alice.write("www/large", b"y" * 5_000_000)
    house.settled(60)
    assert bob.tree() == alice.tree()


def test_a_late_joiner_with_a_world_of_its_own_gets_a_union(house: House) -> None:
    alice = house.member("alice")
    alice.write("www/both", "same")
    alice.write("www/differs", "alice's")
    alice.write("www/alice", "only")
    house.settled()
    world = house.root / "volume-bob" / "world" / "www"
    world.mkdir(parents=True)
    for name, text in (("both", "same"), ("differs", "bob's"), ("bob", "only")):
        (world / name).write_text(text)
    bob = house.member("bob")
    house.settled()
    assert alice.tree() == bob.tree()
    assert {"www/both", "www/differs", "www/alice", "www/bob"} < set(alice.tree())
    assert sorted(str(text) for path, text in alice.tree().items() if "differs" in path) == ["alice's", "bob's"]


@pytest.mark.parametrize("lost", ["record", "world", "both"])
def test_a_lost_record_or_world_finds_back(house: House, lost: str) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    for name in ("a", "b", "sub/c"):
        alice.write(f"www/{name}", f"first {name}")
    house.settled()
    bob.stop()
    alice.write("www/a", "second a")
    (alice.world / "www/b").unlink()
    wait_until(lambda: not (house.state / "canon/www/b").exists(), "the deletion is folded")
    if lost in ("record", "both"):
        for suffix in ("", "-wal", "-shm"):
            bob.record_path.with_name(bob.record_path.name + suffix).unlink(missing_ok=True)
    if lost in ("world", "both"):
        shutil.rmtree(bob.world)
        bob.world.mkdir()
    bob.start()
    house.settled()
    assert alice.tree() == bob.tree() == {"www": None, "www/a": "second a", "www/sub": None, "www/sub/c": "first sub/c"}


def test_a_server_from_a_backup_learns_what_it_has_forgotten(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    for name in ("kept", "changed", "deleted"):
        alice.write(f"www/{name}", f"first {name}")
    house.settled()
    backup = house.back_up()  # while both are connected: the generations are the same afterwards
    alice.write("www/changed", "second")
    alice.write("www/new", "since then")
    (alice.world / "www/deleted").unlink()
    house.settled()
    house.restore(backup)
    for member in (alice, bob):
        wait_until(lambda member=member: member.engine.view.is_ready, f"{member.name} is back")  # type: ignore[misc]
    house.settled()
    assert alice.tree() == bob.tree()
    tree = {"www": None, "www/kept": "first kept", "www/changed": "second", "www/new": "since then"}
    assert alice.tree() == tree, "what was agreed on since counts, also that something was deleted; no conflict copies"
    wait_until(lambda: tree_of(house.state / "canon") == alice.tree(), "the canon is the same")


def test_an_edit_of_what_a_server_from_a_backup_has_too_is_an_edit(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    for name in ("page", "large"):
        alice.write(name, f"first {name}" * (200_000 if name == "large" else 1))
    house.settled()
    backup = house.back_up()
    alice.write("other", "since then")
    house.settled()
    for member in (alice, bob):
        member.cut()
    house.restore(backup)
    alice.write("page", "edited meanwhile")
    alice.write("large", "edited meanwhile" * 200_000)
    for member in (bob, alice):
        member.mend()
        wait_until(lambda member=member: member.engine.view.is_ready, f"{member.name} is back")  # type: ignore[misc]
    house.settled()
    assert alice.tree() == bob.tree() == {"page": "edited meanwhile", "large": "edited meanwhile" * 200_000, "other": "since then"}


def test_nodes_turn_to_another_server_of_the_world_and_back(house: House, tmp_path: Path) -> None:
    alice, bob, carol = house.member("alice"), house.member("bob"), house.member("carol")
    for name in ("edited", "deleted", "alone", "kept"):
        alice.write(name, f"first {name}")
    (alice.world / "empty").mkdir()
    house.settled()
    (tmp_path / "peer").mkdir()
    shutil.copytree(house.back_up(), tmp_path / "peer/state")
    peer = House(tmp_path / "peer", clients=house.clients)
    peer.members = [alice, bob]
    alice.write("edited", "second edited")  # the peer lags behind
    house.settled()
    for turn in range(2):
        carol.write("by carol", f"{turn} by carol")
        alice.cut()
        (alice.world / "alone").unlink(missing_ok=True)  # while she is with nobody
        alice.write("edited", f"{turn} alone")
        for member in (alice, bob):
            member.turn_to(peer)
        peer.settled()
        bob.write("edited", f"{turn} by bob")
        peer.settled()
        alice.write("edited", f"{turn} by alice")
        alice.write("new", f"{turn} new")
        peer.settled()
        (bob.world / "deleted").unlink(missing_ok=True)
        (bob.world / "empty").rmdir() if (bob.world / "empty").exists() else (bob.world / "empty").mkdir()
        peer.settled()
        first, second = (alice, bob) if turn % 2 else (bob, alice)
        for member in (first, second):
            member.turn_to(house)
            house.settled()
    wanted = {"edited": "1 by alice", "kept": "first kept", "new": "1 new", "by carol": "1 by carol", "empty": None}
    assert alice.engine.view.alerts == bob.engine.view.alerts == (), "nothing out of the ordinary"
    assert alice.tree() == bob.tree() == carol.tree() == wanted
    peer.members = []
    peer.stop()


@pytest.fixture
def peer(house: House, tmp_path: Path) -> Iterator[Peer]:
    """Yield a peer of the house, at which bob and carol are; alice is at the house itself."""
    house.member("alice")
    house.hub.call(lambda: [house.store.add_citizen(name, 20010 + number, "citizen", 0) for number, name in enumerate(("bob", "carol"))])
    peer = Peer(house, tmp_path / "below")
    peer.below.member("bob")
    peer.below.member("carol")
    yield peer
    peer.uplink.stop()
    peer.below.stop()


def everybody(peer: Peer) -> tuple[Member, Member, Member]:
    """Return alice, bob and carol."""
    alice = next(each for each in peer.uplink.house.members if each.name == "alice")
    _, bob, carol = peer.below.members
    return alice, bob, carol


def both_settled(peer: Peer) -> None:
    """Wait until what is on either side is on the other: what has just been placed there has to be found first."""
    for _ in range(3):
        peer.hint(None)
        peer.below.settled()
        peer.hint(None)
        peer.uplink.house.settled()


def authors(house: House, path: bytes) -> list[str]:
    """Return who has made the versions of a path, the oldest first."""
    return [
        str(row[0])
        for row in house.hub.call(lambda: list(house.store.db.execute("SELECT author FROM versions WHERE path = ? ORDER BY id", (path,))))
    ]


def counts(peer: Peer) -> tuple[int, int]:
    """Return how many versions there are, above and below."""
    above, below = peer.uplink.house, peer.below
    return above.hub.call(above.store.last_version), below.hub.call(below.store.last_version)


def test_a_peer_passes_edits_and_deletions_on_both_ways_with_their_authors(house: House, peer: Peer) -> None:
    alice, bob, carol = everybody(peer)
    alice.write("by alice", "one")
    bob.write("dir/by bob", "two")
    bob.write("large", "three" * 300_000)
    both_settled(peer)
    assert alice.tree() == bob.tree() == carol.tree() == peer.tree()
    assert set(alice.tree()) == {"by alice", "dir", "dir/by bob", "large"}
    for side in (house, peer.below):
        assert authors(side, b"by alice") == ["alice"]
        assert authors(side, b"dir/by bob") == authors(side, b"large") == ["bob"]
    alice.write("dir/by bob", "by alice now")
    carol.write("by alice", "by carol now")
    (bob.world / "large").unlink()
    both_settled(peer)
    assert alice.tree() == bob.tree() == carol.tree() == {"by alice": "by carol now", "dir": None, "dir/by bob": "by alice now"}
    for side in (house, peer.below):
        assert authors(side, b"by alice") == ["alice", "carol"]
        assert authors(side, b"dir/by bob") == ["bob", "alice"]
        assert authors(side, b"large") == ["bob", "bob"], "who has deleted it"


def test_nothing_goes_round_between_a_peer_and_its_server(house: House, peer: Peer) -> None:
    alice, bob, _ = everybody(peer)
    for number in range(20):
        alice.write(f"a{number}", f"alice {number}")
        bob.write(f"b{number}", f"bob {number}")
    both_settled(peer)
    before = counts(peer)
    assert before[0] == before[1] == 40
    for _ in range(3):
        peer.hint(None)
        time.sleep(0.1)
        both_settled(peer)
    assert counts(peer) == before


def test_the_server_has_what_a_peer_had_in_between(house: House, peer: Peer) -> None:
    alice, bob, carol = everybody(peer)
    alice.write("page", "one")
    both_settled(peer)
    peer.uplink.cut()
    for member, text in ((bob, "two"), (carol, "three"), (bob, "four")):
        member.write("page", text)
        peer.below.settled()
    alice.write("other", "since then")
    house.settled()
    peer.uplink.mend()
    wait_until(lambda: peer.uplink.engine.view.is_ready, "the peer is back")
    both_settled(peer)
    assert alice.tree() == bob.tree() == {"page": "four", "other": "since then"}
    assert authors(house, b"page") == ["alice", "bob", "carol", "bob"]
    assert counts(peer)[0] == 5


def test_who_saves_again_and_again_at_a_peer_is_the_author_of_all_of_it(house: House, peer: Peer) -> None:
    alice, bob, _ = everybody(peer)
    alice.write("page", "zero")
    both_settled(peer)
    for number in range(60):
        bob.write("page", f"bob {number}")
        time.sleep(0.007 * (number % 5))
    both_settled(peer)
    assert alice.tree() == {"page": "bob 59"}
    assert set(authors(house, b"page")) == {"alice", "bob"}


def test_who_alone_may_write_somewhere_saves_again_and_again_at_a_peer(house: House, peer: Peer) -> None:
    alice, bob, carol = everybody(peer)
    rules = b'[[rule]]\nname = "own"\npaths = ["{citizen}/**"]\nthen = "allow"\n[[rule]]\nname = "others"\npaths = ["bob/**"]\nthen = "refuse"\n'
    house.hub.call(lambda: house.fold.write_record(b".fwr/policy.toml", rules, "fwrkit", 1))
    both_settled(peer)
    for number in range(40):
        bob.write("bob/page", f"bob {number}")
        time.sleep(0.005 * (number % 4))
    both_settled(peer)
    assert alice.tree()["bob/page"] == bob.tree()["bob/page"] == carol.tree()["bob/page"] == "bob 39"
    assert set(authors(house, b"bob/page")) == {"bob"}, "nothing of it was refused as the peer's own"


def test_what_both_sides_changed_apart_is_kept(house: House, peer: Peer) -> None:
    alice, bob, carol = everybody(peer)
    alice.write("page.txt", "one")
    alice.write("text.md", "a\nb\nc\nd\ne\n")
    both_settled(peer)
    peer.uplink.cut()
    bob.write("page.txt", "of bob")
    bob.write("text.md", "a\nb\nc\nd\nbob\n")
    peer.below.settled()
    alice.write("page.txt", "of alice")
    alice.write("text.md", "alice\nb\nc\nd\ne\n")
    house.settled()
    peer.uplink.mend()
    wait_until(lambda: peer.uplink.engine.view.is_ready, "the peer is back")
    both_settled(peer)
    assert alice.tree() == bob.tree() == carol.tree()
    assert sorted(content or "" for path, content in alice.tree().items() if "page" in path) == ["of alice", "of bob"]
    assert next(path for path in alice.tree() if "conflict" in path).startswith("page (conflict bob ")
    assert alice.tree()["text.md"] == "alice\nb\nc\nd\nbob\n"


def test_what_a_program_at_a_peer_writes_is_the_peer_s_own(house: House, peer: Peer) -> None:
    alice, bob, _ = everybody(peer)
    alice.write("page", "one")
    both_settled(peer)
    alice.write("page", "two")
    both_settled(peer)
    peer.write("page", "one")
    peer.write("new", "by a program")
    both_settled(peer)
    for side in (house, peer.below):
        assert authors(side, b"page") == ["alice", "alice", "peer"]
        assert authors(side, b"new") == ["peer"]
    assert alice.tree() == bob.tree() == {"page": "one", "new": "by a program"}


def test_what_a_program_at_a_peer_writes_is_judged_at_the_peer(house: House, peer: Peer) -> None:
    alice, bob, _ = everybody(peer)
    for number, text in enumerate((b"# one\n", b"# two\n")):
        house.hub.call(functools.partial(house.fold.write_record, b".fwr/citizens.toml", text, "fwrkit", number))
        both_settled(peer)
    assert bob.tree()[".fwr/citizens.toml"] == "# two\n", "what comes from the server is not judged again"
    peer.write(".fwr/citizens.toml", "# one\n")
    both_settled(peer)
    wait_until(lambda: peer.tree()[".fwr/citizens.toml"] == "# two\n", "an older roll is refused, and undone")
    assert authors(peer.below, b".fwr/citizens.toml") == authors(house, b".fwr/citizens.toml")
    assert alice.tree()[".fwr/citizens.toml"] == bob.tree()[".fwr/citizens.toml"] == "# two\n"


def test_who_changes_sides_between_a_peer_and_its_server_brings_nothing_twice(house: House, peer: Peer) -> None:
    alice, bob, _ = everybody(peer)
    alice.write("page", "one")
    both_settled(peer)
    peer.uplink.cut()
    bob.write("page", "two")
    peer.below.settled()
    peer.below.members.remove(bob)
    house.members.append(bob)
    bob.turn_to(house)
    house.settled()
    bob.write("page", "three")
    house.settled()
    peer.uplink.mend()
    wait_until(lambda: peer.uplink.engine.view.is_ready, "the peer is back")
    both_settled(peer)
    assert alice.tree() == bob.tree() == peer.tree() == {"page": "three"}
    assert authors(house, b"page") == ["alice", "bob", "bob"]


def test_a_server_from_a_backup_that_has_gone_on_since_is_found_out(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    alice.write("a", "first")
    house.settled()
    backup = house.back_up()
    alice.write("a", "second")
    house.settled()
    bob.cut()
    alice.cut()
    house.restore(backup)
    alice.mend()
    wait_until(lambda: alice.engine.view.is_ready, "alice is back first")
    for number in range(5):
        alice.write(f"more-{number}", "since then")  # the server has as many versions as bob has seen of it, and other ones
    house.settled()
    bob.mend()
    wait_until(lambda: bob.engine.view.is_ready, "bob is back")
    house.settled()
    assert alice.tree() == bob.tree()
    assert alice.tree() == {"a": "second"} | {f"more-{number}": "since then" for number in range(5)}


def test_what_a_power_cut_took_from_a_client_comes_again(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    alice.write("own", "first")
    bob.write("theirs", "first")
    house.settled()
    record = alice.record_path.read_bytes(), alice.record_path.with_name(alice.record_path.name + "-wal").read_bytes()
    alice.write("own", "second")
    house.settled()
    bob.write("theirs", "second")
    house.settled()
    alice.stop()
    # neither the files nor the record were on the disk so far; the server has heard of both
    for name in ("own", "theirs"):
        (alice.world / name).write_text("first")
    for suffix, content in zip(("", "-wal"), record, strict=True):
        alice.record_path.with_name(alice.record_path.name + suffix).write_bytes(content)
    alice.record_path.with_name(alice.record_path.name + "-shm").unlink(missing_ok=True)
    alice.start()
    wait_until(lambda: alice.engine.view.is_ready, "alice is back")
    house.settled()
    assert alice.tree() == bob.tree() == {"own": "second", "theirs": "second"}


def test_an_older_copy_of_the_world_brings_nothing_back_that_was_deleted(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    for name in ("kept", "changed", "deleted"):
        alice.write(f"www/{name}", f"first {name}")
    house.settled()
    shutil.copytree(bob.world, house.root / "backup")
    alice.write("www/changed", "second")
    (alice.world / "www/deleted").unlink()
    house.settled()
    bob.stop()
    shutil.rmtree(bob.world)
    shutil.copytree(house.root / "backup", bob.world)
    bob.write("www/mine", "an edit on the copy")
    bob.start()
    house.settled()
    assert alice.tree() == bob.tree()
    assert alice.tree() == {"www": None, "www/kept": "first kept", "www/changed": "second", "www/mine": "an edit on the copy"}
    assert any("did not belong together" in alert for alert in bob.engine.view.alerts)


def test_a_directory_with_caches_can_be_deleted_elsewhere(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    alice.write("www/meta/ns/page.changes", "1 x\n")
    house.settled()
    bob.write("www/meta/ns/page.meta", "cache")
    shutil.rmtree(alice.world / "www/meta")
    house.settled()
    assert alice.tree() == bob.tree() == {"www": None}
    assert not (bob.world / "www/meta").exists()


def test_what_does_not_travel_stops_nothing(house: House) -> None:
    import os

    alice, bob = house.member("alice"), house.member("bob")
    alice.write("www/.git/config", "x")
    os.mkfifo(alice.world / "www/fifo")
    os.symlink("/etc/passwd", alice.world / "www/link")
    alice.write("www/file", "x")
    house.settled()
    assert bob.tree() == {"www": None, "www/file": "x"}
    assert {path.decode() for path in alice.engine.view.refused} == {"www/.git", "www/fifo", "www/link"}
    (alice.world / "www").rename(alice.volume / "elsewhere")
    wait_until(lambda: not alice.engine.view.refused, "what is gone is reported no more")


def test_strange_names(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    names = [b"-rf", b"*", b"a\nb", b"\xff\xfe", "\N{PILE OF POO}".encode(), b'"', b"'", b"n" * 255, b" ", b"a\\b"]
    for name in names:
        alice.write(b"www/" + name, name)
    house.settled()
    assert bob.tree() == alice.tree()
    assert len(bob.tree()) == len(names) + 1


def test_what_has_no_room_waits_and_nobody_waits_for_what_is_gone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    house.settled()
    free = [0]
    usage = shutil.disk_usage(bob.world)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage if place == house.state else usage._replace(free=free[0]))
    monkeypatch.setattr(Backoff, "failed", lambda _: 0.05)
    alice.write("large", b"x" * 2_000_000)
    wait_until(lambda: bob.engine.view.refused == {b"large": downloads.NO_ROOM}, "bob says that there is no room")
    assert b"large" in bob.engine.view.waiting
    alice.write("small", "others go on")
    wait_until(lambda: "small" in bob.tree(), "small things arrive")
    (alice.world / "large").unlink()
    wait_until(lambda: not (bob.engine.view.refused or bob.engine.view.waiting), "bob waits for nothing")
    alice.write("large", b"y" * 2_000_000)
    wait_until(lambda: b"large" in bob.engine.view.refused, "no room again")
    free[0] = usage.free
    house.settled()
    assert bob.tree()["large"] == "y" * 2_000_000
    assert not bob.engine.view.refused


def test_a_directory_that_is_moved_in_is_watched(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    house.settled()
    outside = alice.volume / "prepared"
    (outside / "deep" / "er").mkdir(parents=True)
    (outside / "deep" / "er" / "page").write_text("first")
    outside.rename(alice.world / "moved-in")
    wait_until(lambda: "moved-in/deep/er/page" in bob.tree(), "what was moved in travels")
    house.settled()
    for path in ("moved-in/deep/er/page", "moved-in/deep/new", "moved-in/top"):
        alice.write(path, "changed")
        wait_until(lambda path=path: bob.tree().get(path) == "changed", f"a change of {path} is seen")  # type: ignore[misc]
    (alice.world / "moved-in").rename(alice.world / "renamed")
    wait_until(lambda: "renamed/top" in bob.tree(), "the new name travels")
    alice.write("renamed/deep/er/page", "again")
    wait_until(lambda: bob.tree().get("renamed/deep/er/page") == "again", "a change below the new name is seen")


def test_what_others_change_while_a_run_is_folded_reaches_its_author(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_TURN", 10)
    fold_run, go_on = Runs._fold_slice, threading.Event()

    def hesitant(self: Runs, session: Session, run: UpwardRun) -> None:
        if run.position >= 20 and not go_on.wait(0.005):
            self._later(lambda: hesitant(self, session, run))
        else:
            fold_run(self, session, run)

    alice, bob = house.member("alice"), house.member("bob")
    house.settled()
    monkeypatch.setattr(Runs, "_fold_slice", hesitant)
    prepared = alice.volume / "prepared"
    prepared.mkdir()
    for number in range(700):
        (prepared / f"{number:03}").write_text(f"alice {number}")
    prepared.rename(alice.world / "run")
    wait_until(lambda: "run/000" in bob.tree(), "the first slice arrives at bob")
    bob.write("run/000", "bob, before alice knows what came of hers")
    sessions = house.hub.sessions()
    wait_until(lambda: b"run/000" in sessions[alice.citizen.id].outstanding_paths, "it is on its way to alice")
    go_on.set()
    house.settled()
    assert alice.tree() == bob.tree()
    assert alice.tree()["run/000"] == "bob, before alice knows what came of hers"


def test_a_conflict_is_listed_with_both_authors_and_ended_by_one_of_them(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    alice.write("notes.txt", "before")
    house.settled()
    bob.cut()
    bob.write("notes.txt", "bob's")
    alice.write("notes.txt", "alice's")
    house.settled()
    bob.mend()
    house.settled()
    for member in (alice, bob):
        assert [(item.path, item.author, item.other) for item in member.engine.conflicts()] == [(b"notes.txt", "bob", "alice")]
    assert bob.engine.resolve(b"notes.txt", "mine") == b"notes.txt"
    house.settled()
    assert alice.tree() == bob.tree() == {"notes.txt": "bob's"}
    assert alice.engine.conflicts() == bob.engine.conflicts() == []


def test_texts_that_both_changed_apart_are_merged_line_by_line(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    alice.write("page.md", "one\ntwo\nthree\nfour\n")
    house.settled()
    bob.cut()
    bob.write("page.md", "one\ntwo\nthree\nFOUR\n")
    alice.write("page.md", "ONE\ntwo\nthree\nfour\n")
    house.settled()
    bob.mend()
    house.settled()
    assert alice.tree() == bob.tree() == {"page.md": "ONE\ntwo\nthree\nFOUR\n"}


def filled(house: House) -> tuple[Member, Member, dict[str, str | None]]:
    """Return two members of a world with 120 files in directories, and the world."""
    alice, bob = house.member("alice"), house.member("bob")
    for number in range(120):
        alice.write(f"d{number % 3}/{number}", f"{number}")
    house.settled()
    return alice, bob, alice.tree()


def held(member: Member) -> bool:
    refusal = member.engine.view.refusal
    return refusal is not None and refusal.code == "HELD"


def empty(member: Member, how: str) -> None:
    """Remove everything but the sentinel: at once, or one file after the other."""
    for item in sorted(member.world.iterdir()):
        if item.name == ".fwr-sentinel":
            continue
        if how == "at once":
            shutil.rmtree(item)
            continue
        for file in sorted(item.iterdir()):
            file.unlink()
            time.sleep(0.01)
        item.rmdir()


@pytest.mark.parametrize("how", ["at once", "one by one", "offline"])
@pytest.mark.parametrize("ruling", [APPROVE, REJECT])
def test_who_deletes_everything_is_held_until_somebody_decides(house: House, how: str, ruling: str) -> None:
    alice, bob, before = filled(house)
    if how == "offline":
        bob.cut()
    empty(bob, how)
    bob.write("new", "what bob works on meanwhile")
    bob.mend()
    wait_until(lambda: held(bob), "bob is held")
    alice.write("d0/0", "alice goes on")
    now = {**before, "d0/0": "alice goes on"}
    wait_until(lambda: alice.tree() == now == tree_of(house.state / "canon"), "everything but bob goes on, and what came of it is back")
    bob.write("later", "bob goes on as well")
    assert held(bob)
    house.hub.call(lambda: house.hub.guard.decide("bob", ruling))
    wait_until(lambda: bob.engine.view.is_ready, "bob is let in")
    house.settled()
    assert alice.tree() == bob.tree() == tree_of(house.state / "canon")
    brought = {"new": "what bob works on meanwhile", "later": "bob goes on as well"}
    if ruling == REJECT:
        assert bob.tree() == {**before, "d0/0": "alice goes on", **brought}
    else:
        assert bob.tree() == {"d0": None, "d0/0": "alice goes on", **brought}
    alice.write("after", "as usual")
    (bob.world / "new").unlink()
    house.settled()
    assert "new" not in alice.tree() and bob.tree() == alice.tree()


def test_a_world_that_was_emptied_with_its_sentinel_comes_back(house: House) -> None:
    alice, bob, before = filled(house)
    for item in sorted(bob.world.iterdir()):  # the sentinel first: seen after the files, the guard would hold their deletion
        shutil.rmtree(item) if item.is_dir() else item.unlink()
    wait_until(lambda: bob.tree() == before, "it comes back")
    house.settled()
    assert alice.tree() == before == tree_of(house.state / "canon")


def test_a_world_that_is_not_where_it_was_is_left_alone_until_it_is_back(house: House) -> None:
    alice, bob, before = filled(house)
    bob.world.rename(bob.volume / "elsewhere")
    bob.world.mkdir()
    bob.engine.hint(None)
    wait_until(lambda: not bob.engine.view.is_connected, "it is noticed")
    alice.write("d0/0", "alice goes on")
    wait_until(lambda: bob.link.last_words == "the world is not where it was", "it is said")
    assert bob.tree() == {} and tree_of(bob.volume / "elsewhere") == before
    bob.world.rmdir()
    (bob.volume / "elsewhere").rename(bob.world)
    wait_until(lambda: bob.tree() == {**before, "d0/0": "alice goes on"}, "bob has it back")
    house.settled()
    assert alice.tree() == bob.tree() == tree_of(house.state / "canon")


def test_a_renamed_directory_of_many_files_is_no_deletion(house: House) -> None:
    alice, bob, before = filled(house)
    for number in range(3):
        (bob.world / f"d{number}").rename(bob.world / f"e{number}")
    house.settled()
    assert alice.tree() == bob.tree() == {path.replace("d", "e", 1): content for path, content in before.items()}


@pytest.mark.parametrize("is_known", [True, False])
def test_a_large_file_that_a_killed_agent_had_displaced_is_kept_only_if_nobody_has_it(tmp_path: Path, is_known: bool) -> None:
    house = House(tmp_path, Settings(inline_limit=1000, history_quiet=0.05, history_limit=0.2))
    alice, bob = house.member("alice"), house.member("bob")
    for version in ("first", "second"):
        alice.write("www/large", version * 1000)
        house.settled()
    bob.stop()
    displaced = "first" if is_known else "what bob was writing"
    mark = hashlib.sha256(b"www/large").hexdigest()[:32]
    (bob.volume / "private" / "exchange" / f"1-abcdef01-1-{mark}").write_text(displaced * 1000)
    bob.start()
    house.settled()
    contents = [content for content in alice.tree().values() if content is not None]
    assert alice.tree() == bob.tree()
    assert sorted(contents) == sorted(["second" * 1000] if is_known else ["second" * 1000, displaced * 1000])
    assert not any((bob.volume / "private" / "exchange").iterdir())
    house.stop()


def damage(path: Path) -> None:
    """Write over the middle of a file, as a failing disk does."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 3)
        file.write(os.urandom(size // 3))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def test_damaged_tables_are_replaced_by_their_copy_and_what_the_history_has(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    alice.write("www/old", "first")
    alice.write("www/gone", "deleted later")
    house.settled()
    wait_until(lambda: not house.store.has_uncommitted(), "the history is written")
    database.copy(house.state / tables.NAME, house.state / tables.COPY)
    alice.write("www/old", "second")
    bob.write("www/new", "bob's")
    (alice.world / "www/gone").unlink()
    house.settled()
    wait_until(lambda: not house.store.has_uncommitted(), "the history is written")
    house.restart(lambda: damage(house.state / tables.NAME))
    assert "are those of" in house.repaired
    for member in (alice, bob):
        wait_until(lambda member=member: member.engine.view.is_ready, f"{member.name} is back")  # type: ignore[misc]
    house.settled()
    expected = {"www": None, "www/old": "second", "www/new": "bob's"}
    assert alice.tree() == bob.tree() == expected, "the history knows the deletion, and that nobody is in conflict"
    entry = house.store.entry(b"www/new")
    assert entry is not None and entry.author == "bob"
    alice.write("www/old", "third")
    house.settled()
    assert bob.tree()["www/old"] == "third"
    wait_until(lambda: tree_of(house.state / "canon") == alice.tree(), "the canon is the same")


def test_damaged_tables_without_a_copy_are_said_to_be(house: House) -> None:
    alice = house.member("alice")
    alice.write("www/a", "first")
    house.settled()
    alice.stop()
    house._close()
    damage(house.state / tables.NAME)
    with pytest.raises(FwrError, match="no good copy"):
        tables.repair(house.state)
    (house.state / tables.NAME).unlink()
    house._open()


@pytest.mark.parametrize("memory", ["known", "lost"])
def test_what_a_power_cut_emptied_is_fetched_again_and_never_sent(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: str
) -> None:
    boot = tmp_path / "boot_id"
    boot.write_text("one")
    monkeypatch.setattr(power, "_BOOT", boot)
    monkeypatch.setattr(power, "end", lambda _: None)  # nobody stops anything when the power goes
    alice, bob = house.member("alice"), house.member("bob")
    for name in ("emptied", "zeros", "whole", "edited"):
        alice.write(f"www/{name}", f"the whole content of {name}")
    house.settled()
    alice.stop()
    (alice.world / "www/emptied").write_bytes(b"")
    (alice.world / "www/zeros").write_bytes(bytes(20))
    (alice.world / "www/edited").write_text("an edit of the last minute")
    if memory == "lost":
        (alice.world / ".fwr-sentinel").unlink()
    boot.write_text("two")
    alice.start()
    wait_until(lambda: alice.engine.view.is_ready, "alice is back")
    house.settled()
    tree = {path: content for path, content in alice.tree().items() if content is not None and "conflict" not in path}
    assert tree == {
        "www/emptied": "the whole content of emptied", "www/zeros": "the whole content of zeros", "www/whole": "the whole content of whole",
        "www/edited": tree["www/edited"],
    }  # fmt: skip
    assert "an edit of the last minute" in alice.tree().values()
    assert alice.tree() == bob.tree()
    assert any("power cut" in alert for alert in alice.engine.view.alerts)


def test_field_F02_what_a_program_wrote_over_unread_is_merged(house: House) -> None:
    """An editor has had the text open since before another's edit arrived: lines that both left alone are merged."""
    alice, bob = house.member("alice"), house.member("bob")
    alice.write("notes.md", "one\ntwo\nthree\nfour\nfive\n")
    house.settled()
    assert (alice.world / "notes.md").read_text().startswith("one"), "she opens her editor"
    bob.write("notes.md", "one\ntwo\nthree\nfour\nBOB\n")
    house.settled()
    alice.write_unread("notes.md", "ALICE\ntwo\nthree\nfour\nfive\n")
    house.settled()
    assert alice.tree() == bob.tree() == {"notes.md": "ALICE\ntwo\nthree\nfour\nBOB\n"}


def test_field_F02_what_can_not_be_merged_is_kept_beside_what_was_not_seen(house: House) -> None:
    """An application has read its state, thinks, and writes it; meanwhile somebody else's arrives. Twice, since it goes on from its own."""
    alice, bob = house.member("alice"), house.member("bob")
    alice.write("state.json", '{"a": 1}')
    house.settled()
    assert (alice.world / "state.json").read_text() == '{"a": 1}'
    bob.write("state.json", '{"a": 1, "bob": 1}')
    house.settled()
    for number in (2, 3):
        alice.write_unread("state.json", f'{{"a": {number}}}')
        house.settled()
    tree = alice.tree()
    assert tree == bob.tree()
    assert tree.pop("state.json") == '{"a": 1, "bob": 1}', "what nobody had seen stays"
    assert list(tree.values()) == ['{"a": 3}'], "and the other's last one is beside it"


def test_what_the_agent_reads_of_what_it_displaces_was_read_by_nobody(house: House) -> None:
    """A program that writes one state after the other, and reads none, replaces whatever is there: nobody kept two of them beside each other."""
    alice, bob = house.member("alice"), house.member("bob")
    alice.write_unread("state.json", "alice 1")
    house.settled()
    bob.write("state.json", "bob 1")
    house.settled()
    alice.write_unread("state.json", "alice 2")
    house.settled()
    assert alice.tree() == bob.tree() == {"state.json": "alice 2"}


def test_who_has_read_what_arrived_writes_over_it(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    alice.write("notes.txt", "one\ntwo\n")
    house.settled()
    bob.write("notes.txt", "one\nBOB\n")
    house.settled()
    assert (alice.world / "notes.txt").read_text() == "one\nBOB\n"
    alice.write("notes.txt", "one\ntwo\n")
    house.settled()
    assert alice.tree() == bob.tree() == {"notes.txt": "one\ntwo\n"}


def test_a_deletion_means_whatever_is_there(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    alice.write("notes.txt", "one\n")
    alice.write("other.txt", "one\n")
    house.settled()
    bob.write("notes.txt", "two\n")
    house.settled()
    (alice.world / "notes.txt").unlink()
    house.settled()
    assert alice.tree() == bob.tree() == {"other.txt": "one\n"}


@pytest.mark.parametrize("is_the_same", [True, False])
def test_field_F11_a_site_that_is_rebuilt_is_held_no_more(house: House, is_the_same: bool) -> None:
    """A generator removes everything, takes its time, and writes it again: with other contents, or just the same."""
    alice, bob, before = filled(house)
    contents = {path: content for path, content in before.items() if content is not None}
    empty(bob, "one by one")
    wait_until(lambda: held(bob), "bob is held")
    after = contents if is_the_same else {path: f"{content}, rebuilt" for path, content in contents.items()}
    for path, content in after.items():
        bob.write(path, content)
    wait_until(lambda: bob.engine.view.is_ready, "bob is let in by himself")
    house.settled()
    assert alice.tree() == bob.tree() == {**before, **after}, "and there is no conflict copy"
    assert house.store.held(house.store.citizen(name="bob").id) is None  # type: ignore[union-attr]


@pytest.mark.parametrize("what", ["deleted", "changed"])
def test_field_F30_a_file_that_became_a_live_database_is_left_alone(house: House, what: str) -> None:
    """sqlite3 makes an empty file first, which travels. What others do to it is nothing to the database that lives there now."""
    alice, bob = house.member("alice"), house.member("bob")
    alice.write("app.data", "")
    house.settled()
    (bob.world / "app.data").write_bytes(b"SQLite format 3\x00 and pages")
    house.settled()
    inode = (bob.world / "app.data").stat().st_ino
    if what == "deleted":
        (alice.world / "app.data").unlink()
    else:
        alice.write("app.data", "something else")
    house.settled()
    assert (bob.world / "app.data").read_bytes() == b"SQLite format 3\x00 and pages"
    assert (bob.world / "app.data").stat().st_ino == inode, "it was not even moved for a moment"


def test_a_link_where_others_have_a_file_is_said_and_tried_ever_later(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    house.settled()
    (bob.world / "page").symlink_to("/nowhere")
    tries: list[bytes] = []
    place = bob.engine._placer.place

    def counted(path: bytes, *words: Any) -> Any:
        tries.append(path)
        return place(path, *words)

    monkeypatch.setattr(bob.engine._placer, "place", counted)
    alice.write("page", "a page")
    wait_until(lambda: "symbolic link" in bob.engine.view.refused.get(b"page", ""), "it is said")
    for number in range(20):
        alice.write("other", str(number))
        time.sleep(0.05)
    assert tries.count(b"page") <= 3, "what is in the way is not tried with each message"
    (bob.world / "page").unlink()
    house.settled()
    assert bob.tree() == alice.tree() == {"page": "a page", "other": "19"}
