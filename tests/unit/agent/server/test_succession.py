# ruff: noqa: F811 - fixtures of another test, by their names
"""The same world goes on from a copy: its roll, its log, its names for versions, its authority if somebody kept it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from fwrkit.agent import audit
from fwrkit.agent.audit import GENESIS, Entry
from fwrkit.agent.keys import make_key
from fwrkit.agent.repository import Repository
from fwrkit.agent.server.founding import Founded, found
from fwrkit.agent.server.register import Register
from fwrkit.agent.server.server import Server
from fwrkit.agent.server.succession import Succession
from fwrkit.agent.settings import Places
from fwrkit.agent.signatures import sign
from fwrkit.agent.snapshots import known_authorities, snapshots, tag_text
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.past import BEGIN
from tests.unit.agent.server.test_founding import NODE, Old, old, open_store, places  # noqa: F401 - fixtures


@pytest.fixture
def authority(tmp_path: Path) -> str:
    return make_key(tmp_path / "lost", "authority")


def succession(authority: str, key: str = "", world: str = "00112233aabbccdd") -> Succession:
    return Succession(world, "commons", (authority,), (), key)


def follow_up(old: Old, places: Places, authority: str, key: str = "", world: str = "00112233aabbccdd") -> Founded:
    """Commit the world's own records as they lie there, as its server does, and have a successor go on."""
    records = {
        path.relative_to(old.world).as_posix().encode(): path.read_bytes() for path in (old.world / ".fwr").rglob("*") if path.is_file()
    }
    old.past.write("fwrkit", dict(records))
    return found(NODE, places, old.origin(), succession=succession(authority, key, world))


def log(*events: str) -> str:
    entries: list[Entry] = []
    for number, event in enumerate(events, 1):
        entries.append(Entry(number, BEGIN + number, "ada", event, "x", {}, entries[-1].hash if entries else GENESIS))
    return "".join(f"{each.to_line()}\n" for each in entries)


def test_roll_log_and_snapshots_go_on(old: Old, places: Places, authority: str, tmp_path: Path) -> None:
    bob = make_key(tmp_path / "bob", "bob")
    roll = (old.world / ".fwr/citizens.toml").read_text().replace('name = "bob"', f'name = "bob"\nkey = "{bob}"')
    old.put(".fwr/citizens.toml", roll)
    old.put(".fwr/audit/2026-11.jsonl", log("join", "ban"))
    first = old.commit("bob", www_a=b"one")
    text = tag_text(first, "v1", "ada", "world", BEGIN)
    old.past.history.add_tag("refs/tags/v1", text + sign(tmp_path / "lost", "git", text).encode())
    old.put("www/a", "one")
    founded = follow_up(old, places, authority)
    assert (founded.id, founded.name) == ("00112233aabbccdd", "commons")
    assert "forked_from" not in (places.world / ".fwr/world.toml").read_text()
    store = open_store(places)
    roll_now = {each.name: each for each in store.citizens()}
    assert [(name, each.role, each.is_banned) for name, each in roll_now.items()] == [
        ("ada", "official", False), ("bob", "citizen", False), ("mallory", "citizen", True), ("carol", "former", False),
    ]  # fmt: skip
    assert roll_now["bob"].public_key == bob
    assert len({each.uid for each in roll_now.values()}) == 4
    register = Register(store.db)
    ban = register.ban_of(roll_now["mallory"].id)
    assert ban is not None and (ban.reason, ban.by) == ("spam", "ada")
    chain = audit.follow([entry.to_line() for entry in register.entries()])
    assert (chain.fault, [entry.event for entry in chain.entries]) == ("", ["join", "ban", "promote"])
    assert chain.entries[-1].details["authority"] == "a new one"
    store.close()
    server = Server(NODE, places, with_network=False)
    server.start()
    assert server.store.set_head(b"x", None, 0, 0, "ada", 1) > 1 << 20, "beyond whatever the lost server may have made"
    server.stop()
    [snapshot] = snapshots(Repository(places.state / "history.git"), known_authorities(places.keys))
    assert (snapshot.name, snapshot.is_verified) == ("v1", True), "signed by the authority before"


def test_the_authority_is_the_worlds_own_or_none(old: Old, places: Places, authority: str, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other", "other")
    assert other != authority
    for key, code in (((tmp_path / "other").read_text(), ExitCode.REFUSED), ("nonsense", ExitCode.USAGE)):
        with pytest.raises(FwrError) as caught:
            follow_up(old, places, authority, key)
        assert caught.value.code is code
        assert not (places.keys / "authority").exists()
    follow_up(old, places, authority, (tmp_path / "lost").read_text().rstrip())
    server = Server(NODE, places, with_network=False)
    server.start()
    server.stop()
    assert (places.keys / "authorities.pub").read_text() == f"{authority}\n"


def test_a_log_that_can_not_be_verified_begins_anew_and_says_so(old: Old, places: Places, authority: str) -> None:
    old.put(".fwr/audit/2026-11.jsonl", log("join", "ban").replace('"join"', '"leave"'))
    follow_up(old, places, authority)
    store = open_store(places)
    [entry] = Register(store.db).entries()
    assert entry.event == "promote"
    assert entry.details["log before"]
    store.close()


@pytest.mark.parametrize(
    "roll", ["[[citizen", '[[citizen]]\nname = "bob"\n', '[[citizen]]\nname = "bob"\nrole = "king"\nsince = 2026-01-01\n']
)
def test_without_a_roll_nothing_is_made(old: Old, places: Places, authority: str, roll: str) -> None:
    old.put(".fwr/citizens.toml", roll)
    with pytest.raises(FwrError) as caught:
        follow_up(old, places, authority)
    assert caught.value.code is ExitCode.FAILED


def test_a_copy_of_another_world_is_refused(old: Old, places: Places, authority: str) -> None:
    with pytest.raises(FwrError) as caught:
        follow_up(old, places, authority, world="another")
    assert caught.value.code is ExitCode.REFUSED


def test_what_the_node_lacks_is_not_deleted_and_what_was_written_into_the_records_is_not_believed(
    old: Old,
    places: Places,
    authority: str,
) -> None:
    old.commit("bob", www_a=b"one", www_b=b"left out by this node")
    old.past.put_large(b"www/large", b"L" * 5000)
    old.put("www/a", "one")
    records = {
        b".fwr/citizens.toml": (old.world / ".fwr/citizens.toml").read_bytes(),
        b".fwr/world.toml": (old.world / ".fwr/world.toml").read_bytes(),
    }
    old.past.write("fwrkit", dict(records))
    forged = (old.world / ".fwr/citizens.toml").read_text()
    old.put(
        ".fwr/citizens.toml",
        forged.replace('name = "mallory"\nrole = "citizen"', 'name = "mallory"\nrole = "official"').replace("banned", "other"),
    )
    old.put(".fwr/world.toml", (old.world / ".fwr/world.toml").read_text().replace("www/cache", "www/**"))
    found(NODE, places, old.origin(), succession=succession(authority))
    assert (places.world / "www/b").read_bytes() == b"left out by this node"
    assert (places.world / "www/large").read_bytes() == b"L" * 5000
    store = open_store(places)
    entries = {entry.path: entry for entry in store.entries()}
    assert entries[b"www/b"].author == "bob"
    assert b"www/a" in entries
    mallory = store.citizen(name="mallory")
    assert mallory is not None and (mallory.role, mallory.is_banned) == ("citizen", True)
    store.close()


def test_a_large_file_that_is_nowhere_is_no_deletion_either(old: Old, places: Places, authority: str) -> None:
    old.past.put_large(b"www/large", b"L" * 5000)
    for file in (old.state / "history.git/lfs/objects").rglob("*"):
        if file.is_file():
            file.unlink()
    with pytest.raises(FwrError) as caught:
        follow_up(old, places, authority)
    assert caught.value.code is ExitCode.REFUSED
    assert "www/large" in caught.value.message


def test_the_servers_own_account_takes_nobodys_place_and_old_keys_stay_dead(
    old: Old, places: Places, authority: str, tmp_path: Path
) -> None:
    key, dead = make_key(tmp_path / "ada", "ada"), make_key(tmp_path / "dead", "dead")
    roll = (old.world / ".fwr/citizens.toml").read_text()
    old.put(".fwr/citizens.toml", f'revoked = ["{dead}", "nonsense"]\n' + roll.replace('name = "ada"', f'name = "ada"\nkey = "{key}"'))
    with pytest.raises(FwrError) as caught:
        follow_up(old, places, authority)
    assert caught.value.code is ExitCode.TAKEN
    old.put(".fwr/citizens.toml", f'revoked = ["{dead}", "nonsense"]\n' + roll)
    follow_up(old, places, authority)
    store = open_store(places)
    assert store.revoked_keys() == [dead]
    store.close()


PEERS = """
[[peer]]
name = "bob"
host = "bob.example.org"
port = 2300
by = "ada"
since = 2026-01-03T00:00:00Z
[[peer]]
name = "nobody"
host = "x"
port = 1
by = "ada"
since = 2026-01-03T00:00:00Z
"""


def test_peers_go_on_where_the_server_has_moved(old: Old, places: Places, authority: str) -> None:
    old.put(".fwr/citizens.toml", (old.world / ".fwr/citizens.toml").read_text() + PEERS)
    follow_up(old, places, authority)
    store = open_store(places)
    bob, ada = store.citizen(name="bob"), store.citizen(name="ada")
    assert bob is not None and ada is not None
    [peer] = Register(store.db).peers()
    assert (peer.citizen, peer.host, peer.port, peer.by, peer.host_key) == (bob.id, "bob.example.org", 2300, ada.id, "")
    assert store.meta("peer") == ""
    store.close()


@pytest.mark.parametrize("peers", ["peer = 7\n", '[[peer]]\nname = "bob"\n', PEERS.replace("bob.example.org", "-x y")])
def test_a_list_of_peers_that_is_none_lets_everybody_in_all_the_same(old: Old, places: Places, authority: str, peers: str) -> None:
    roll = (old.world / ".fwr/citizens.toml").read_text()
    old.put(".fwr/citizens.toml", peers + roll if peers.startswith("peer") else roll + peers)
    follow_up(old, places, authority)
    store = open_store(places)
    assert store.citizen(name="bob") is not None and Register(store.db).peers() == []
    store.close()


def test_a_peer_goes_on_beside_the_server_without_authority_and_adds_nothing(
    old: Old, places: Places, authority: str, tmp_path: Path
) -> None:
    """Also where the roll has it already, from an earlier attempt."""
    before, own = make_key(tmp_path / "before", "before"), make_key(tmp_path / "own", "own")
    roll = (old.world / ".fwr/citizens.toml").read_text()
    old.put(".fwr/citizens.toml", roll + f'[[citizen]]\nname = "ada-peer"\nrole = "citizen"\nsince = 2026-01-01T00:00:00Z\nkey = "{own}"\n')
    old.put(".fwr/audit/2026-11.jsonl", log("join", "ban"))
    old.past.write(
        "fwrkit", {path.relative_to(old.world).as_posix().encode(): path.read_bytes() for path in (old.world / ".fwr").rglob("*.*")}
    )
    node = replace(NODE, name="ada-peer", citizen="ada-peer")
    wish = Succession("00112233aabbccdd", "commons", (authority,), (before, authority), is_peer=True)
    founded = found(node, places, old.origin(), succession=wish)
    assert founded.id == "00112233aabbccdd"
    assert not (places.keys / "authority").exists()
    assert (places.keys / "authorities.pub").read_text() == f"{authority}\n"
    assert (places.keys / "authorities-former.pub").read_text() == f"{before}\n"
    store = open_store(places)
    assert store.meta("peer") == "yes"
    assert [(each.name, each.role, each.is_banned) for each in store.citizens()] == [
        ("ada-peer", "official", False), ("ada", "official", False), ("bob", "citizen", False), ("mallory", "citizen", True),
        ("carol", "former", False),
    ]  # fmt: skip
    assert store.citizen(uid=os.geteuid()) == store.citizen(name="ada-peer")
    assert [entry.event for entry in Register(store.db).entries()] == ["join", "ban"]
    assert store.entry(b".fwr/policy.toml") is None, "what the server does not have, a peer does not make"
    store.close()
    subject, _ = Repository(places.state / "history.git").read("log", "-1", "--format=%s")
    assert subject == b"ada-peer serves as a peer\n"
    assert found(node, places, old.origin(), succession=wish) == founded, "repeating it is harmless"
