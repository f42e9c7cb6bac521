"""`promote`, `follow`, `move`: a server of the same world from what a client has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fwrkit.core import moves
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs import backup, rm, up
from fwrkit.host.verbs.backup import BackupWish
from fwrkit.host.verbs.follow import follow, line
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.promote import PromoteWish, check, promote
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import AUTHORITY, SimulatedMachine

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.fixture
def orphans(machine: SimulatedMachine) -> SimulatedMachine:
    """Alice and bob, whose server is gone for good."""
    up.up_server(machine, ServerWish(citizen="ada"))
    for name in ("alice", "bob"):
        join(machine, JoinWish("server", name=name))
    rm.remove(machine, machine.nodes.get("server"), with_volumes=True)
    machine.change("alice", world_id="w1")
    return machine


@pytest.fixture
def key(tmp_path: Path) -> str:
    (tmp_path / "authority.key").write_text(KEY)
    return str(tmp_path / "authority.key")


def code_of(machine: SimulatedMachine, **wish: Any) -> ExitCode:
    with pytest.raises(FwrError) as raised:
        promote(machine, PromoteWish(**{"node": "alice", "new_epoch": True, **wish}))
    assert raised.value.hint
    return raised.value.code


def test_with_the_authority_everybody_just_follows(orphans: SimulatedMachine, key: str) -> None:
    made = promote(orphans, PromoteWish("alice", authority=key, address="wiki.example.org"))
    node = orphans.nodes.get("server")
    assert (node.role, node.citizen, node.world_name, node.origin) == ("server", "alice-server", "commons", {})
    [(name, words, mounts)] = orphans.docker.founded
    assert (name, words[-2:]) == ("server", ["--succeed=/from/keys", "--authority"])
    assert mounts[orphans.home.volume("alice", "keys")] == "/from/keys"
    assert orphans.docker.given == [KEY.encode()]
    assert (made.is_new_epoch, made.missing) == (False, 0)
    assert (moves.decode(made.line).host, moves.decode(made.line).declaration) == ("wiki.example.org", None)
    assert orphans.nodes.get("alice").upstream == "server"
    assert follow(orphans, "bob", made.line).server == "server", "on this machine it is known by its name"
    assert orphans.services("alice") == {"sync", "web"}


def test_without_it_an_official_declares_a_new_one(orphans: SimulatedMachine) -> None:
    made = promote(orphans, PromoteWish("alice", new_epoch=True))
    assert (made.is_new_epoch, made.line, orphans.docker.given) == (True, "", [None])
    assert orphans.republic.declared["server"].by == "alice"
    with pytest.raises(FwrError) as raised:
        follow(orphans, "bob", "server")
    assert raised.value.code == ExitCode.HELD
    assert follow(orphans, "bob", "server", is_accepted=True).node == "bob"
    assert next(asked for asked in orphans.republic.asked if asked[1] == "declared")[2]["by"] == "alice"


def test_repeating_it_finishes_what_was_begun(orphans: SimulatedMachine) -> None:
    orphans.republic.answers["follow"] = FwrError(ExitCode.UNREACHABLE, "Out of reach.", "Check the network.")
    assert code_of(orphans) == ExitCode.UNREACHABLE
    orphans.change("server", founded={**orphans.nodes.get("server").founded, "id": "w1", "origin_id": "w1"})
    assert orphans.services("server") == {"sync", "web"}
    del orphans.republic.answers["follow"]
    assert promote(orphans, PromoteWish("alice", new_epoch=True)).up.node == "server"
    assert len(orphans.docker.founded) == 1
    assert code_of(orphans, node="bob", name="server") == ExitCode.TAKEN, "it was alice's"


def test_what_was_interrupted_goes_on_with_the_same_authority_or_not_at_all(
    orphans: SimulatedMachine, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("fwrkit.host.verbs.founding.parse_answer", interrupted)
        with pytest.raises(KeyboardInterrupt):
            promote(orphans, PromoteWish("alice", authority=key))
    with pytest.raises(FwrError) as raised:
        up.up_node(orphans, "server")
    assert raised.value.code == ExitCode.HELD, "another authority would be made, which nobody knows"
    orphans.republic.answers["standing"] = {"is_connected": True, "missing": 0}
    assert code_of(orphans, new_epoch=False, authority=key) == ExitCode.REFUSED, "the old server may be back by then"
    del orphans.republic.answers["standing"]
    promote(orphans, PromoteWish("alice", authority=key))
    assert orphans.docker.given == [KEY.encode()] * 2


def backed_up(machine: SimulatedMachine, name: str, place: Path, lock: dict[str, str] | None) -> str:
    backup.backup(machine, BackupWish(name, str(place), lock), lambda _: None)
    return str(place)


def test_shares_are_put_together_before_anything_is_made(orphans: SimulatedMachine) -> None:
    orphans.fails.append(FwrError(ExitCode.REFUSED, "There is 1 share, and 2 different ones are needed.", "Ask another official."))
    assert code_of(orphans, new_epoch=False, shares=["one"]) == ExitCode.REFUSED
    assert orphans.docker.founded == []
    assert {node.name for node in orphans.nodes.all()} == {"alice", "bob"}
    made = promote(orphans, PromoteWish("alice", shares=["one", "two"]))
    assert orphans.brought[-1] == ([AUTHORITY], orphans.nodes.get("alice").world_name, ["one", "two"])
    assert (orphans.docker.given, made.is_new_epoch) == ([b"a key from shares"], False)


def test_a_servers_backup_gives_its_authority_and_nothing_else(machine: SimulatedMachine, tmp_path: Path) -> None:
    up.up_server(machine, ServerWish(citizen="ada"))
    join(machine, JoinWish("server", name="alice"))
    lock = {"passphrase": "correct horse"}
    whole = backed_up(machine, "server", tmp_path / "server.fwrkit", lock)
    without = backed_up(machine, "server", tmp_path / "without.fwrkit", None)
    client = backed_up(machine, "alice", tmp_path / "alice.fwrkit", lock)
    rm.remove(machine, machine.nodes.get("server"), with_volumes=True)
    for file, code in ((without, ExitCode.REFUSED), (client, ExitCode.USAGE)):
        with pytest.raises(FwrError) as raised:
            check(machine, PromoteWish("alice", authority=file))
        assert raised.value.code == code
        assert code_of(machine, new_epoch=False, authority=file, lock=lock) == code
    header = check(machine, PromoteWish("alice", authority=whole))
    assert header is not None and header.node == "server"
    assert code_of(machine, new_epoch=False, authority=whole, lock={"passphrase": "not this one"}) == ExitCode.REFUSED
    assert machine.docker.founded == []
    promote(machine, PromoteWish("alice", authority=whole, lock=lock))
    assert machine.docker.given == [b"a key from a backup"]
    assert machine.restored == []


def test_a_node_that_runs_an_older_fwrkit_is_to_be_started_again(orphans: SimulatedMachine) -> None:
    orphans.republic.answers["standing"] = {"is_connected": False, "missing": 0}
    assert code_of(orphans, new_epoch=False, shares=["one"]) == ExitCode.REFUSED
    assert orphans.brought == []


def test_what_was_cut_off_before_its_world_was_made_gets_the_authority_still(orphans: SimulatedMachine, key: str) -> None:
    orphans.docker.founding = FwrError(ExitCode.NO_SPACE, "The disk is full.", "Make room.")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rm, "remove", lambda *_, **__: None)  # no time to
        assert code_of(orphans, new_epoch=False, authority=key) == ExitCode.NO_SPACE
    orphans.docker.founding = None
    promote(orphans, PromoteWish("alice", authority=key))
    assert orphans.docker.given == [KEY.encode()] * 2


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"node": "nobody"}, ExitCode.NOT_FOUND),
        ({"name": "bob"}, ExitCode.TAKEN),
        ({"name": "No!"}, ExitCode.USAGE),
        ({"new_epoch": False}, ExitCode.USAGE),
        ({"authority": "/there/is/none"}, ExitCode.USAGE),
        ({"shares": []}, ExitCode.USAGE),
        ({"new_epoch": False, "authority": "/there/is/none"}, ExitCode.NOT_FOUND),
        ({"new_epoch": False, "authority": "/etc/hostname"}, ExitCode.USAGE),
        ({"citizen": "Alice!"}, ExitCode.USAGE),
        ({"address": "http://x"}, ExitCode.USAGE),
    ],
)
def test_a_bad_wish_makes_nothing(orphans: SimulatedMachine, wish: dict[str, Any], code: ExitCode) -> None:
    assert code_of(orphans, **wish) == code
    assert orphans.docker.founded == []
    assert {node.name for node in orphans.nodes.all()} == {"alice", "bob"}


def test_not_while_the_server_is_there_and_not_with_a_loss_that_nobody_accepted(orphans: SimulatedMachine) -> None:
    orphans.republic.answers["standing"] = {"is_connected": True, "missing": 0}
    assert code_of(orphans) == ExitCode.REFUSED
    orphans.republic.answers["standing"] = FwrError(ExitCode.REFUSED, "alice is no official.", "Fork.")
    assert code_of(orphans) == ExitCode.REFUSED
    orphans.republic.answers["standing"] = {"is_connected": False, "missing": 3}
    assert code_of(orphans) == ExitCode.REFUSED
    assert promote(orphans, PromoteWish("alice", new_epoch=True, accept_loss=True)).missing == 3


def test_a_client_that_can_not_follow_is_as_it_was(orphans: SimulatedMachine) -> None:
    promote(orphans, PromoteWish("alice", new_epoch=True))
    before = orphans.nodes.get("bob")
    orphans.republic.answers["follow"] = FwrError(ExitCode.REFUSED, "That is another world.", "Join it.")
    with pytest.raises(FwrError):
        follow(orphans, "bob", "server")
    assert orphans.nodes.get("bob") == before
    for name, there in (("server", "alice"), ("bob", "alice")):
        with pytest.raises(FwrError) as raised:
            follow(orphans, name, there)
        assert raised.value.code == ExitCode.USAGE


def test_the_line_is_for_servers_that_others_reach(orphans: SimulatedMachine) -> None:
    with pytest.raises(FwrError) as raised:
        line(orphans, None)
    assert raised.value.code == ExitCode.USAGE
    promote(orphans, PromoteWish("alice", new_epoch=True))
    with pytest.raises(FwrError) as raised:
        line(orphans, None)
    assert raised.value.code == ExitCode.REFUSED
    up.up_server(orphans, ServerWish(name="open", address="open.example.org"))
    assert moves.decode(line(orphans, "open").line).port == orphans.nodes.get("open").ssh_port
