"""The roll and the audit log as a copy of the world has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.agent.public_records import peers_of, read_audit, read_roll, revoked_of, roll_of
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.server.townhall import NOON, TownHall


@pytest.fixture
def world(tmp_path: Path) -> Path:
    hall = TownHall(tmp_path)
    hall.roll.ban(hall.citizen("olga"), "alice", "spam", NOON + 60)
    hall.store.update_citizen(hall.citizen("rob").id, public_key=hall.authority.public)
    world = tmp_path / "world"
    for path, text in hall.published().items():
        (world / path.decode()).parent.mkdir(parents=True, exist_ok=True)
        (world / path.decode()).write_text(text)
    return world


def test_what_the_server_published_is_read_back(world: Path) -> None:
    roll = {citizen.name: citizen for citizen in read_roll(world)}
    assert list(roll) == ["ada", "olga", "alice", "rob"]
    alice = roll["alice"]
    assert (alice.role, alice.since, alice.reason, alice.banned_by) == ("citizen", NOON - 86400, "spam", "olga")
    assert (alice.banned_since, alice.banned_until) == (NOON, NOON + 60)
    assert roll["rob"].fingerprint.startswith("SHA256:") and not alice.fingerprint
    chain = read_audit(world)
    assert [entry.event for entry in chain.entries] == ["ban"] and chain.fault == ""


@pytest.mark.parametrize("text", ["", "x", "citizen = 7", "[[citizen]]\nname = 3", "\x00"])
def test_a_roll_that_is_none(world: Path, text: str) -> None:
    (world / ".fwr/citizens.toml").write_text(text)
    if text == "":
        assert read_roll(world) == []
        return
    with pytest.raises(FwrError) as raised:
        read_roll(world)
    assert raised.value.code is ExitCode.FAILED


def test_no_roll_and_no_log_yet(tmp_path: Path) -> None:
    with pytest.raises(FwrError) as raised:
        read_roll(tmp_path)
    assert raised.value.code is ExitCode.NOT_FOUND
    assert read_audit(tmp_path).entries == []


def test_links_are_not_followed(world: Path) -> None:
    roll = world / ".fwr/citizens.toml"
    roll.rename(world / "elsewhere")
    roll.symlink_to(world / "elsewhere")
    with pytest.raises(FwrError):
        read_roll(world)


PEER = (
    '[[citizen]]\nname = "ada"\nrole = "official"\nsince = 2026-11-25T12:00:00Z\n'
    '[[peer]]\nname = "ada-peer"\nhost = "10.0.0.7"\nport = 2222\nby = "ada"\nsince = 2026-11-25T12:00:00Z\n'
)


def test_peers_are_read_in_their_order() -> None:
    text = (PEER + PEER.partition("[[peer]]")[1] + PEER.partition("[[peer]]")[2].replace("ada-peer", "bob-peer")).encode()
    assert [(each.name, each.host, each.port, each.by, each.since) for each in peers_of(text)] == [
        ("ada-peer", "10.0.0.7", 2222, "ada", NOON), ("bob-peer", "10.0.0.7", 2222, "ada", NOON),
    ]  # fmt: skip
    assert [each.name for each in roll_of(text)] == ["ada"]
    assert peers_of(b"") == []


@pytest.mark.parametrize(
    ("part", "nonsense"),
    [
        ("2222", "0"), ("2222", "65536"), ("2222", "true"), ("2222", '"22"'), ("10.0.0.7", "a b"), ("10.0.0.7", "-oProxyCommand=x"),
        ("10.0.0.7", "x\\nProxyCommand y"), ("10.0.0.7", "%h"), ("10.0.0.7", ""), ("ada-peer", "Ada"), ('by = "ada"', 'by = "\\n"'), ("port = 2222\n", ""),
        ("[[peer]]", "[peer]"),
    ],
)  # fmt: skip
def test_peers_that_are_none(part: str, nonsense: str) -> None:
    assert part in PEER
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        peers_of(PEER.replace(part, nonsense).encode())


def test_keys_that_open_nothing_any_more(tmp_path: Path) -> None:
    hall = TownHall(tmp_path)
    hall.store.revoke_key(hall.authority.public, NOON)
    assert revoked_of(hall.publisher.roll().encode()) == [hall.authority.public]
    assert revoked_of(b'revoked = ["nonsense", 7]') == revoked_of(PEER.encode()) == []
