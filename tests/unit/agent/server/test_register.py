"""The tables beside the roll."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.agent.audit import follow
from fwrkit.agent.server.register import Ban, Peer, Petition, Register
from fwrkit.agent.server.store import Store


@pytest.fixture
def register() -> Register:
    return Register(Store(":memory:").db)


def test_a_ban_is_found_until_it_ends(register: Register) -> None:
    ban = Ban(7, "x", 10, 20, "ada")
    register.ban(ban)
    register.ban(Ban(8, "y", 10, 0, "ada"))
    assert register.ban_of(7) == ban
    assert register.bans_until(19) == []
    assert register.bans_until(20) == [ban], "one for good does not end"
    register.unban(7)
    assert register.ban_of(7) is None


def test_a_machine_has_one_request(register: Register) -> None:
    register.petition(Petition("k", "bob", "n", 5))
    register.petition(Petition("l", "eve", "n", 4))
    register.petition(Petition("k", "rob", "n", 6))
    assert [(each.public_key, each.name) for each in register.petitions()] == [("l", "eve"), ("k", "rob")]
    register.drop_petition("k")
    assert len(register.petitions()) == 1


def test_an_invite_for_several_counts_who_came(register: Register) -> None:
    assert register.uses_of("i") == 0
    register.open_invite("i", 3)
    register.use("i", "k", "bob")
    register.use("i", "k", "bob")
    register.use("i", "l", "eve")
    assert register.uses_of("i") == 3
    assert register.used_by("i") == {"k": "bob", "l": "eve"}


def test_the_audit_log_outlives_the_connection(tmp_path: Path) -> None:
    for number in range(3):
        store = Store(tmp_path / "tables")
        register = Register(store.db)
        with store.transaction():
            register.add_entry(100 - number, "ada", "ban", "x", {"n": str(number)})
        store.close()
    entries = Register(Store(tmp_path / "tables").db).entries()
    assert follow(entry.to_line() for entry in entries).fault == ""
    assert [entry.time for entry in entries] == [100, 100, 100]


def test_what_is_rolled_back_was_never_logged() -> None:
    store = Store(":memory:")
    register = Register(store.db)
    with pytest.raises(RuntimeError), store.transaction():
        register.add_entry(1, "a", "b", "c", {})
        raise RuntimeError
    assert register.entries() == []


def test_peers_are_kept_in_the_order_in_which_they_began(register: Register) -> None:
    late, early = Peer(7, "a.example.org", 2222, 1, 20), Peer(8, "b.example.org", 2300, 1, 10, "key")
    register.put_peer(late)
    register.put_peer(early)
    assert register.peers() == [early, late]
    moved = Peer(7, "c.example.org", 2222, 1, 20)
    register.put_peer(moved)
    assert (register.peer_of(7), register.peer_of(9)) == (moved, None)
    register.drop_peer(8)
    assert register.peers() == [moved]
