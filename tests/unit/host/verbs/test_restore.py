"""A node from a backup: nothing is touched unless it is whole, nothing is left of what failed, nothing is overwritten."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest

from fwrkit.core import backups
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs import backup, join, rm, up
from fwrkit.host.verbs import restore as verb
from fwrkit.host.verbs.backup import BackupWish
from fwrkit.host.verbs.join import JoinWish
from fwrkit.host.verbs.restore import Restored, RestoreWish
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine

LOCK = {"passphrase": "correct horse"}


@pytest.fixture
def saved(machine: SimulatedMachine, tmp_path: Path) -> dict[str, Path]:
    """Backups of a server and a client that are no more."""
    up.up_server(machine, ServerWish(address="wiki.example.org"))
    up.up_server(machine, ServerWish(name="local"))
    join.join(machine, JoinWish("local", "alice"))
    found = {}
    for name in ("server", "alice"):
        found[name] = tmp_path / f"{name}.fwrkit"
        backup.backup(machine, BackupWish(name, str(found[name]), LOCK), lambda _: None)
    for name in ("alice", "server"):
        rm.remove(machine, machine.nodes.get(name), with_volumes=True)
    return found


def restore(machine: SimulatedMachine, file: Path, **wish: Any) -> Restored:
    with verb.opened(machine, str(file), io.BytesIO()) as opened:
        return verb.restore(machine, opened, RestoreWish(**{"lock": LOCK, **wish}))


def fault(machine: SimulatedMachine, file: Path, **wish: Any) -> FwrError:
    with pytest.raises(FwrError) as raised:
        restore(machine, file, **wish)
    return raised.value


def changed(file: Path, **record: Any) -> Path:
    with file.open("rb") as opened:
        header = backups.read_header(opened)
    file.write_bytes(backups.frame(dataclasses.replace(header, record={**header.record, **record}).encode()) + b"content of")
    return file


def test_a_server_is_what_it_was(machine: SimulatedMachine, saved: dict[str, Path]) -> None:
    made = restore(machine, saved["server"])
    node = machine.nodes.get("server")
    assert (made.node, made.role, made.address, made.ssh_port, made.has_keys) == (
        "server",
        "server",
        "wiki.example.org",
        node.ssh_port,
        True,
    )
    assert machine.services("server") == {"sync", "web"}
    assert machine.restored[-1] == ("server", LOCK, saved["server"].read_bytes())
    assert made.notes == []
    assert not (machine.nodes.directory("server") / "restoring.json").exists()


def test_a_client_is_what_it_was(machine: SimulatedMachine, saved: dict[str, Path]) -> None:
    with saved["alice"].open("rb") as opened:
        record = verb.look(opened).record
    made = restore(machine, saved["alice"], is_started=False)
    node = machine.nodes.get("alice")
    assert (made.is_joined, made.status, node.is_joined, node.upstream) == (True, None, True, "local")
    assert (node.node_id, node.http_port, node.citizen) == (record["node_id"], record["http_port"], "alice")
    assert machine.services("alice") == set()


def test_without_keys_it_is_another_node(machine: SimulatedMachine, saved: dict[str, Path]) -> None:
    with saved["alice"].open("rb") as opened:
        before = verb.look(opened).record["node_id"]
    made = restore(machine, saved["alice"], lock=None, name="bob")
    node = machine.nodes.get("bob")
    assert (made.is_joined, node.is_joined, node.node_id != before) == (False, False, True)
    assert "fwrkit join local --name bob" in made.notes[0]
    assert join.join(machine, JoinWish("local", "bob")).is_joined
    assert "invite" in restore(machine, saved["server"], lock=None).notes[0]


def test_what_is_known_before_a_passphrase_is_asked_for(machine: SimulatedMachine, saved: dict[str, Path]) -> None:
    with saved["server"].open("rb") as opened:
        header = verb.look(opened)
    without = dataclasses.replace(header, has_keys=False)
    with pytest.raises(FwrError) as raised:
        verb.check(machine, without, RestoreWish(), are_keys_left_out=False)
    assert (raised.value.code, "--without-keys" in raised.value.hint) == (ExitCode.REFUSED, True)
    verb.check(machine, without, RestoreWish(), are_keys_left_out=True)
    verb.check(machine, header, RestoreWish(), are_keys_left_out=False)
    with pytest.raises(FwrError) as raised:
        verb.check(machine, header, RestoreWish(name="local"), are_keys_left_out=False)
    assert raised.value.code == ExitCode.TAKEN


def test_a_damaged_one_touches_nothing(machine: SimulatedMachine, saved: dict[str, Path]) -> None:
    content = saved["server"].read_bytes()
    saved["server"].write_bytes(content[: content.index(b"content of")])
    assert fault(machine, saved["server"]).code == ExitCode.FAILED
    assert not machine.nodes.directory("server").exists()
    assert machine.engine.volumes(machine.home.project("server")) == {}
    saved["server"].write_bytes(b"something else")
    assert fault(machine, saved["server"]).code == ExitCode.FAILED
    assert fault(machine, saved["server"].with_name("nothing")).code == ExitCode.NOT_FOUND


def test_a_wrong_passphrase_touches_nothing(machine: SimulatedMachine, saved: dict[str, Path]) -> None:
    assert fault(machine, saved["server"], lock={"passphrase": "not this one"}).code == ExitCode.REFUSED
    assert not machine.nodes.directory("server").exists()


def test_a_node_of_that_name_is_left_alone(machine: SimulatedMachine, saved: dict[str, Path]) -> None:
    restore(machine, saved["server"])
    error = fault(machine, saved["server"])
    assert (error.code, "--name" in error.hint) == (ExitCode.TAKEN, True)
    other = restore(machine, saved["server"], name="other")
    assert other.ssh_port != machine.nodes.get("server").ssh_port
    assert "clients elsewhere" in other.notes[0]


def test_volumes_that_were_kept_are_left_alone(machine: SimulatedMachine, saved: dict[str, Path]) -> None:
    restore(machine, saved["server"])
    rm.remove(machine, machine.nodes.get("server"), with_volumes=False)
    before = machine.engine.volumes(machine.home.project("server"))
    error = fault(machine, saved["server"])
    assert (error.code, "docker volume rm" in error.hint) == (ExitCode.TAKEN, True)
    assert machine.engine.volumes(machine.home.project("server")) == before


@pytest.mark.parametrize("error", [FwrError(ExitCode.NO_SPACE, "The disk is full.", ""), KeyboardInterrupt()])
def test_nothing_is_left_of_one_that_failed(machine: SimulatedMachine, saved: dict[str, Path], error: BaseException) -> None:
    machine.fails.append(error)
    with pytest.raises(type(error)):
        restore(machine, saved["server"])
    assert not machine.nodes.directory("server").exists()
    assert machine.engine.volumes(machine.home.project("server")) == {}
    assert restore(machine, saved["server"]).node == "server"


def test_one_that_was_cut_off_is_begun_anew(machine: SimulatedMachine, saved: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    machine.fails.append(KeyboardInterrupt())
    with monkeypatch.context() as patch:
        patch.setattr(verb, "_clean", lambda *_: None)  # no time to
        with pytest.raises(KeyboardInterrupt):
            restore(machine, saved["server"])
    assert machine.nodes.find("server") is None
    assert machine.engine.volumes(machine.home.project("server")) != {}
    assert restore(machine, saved["server"]).node == "server"


def test_a_world_in_a_directory(machine: SimulatedMachine, saved: dict[str, Path], tmp_path: Path) -> None:
    place = tmp_path / "world"
    place.mkdir()
    (place / "x").write_text("mine")
    machine.said.clear()
    with pytest.raises(FwrError) as raised:
        restore(machine, saved["server"], world=str(place))
    assert raised.value.code in (ExitCode.TAKEN, ExitCode.REFUSED)
    assert (place / "x").read_text() == "mine"
    (place / "x").unlink()
    restore(machine, saved["server"], world=str(place))
    assert machine.nodes.get("server").world_dir == str(place.resolve())


def test_what_was_true_of_the_other_machine_only_is_left_there(machine: SimulatedMachine, saved: dict[str, Path], tmp_path: Path) -> None:
    place = tmp_path / "world"
    place.mkdir()
    changed(saved["server"], world_dir="/mnt/disk", had_world=True, proxy="0.0.0.0/0", begun="fork", timezone="../x")
    restore(machine, saved["server"], world=str(place))  # nothing of its world is there yet, and that is right
    node = machine.nodes.get("server")
    assert (node.world_dir, node.proxy, node.begun, node.timezone) == (str(place.resolve()), "", "", "")
    changed(saved["alice"], timezone="UTC")
    restore(machine, saved["alice"])
    assert machine.nodes.get("alice").timezone == "UTC"


def test_another_address(machine: SimulatedMachine, saved: dict[str, Path]) -> None:
    assert restore(machine, saved["server"], address="new.example.org").address == "new.example.org"
    assert fault(machine, saved["alice"], address="new.example.org").code == ExitCode.USAGE


def test_standard_input_is_kept_meanwhile(machine: SimulatedMachine, saved: dict[str, Path]) -> None:
    with verb.opened(machine, "-", io.BytesIO(saved["server"].read_bytes())) as opened:
        assert verb.restore(machine, opened, RestoreWish(lock=LOCK)).node == "server"


def test_a_server_elsewhere_is_said(machine: SimulatedMachine, saved: dict[str, Path]) -> None:
    rm.remove(machine, machine.nodes.get("local"), with_volumes=True)
    assert any("not on this machine" in note for note in restore(machine, saved["alice"]).notes)


@pytest.mark.parametrize(
    "record",
    [
        {"node_id": "../../x"},
        {"name": 5},
        {"citizen": "Not A Citizen"},
        {"template": "joomla"},
        {"address": "a b"},
        {"upstream": "../x"},
        {"http_port": "8011"},
        {"uid": "0"},
        {"role": "client"},
        {"settings": ["x"]},
    ],
    ids=str,
)
def test_what_a_record_may_not_say(machine: SimulatedMachine, saved: dict[str, Path], record: dict[str, Any]) -> None:
    assert fault(machine, changed(saved["server"], **record)).code in (ExitCode.FAILED, ExitCode.USAGE)
    assert not machine.nodes.directory("server").exists()


def test_what_a_record_says_of_the_other_machine_is_not_taken(machine: SimulatedMachine, saved: dict[str, Path]) -> None:
    restore(machine, changed(saved["server"], world_dir="/etc", uid=0, gid=0, image="evil", later="field", origin={"world": "/etc"}))
    node = machine.nodes.get("server")
    assert (node.world_dir, node.uid, node.gid, "evil" in node.image, node.origin) == ("", 2011, 2011, False, {})
    assert "later" not in json.loads((machine.nodes.directory("server") / "node.json").read_text())
