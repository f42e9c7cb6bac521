"""A copy of a world becomes a world of its own, with the history that came with it."""

from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from fwrkit.agent import audit, public_records
from fwrkit.agent.files import database
from fwrkit.agent.files.copying import Copier
from fwrkit.agent.repository import Repository
from fwrkit.agent.server import founding, tables
from fwrkit.agent.server.founding import found
from fwrkit.agent.server.history import History
from fwrkit.agent.server.origins import Origin
from fwrkit.agent.server.register import Register
from fwrkit.agent.server.server import Server
from fwrkit.agent.server.store import Store
from fwrkit.agent.settings import Node, Places, Settings
from fwrkit.agent.snapshots import known_authorities, snapshots, tag_text
from fwrkit.agent.states import file_state
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.past import BEGIN, DAY, Past

TEMPLATES = Path(__file__).parents[4] / "images/base/rootfs/usr/share/fwrkit/templates"
OWNER = (os.geteuid(), os.getegid())
NODE = Node("server", "mine", "0123456789ab", "ada", "static", "mine", OWNER, Settings(large_limit=1000))
WORLD = 'id = "00112233aabbccdd"\nname = "commons"\ntemplate = "static"\nignore = ["www/cache"]\nunion_logs = []\ntexts = ["**/*.txt"]\n'
ROLL = """
[[citizen]]
name = "ada"
role = "official"
since = 2026-01-01T00:00:00Z
[[citizen]]
name = "bob"
role = "citizen"
since = 2026-01-01T00:00:00Z
[[citizen]]
name = "mallory"
role = "citizen"
since = 2026-01-01T00:00:00Z
banned = { since = 2026-01-02T00:00:00Z, by = "ada", reason = "spam" }
[[citizen]]
name = "carol"
role = "former"
since = 2026-01-01T00:00:00Z
"""


class Old:
    """The world that is copied: a volume, and a state volume beside it. What is committed is in the world, too."""

    def __init__(self, root: Path) -> None:
        self.volume, self.state = root / "old-world", root / "old-state"
        self.state.mkdir()
        self.world = self.volume / "world"
        self.past = Past(self.state)
        self.put(".fwr/world.toml", WORLD)
        self.put(".fwr/citizens.toml", ROLL)
        self.put(".fwr/audit/2026-11.jsonl", "{}\n")
        self.put(".fwr-sentinel", "generation")

    def put(self, path: str, text: str) -> None:
        place = self.world / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def commit(self, author: str, **contents: bytes | None) -> str:
        return self.past.put(author, **contents)

    def origin(self, version: str = "") -> Origin:
        return Origin(self.volume, self.state, version)


@pytest.fixture
def old(tmp_path: Path) -> Old:
    return Old(tmp_path)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("volume", "state", "keys", "run"):
        (tmp_path / name).mkdir()
    return Places(tmp_path / "volume", tmp_path / "state", tmp_path / "keys", tmp_path / "run", TEMPLATES)


@pytest.fixture(autouse=True)
def _is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Copier.run
    monkeypatch.setattr(Copier, "run", lambda self: run(self, pause=0.006))


def world_of(places: Places) -> dict[str, bytes]:
    return {str(path.relative_to(places.world)): path.read_bytes() for path in places.world.rglob("*") if path.is_file()}


def open_store(places: Places) -> Store:
    return Store(places.state / tables.NAME)


def test_a_copied_world_alone_begins_a_new_history(old: Old, places: Places) -> None:
    old.put("www/index.html", "hello")
    old.put("www/cache/x", "made here")
    os.utime(old.world / "www/index.html", ns=(1, 1_700_000_000_000_000_007))
    founded = found(NODE, places, Origin(old.volume))
    assert (founded.origin_id, founded.origin_name, founded.version, founded.versions) == ("00112233aabbccdd", "commons", "", 0)
    assert founded.id != founded.origin_id
    assert founded.citizens == ["bob"], "neither the operator nor who is banned or gone"
    files = world_of(places)
    assert files.keys() == {"www/index.html", "www/cache/x", ".fwr/world.toml", ".fwr/policy.toml"}
    says = tomllib.loads(files[".fwr/world.toml"].decode())
    assert (says["id"], says["name"], says["template"], says["ignore"]) == (founded.id, "mine", "static", ["www/cache"])
    assert says["forked_from"] == {"id": "00112233aabbccdd", "name": "commons", "version": ""}
    store = open_store(places)
    entry = store.entry(b"www/index.html")
    assert entry is not None
    assert (entry.state, entry.time, entry.author) == (file_state(b"hello"), 1_700_000_000_000_000_007, "ada")
    assert (places.world / "www/index.html").stat().st_mtime_ns == entry.time
    assert store.entry(b"www/cache/x") is None, "it never travels"
    assert not store.has_uncommitted()
    repository = Repository(places.state / "history.git")
    assert repository.number() == store.last_version()
    assert repository.read("log", "--format=%an %s")[0] == b"ada fork of commons as mine\n"
    [first] = Register(store.db).entries()
    assert (first.event, first.subject, first.details["id"]) == ("fork", "mine", "00112233aabbccdd")
    store.close()


def test_history_authors_and_old_versions_come_along(old: Old, places: Places) -> None:
    old.commit("bob", www_a=b"one", www_gone=b"was here")
    middle = old.commit("carol", www_a=b"two", www_gone=None)
    large = b"L" * 5000
    old.past.put_large(b"www/large", large)
    old.put("www/a", "two")
    old.put("www/large", large.decode())
    old.put("www/unsent", "not yet at the server")
    last = Repository(old.state / "history.git").head()
    founded = found(NODE, places, old.origin())
    assert (founded.version, founded.versions, founded.lost) == (last, 3, 0)
    store, history = open_store(places), History(places.state / "history.git", founded.id)
    assert [store.entry(path).author for path in (b"www/a", b"www/large", b"www/unsent")] == ["carol", "alice", "ada"]  # type: ignore[union-attr]
    assert store.versions.had(b"www/a", file_state(b"one"), "bob")
    assert store.versions.deletion_of(b"www/gone") == (BEGIN + DAY) * 10**9
    place = store.place_of(file_state(b"was here"))
    assert place is not None and history.read(place[1]) == b"was here", "what was deleted before can be restored"
    assert history.large_object(file_state(large)) is not None
    repository = Repository(places.state / "history.git")
    assert repository.run("fsck", "--full").is_ok
    assert repository.run("merge-base", "--is-ancestor", middle, "HEAD").is_ok
    assert repository.read("ls-tree", "-r", "--name-only", "HEAD", "www")[0].split() == [b"www/a", b"www/large", b"www/unsent"]
    store.close()


def test_an_earlier_version_is_taken_as_it_was(old: Old, places: Places) -> None:
    changes = b"1700000100\t127.0.0.1\tE\tpage\tbob\thello\n"
    old.commit("bob", www_a=b"one", **{"www_data_meta_page.changes": changes, "www_data_pages_page.txt": b"wiki"})
    first = Repository(old.state / "history.git").head()
    old.commit("bob", www_a=b"two", www_b=b"later")
    old.put("www/a", "two")
    founded = found(NODE, places, old.origin(first[:12]))
    assert founded.version == first
    files = world_of(places)
    assert files["www/a"] == b"one"
    assert "www/b" not in files
    assert (places.world / "www_tourist").is_dir(), "what a template has, whatever git says of empty directories"
    assert (places.world / "www/data/pages/page.txt").stat().st_mtime == 1700000100, "what its changelog says"
    store = open_store(places)
    assert not store.versions.had(b"www/b", file_state(b"later")), "what came after it is not part of this world's past"
    store.close()


def test_large_contents_of_an_earlier_version(old: Old, places: Places) -> None:
    content = b"x" * 2000
    old.past.put_large(b"www/large", content)
    version = old.past.put_large(b"www/large", b"y" * 3000)
    old.put("www/large", "y" * 3000)
    for file in (old.state / "history.git/lfs/objects").rglob("*"):
        if file.is_file():
            file.unlink()
    founded = found(NODE, places, old.origin(version[:12]))
    assert world_of(places)["www/large"] == b"y" * 3000, "the world itself has it"
    assert founded.lost == 1
    store = open_store(places)
    assert store.is_dropped(file_state(content))
    store.close()


def test_a_version_whose_large_files_are_nowhere_is_refused(old: Old, places: Places) -> None:
    version = old.past.put_large(b"www/large", b"x" * 2000)
    old.past.put("bob", www_large=b"small now")
    for file in (old.state / "history.git/lfs/objects").rglob("*"):
        if file.is_file():
            file.unlink()
    with pytest.raises(FwrError) as caught:
        found(NODE, places, old.origin(version))
    assert caught.value.code is ExitCode.NOT_FOUND
    assert "www/large" in caught.value.message
    assert found(NODE, places, old.origin()).versions == 2, "what was begun stands in nobody's way"


def test_a_server_starts_on_it_and_has_nothing_to_do(old: Old, places: Places) -> None:
    old.commit("bob", www_a=b"one")
    old.put("www/a", "one")
    (old.world / "www/empty").mkdir()
    founded = found(NODE, places, old.origin())
    server = Server(NODE, places, with_network=False)
    server.start()
    try:
        assert server.world_id == founded.id
        assert server.operator.name == "ada"
        assert not server.store.has_uncommitted()
        assert server.store.head(b"www/empty") == b""
        assert server.canon.read(file_state(b"one")) == b"one"
        assert (places.state / "canon/www/a").read_bytes() == b"one"
        assert [citizen.name for citizen in server.store.citizens()] == ["ada"]
    finally:
        server.stop()


def test_it_is_done_once_and_what_was_interrupted_begins_anew(old: Old, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    old.put("www/a", "one")
    with monkeypatch.context() as patch:
        patch.setattr(database, "copy", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(FwrError) as caught:
            found(NODE, places, Origin(old.volume))
        assert caught.value.code is ExitCode.NO_SPACE
    assert not any(places.world.iterdir()) and not any(item.is_file() for item in places.state.iterdir()), "what failed leaves nothing"
    with monkeypatch.context() as patch:
        patch.setattr(founding, "_clear", lambda _: None)  # as if it had been killed
        patch.setattr(database, "copy", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(FwrError):
            found(NODE, places, Origin(old.volume))
    assert (places.state / "founding").exists()
    (old.world / "www/a").unlink()
    old.put("www/b", "two")
    founded = found(NODE, places, Origin(old.volume))
    assert "www/a" not in world_of(places)
    old.put("www/c", "three")
    assert found(NODE, places, Origin(old.volume)) == founded, "once it is done, it is done"
    assert "www/c" not in world_of(places)
    assert {path.name for path in places.state.iterdir()} == {"hub.sqlite", "history.git", "canon", "incoming"}


def test_volumes_in_use_are_left_alone(old: Old, places: Places) -> None:
    places.world.mkdir()
    (places.world / "mine").write_text("mine")
    with pytest.raises(FwrError) as caught:
        found(NODE, places, Origin(old.volume))
    assert caught.value.code is ExitCode.TAKEN
    (places.world / "mine").unlink()
    Store(places.state / tables.NAME).close()
    with pytest.raises(FwrError) as caught:
        found(NODE, places, Origin(old.volume))
    assert caught.value.code is ExitCode.TAKEN


@pytest.mark.parametrize(
    ("spoil", "code", "word"),
    [
        (lambda old: (old.world / ".fwr/world.toml").unlink(), ExitCode.NOT_FOUND, "no world"),
        (lambda old: old.put(".fwr/world.toml", "id = ["), ExitCode.FAILED, "can not be read"),
        (lambda old: old.put(".fwr/world.toml", 'id = "1"\nname = "x"\n'), ExitCode.FAILED, "can not be read"),
        (lambda old: old.put(".fwr/world.toml", WORLD.replace('"static"', '"../etc"')), ExitCode.NOT_FOUND, "template"),
        (lambda old: (old.state / "history.git/HEAD").unlink(), ExitCode.NOT_FOUND, "no history"),
        (lambda old: _cut_a_blob(old), ExitCode.FAILED, "can not be read"),
    ],
)
def test_what_is_no_world_is_refused_in_one_sentence(old: Old, places: Places, spoil: object, code: ExitCode, word: str) -> None:
    old.commit("bob", www_a=b"one" * 100)
    assert callable(spoil)
    spoil(old)
    with pytest.raises(FwrError) as caught:
        found(NODE, places, old.origin())
    assert caught.value.code is code
    assert word in caught.value.message
    assert not (places.state / tables.NAME).exists()


def _cut_a_blob(old: Old) -> None:
    for path in (old.state / "history.git/objects").rglob("*"):
        if path.is_file() and len(path.name) == 38:
            path.chmod(0o600)
            path.write_bytes(path.read_bytes()[:10])


@pytest.mark.parametrize("version", ["2001-01-01", "abcdef123", "nothing"])
def test_a_version_that_is_not_there(old: Old, places: Places, version: str) -> None:
    old.commit("bob", www_a=b"one")
    with pytest.raises(FwrError) as caught:
        found(NODE, places, old.origin(version))
    assert caught.value.code is ExitCode.NOT_FOUND
    with pytest.raises(FwrError) as caught:
        found(NODE, places, Origin(old.volume, None, version))
    assert caught.value.code is ExitCode.USAGE


def test_the_audit_log_begins_anew(old: Old, places: Places) -> None:
    found(NODE, places, replace(old.origin(), version=""))
    store = open_store(places)
    chain = audit.follow([entry.to_line() for entry in Register(store.db).entries()])
    assert not chain.fault
    assert [entry.event for entry in chain.entries] == ["fork"]
    store.close()
    assert not (places.world / ".fwr/audit").exists()
    with pytest.raises(FwrError):
        public_records.read_roll(places.world)


def test_snapshots_are_signed_by_the_new_authority(old: Old, places: Places) -> None:
    first = old.commit("bob", www_a=b"one")
    old.past.history.add_tag("refs/tags/v1", tag_text(first, "v1", "carol", "world", BEGIN) + b"-----BEGIN SSH SIGNATURE-----\nforeign\n")
    old.past.history.add_tag("refs/tags/odd", b"object " + first.encode() + b"\ntype commit\ntag odd\n\nno snapshot\n")
    second = old.commit("bob", www_a=b"two")
    old.past.history.add_tag("refs/tags/v2", tag_text(second, "v2", "carol", "world", BEGIN) + b"-----BEGIN SSH SIGNATURE-----\nforeign\n")
    founded = found(NODE, places, old.origin(first))
    assert founded.snapshots == 1, "of what came later, nothing"
    for _ in range(2):  # at the second start, nothing is left to do
        server = Server(NODE, places, with_network=False)
        server.start()
        server.stop()
        [snapshot] = snapshots(Repository(places.state / "history.git"), known_authorities(places.keys))
        assert (snapshot.name, snapshot.version, snapshot.by, snapshot.time) == ("v1", first, "carol", BEGIN)
        assert snapshot.is_verified, snapshot.note
