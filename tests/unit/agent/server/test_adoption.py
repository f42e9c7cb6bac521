"""What was brought is taken over at a start: whole, or as before; and whatever cuts it off, the next start finishes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent.paths import AUDIT
from fwrkit.agent.repository import Repository
from fwrkit.agent.server import adoption, taking
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.history import History
from fwrkit.agent.server.register import Register
from fwrkit.agent.server.store import Store
from fwrkit.agent.states import ABSENT, DIRECTORY, file_state
from tests.unit.agent.house import wait_until
from tests.unit.agent.server.comeback import OPERATOR, PATIENCE, SETTINGS, Town


class Killed(BaseException):
    """The machine loses its power."""


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    # it waits for as long as it takes until alice is back: whoever goes on without her has a history of its own
    town = Town(tmp_path, replace(SETTINGS, behind_quiet=0.1, behind_limit=120.0, inline_limit=2000))
    town.member("alice")
    yield town
    town.stop()


def brought(town: Town, backup: Path) -> None:
    """Put the server back, and have alice bring what is newer; the start that takes it over is still to come."""
    alice = town.members["alice"]
    town.settled()
    alice.fetcher.fetch()
    alice.cut()
    town.put_back(backup)
    alice.mend()
    assert town.taken.wait(PATIENCE)


def state_of(town: Town) -> dict[str, Any]:
    """Return everything of a server that is to be the same, however often it was cut off."""
    store = town.store
    # the audit log has the moment of each start in it
    entries = [(each.path, each.state, each.size, each.time, each.author) for each in store.entries() if not each.path.startswith(AUDIT)]
    versions = store._db.execute("SELECT path, state, author FROM versions WHERE is_committed ORDER BY id")
    return {
        "entries": entries,
        "tree": {path: text for path, text in town.tree().items() if not path.startswith(".fwr/audit")},
        "events": [(entry.event, entry.subject) for entry in Register(store.db).entries()],
        "roll": [(each.name, each.role, each.public_key, each.is_banned) for each in store.citizens()],
        "versions": [row for row in versions if not row[0].startswith(AUDIT)],
        "commits": town.history.read("log", "--format=%H", "--author=^alice", "main")[0],
    }


def after(owner: object, name: str, times: int = 1) -> Callable[[pytest.MonkeyPatch], None]:
    """Return what has the power fail right after something was done so many times."""

    def prepare(patch: pytest.MonkeyPatch) -> None:
        original, count = getattr(owner, name), [0]

        def done(*words: object, **options: object) -> object:
            answer = original(*words, **options)
            count[0] += 1
            if count[0] == times:
                raise Killed(name)
            return answer

        patch.setattr(owner, name, done)

    return prepare


def before(owner: object, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Return what has the power fail right before something is done."""

    def prepare(patch: pytest.MonkeyPatch) -> None:
        def done(*_: object, **__: object) -> None:
            raise Killed(name)

        patch.setattr(owner, name, done)

    return prepare


CUTS = [
    before(adoption, "bring_pack"),
    after(adoption, "bring_pack"),
    before(adoption._Adoption, "_take_over_people"),
    after(adoption._Adoption, "_fill_tables"),
    before(History, "point_at"),
    after(History, "point_at"),
    before(History, "move_tag"),
    after(History, "move_tag"),
    after(Canon, "settle"),
    after(Canon, "settle", 4),
    before(taking, "let_go"),
    after(taking, "let_go"),
]


def test_cut_off_anywhere_it_is_finished_by_the_next_start(town: Town) -> None:
    alice = town.members["alice"]
    alice.write("www/a", "1")
    alice.write("www/old/one", "1")
    alice.write("www/stays", "as it is")
    backup = town.back_up()
    alice.write("www/a", "2")
    alice.remove("www/old")
    alice.write("www/new/deep/file", "new")
    town.admitted("bob")
    brought(town, backup)
    alice.cut()
    town.close()
    kept = town.root / "before"
    os.system(f"cp -a {town.state} {kept}")
    states: list[dict[str, Any]] = []
    killed = 0
    for cut in (lambda _: None, *CUTS):
        os.system(f"rm -rf {town.state}; cp -a {kept} {town.state}")
        with pytest.MonkeyPatch.context() as patch:
            cut(patch)
            try:
                town.open()
                town.server.stop()
            except Killed:
                killed += 1
        town.open()
        assert not (town.state / taking.PLACE).exists()
        wait_until(lambda: not town.store.has_uncommitted(), "the history is written")
        states.append(state_of(town))
        town.server.stop()
    town.open()
    assert killed == len(CUTS)
    assert states[0]["tree"]["www/new/deep/file"] == "new" and "www/old" not in states[0]["tree"]
    for number, state in enumerate(states):
        assert state == states[0], number
    alice.mend()
    town.settled()


def test_a_server_that_has_gone_on_meanwhile_takes_nothing_over(town: Town) -> None:
    alice = town.members["alice"]
    alice.write("www/a", "1")
    backup = town.back_up()
    alice.write("www/a", "2")
    brought(town, backup)
    world = town.server.world_id
    town.close()
    history = History(town.state / "history.git", world)
    commit = history.commit_tree([(b"www/x", history.write(b"x"))], "ada", 1, "of its own\n", 1)
    town.open()
    assert town.history.head() == commit
    assert any("gone on by itself" in said for said in town.server.alerts())
    assert not (town.state / taking.PLACE).exists()


def test_what_the_backup_had_not_written_yet_is_known_once(town: Town) -> None:
    alice = town.members["alice"]
    alice.write("www/a", "1")
    town.settled()
    town.server._historian.pause()
    alice.write("www/a", "2")
    alice.write("www/b", "2")
    assert alice.engine.synchronise(10) is None
    assert town.store.has_uncommitted()
    backup = town.root / "unwritten"
    for name in ("volume", "state", "keys"):
        os.system(f"mkdir -p {backup}; cp -a {town.root / name} {backup / name}")
    os.system(f"cp {town.members[OPERATOR].record_path} {backup}/record.sqlite")
    alice.write("www/a", "3")
    assert alice.engine.synchronise(10) is None
    town.server._historian.go_on()  # so that these are other commits than the backup would make
    brought(town, backup)
    town.restart()
    town.settled()
    assert (town.tree()["www/a"], town.tree()["www/b"]) == ("3", "2")
    rows = [bytes(state) for path, state in town.store._db.execute("SELECT path, state FROM versions ORDER BY id") if path == b"www/a"]
    assert rows == [file_state(text) for text in (b"1", b"2", b"3")]
    assert not any("conflict" in path for path in town.tree())


def test_a_large_file_that_is_not_here_comes_from_who_has_it(town: Town) -> None:
    alice = town.members["alice"]
    bob = town.member("bob")
    alice.write("www/large", "L" * 5000)
    backup = town.back_up()
    alice.write("www/large", "M" * 5000)
    alice.write("www/film", "F" * 5000)
    town.settled()
    alice.write("www/film", "G" * 5000)
    town.settled()
    bob.cut()
    brought(town, backup)
    alice.cut()
    town.restart()
    assert any("2 large files are not here" in said for said in town.server.alerts())
    assert town.store.head(b"www/film") is ABSENT
    assert town.store.is_dropped(file_state(b"F" * 5000)) and not town.store.is_dropped(file_state(b"L" * 5000))
    bob.mend()
    town.settled()
    alice.mend()
    town.settled()
    for tree in (town.tree(), alice.files(), bob.files()):
        assert {path: tree[path][0] for path in tree if path in ("www/large", "www/film")} == {"www/large": "M", "www/film": "G"}
        assert not any("conflict" in path for path in tree)


def test_the_times_of_a_wikis_pages_are_those_of_their_changelogs(town: Town) -> None:
    alice = town.members["alice"]
    alice.write("www/data/pages/start.txt", "one")
    alice.write("www/data/meta/start.changes", "1700000000\tone\n")
    backup = town.back_up()
    alice.write("www/data/pages/start.txt", "two")
    alice.write("www/data/meta/start.changes", "1700000000\tone\n1700000077\ttwo\n")
    brought(town, backup)
    alice.cut()
    town.restart()
    entry = town.store.entry(b"www/data/pages/start.txt")
    assert entry is not None and (entry.state, entry.time) == (file_state(b"two"), 1700000077 * 10**9)
    alice.mend()


def test_files_in_place_of_directories_and_the_other_way_round(town: Town) -> None:
    alice = town.members["alice"]
    alice.write("www/one/file", "1")
    alice.write("www/two", "2")
    backup = town.back_up()
    alice.remove("www/one")
    town.settled()
    alice.write("www/one", "a file now")
    alice.remove("www/two")
    town.settled()
    alice.write("www/two/file", "a directory now")
    brought(town, backup)
    town.restart()
    town.settled()
    tree = town.tree()
    assert (tree["www/one"], tree["www/two/file"]) == ("a file now", "a directory now")
    assert "www/one/file" not in tree
    assert town.store.head(b"www/two") == DIRECTORY
    assert not any("conflict" in path for path in tree)


def test_invites_keys_and_snapshots(town: Town) -> None:
    alice = town.members["alice"]
    alice.write("www/a", "1")
    town.admitted("bob")
    store = town.store
    town.hub.call(lambda: store.add_invite("ssh-ed25519 AAAAinvite", "bob", 1 << 40))
    backup = town.back_up()
    old, town.root = town.key("bob"), town.root
    (town.root / "key-bob").unlink()
    (town.root / "key-bob.pub").unlink()
    new = town.key("bob")
    bob = town.hub.call(lambda: store.citizen(name="bob"))
    town.hub.call(lambda: town.server.offices.enrolment.change_key(bob, new))
    town.ask("role", name="bob", role="official")
    town.ask("snapshot", name="evening", at="")
    brought(town, backup)
    assert Repository(alice.repository.path).references("refs/tags/")
    town.restart()
    town.settled()
    after = town.store.citizen(name="bob")
    assert after is not None and (after.public_key, after.role, after.node_id) == (new, "official", "")
    assert town.store.revoked_keys() == [old]
    assert town.store.invites() == [], "it may have been used since"
    assert town.history.references("refs/tags/") == alice.repository.references("refs/tags/")


def test_nothing_to_take_over(town: Town) -> None:
    (town.state / taking.PLACE).mkdir()
    (town.state / taking.PLACE / "brought.pack").write_bytes(b"half of it")
    store = Store(":memory:")
    operator = town.store.citizen(name=OPERATOR)
    assert operator is not None
    assert adoption.take_over(town.state, store, History(town.root / "x.git", "w"), town.canon, operator, 1) == ""
    assert not (town.state / taking.PLACE).exists()
