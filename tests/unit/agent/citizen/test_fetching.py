"""The client's history: fetched when it is time to, continued or kept, snapshots for ever."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from fwrkit.agent import heads, upkeep
from fwrkit.agent.citizen import fetching
from fwrkit.agent.citizen.fetching import Fetcher
from fwrkit.agent.citizen.view import View
from fwrkit.agent.repository import BRANCH, KEPT, SNAPSHOTS, Repository
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.history import History
from fwrkit.agent.server.signing import HeadSigner
from fwrkit.agent.server.snapshots import make_snapshot
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.past import Past


class Clock:
    """Seconds that pass when the test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False


class Client:
    """A client of a server that exists as a repository only."""

    def __init__(self, root: Path) -> None:
        for name in ("server", "client", "keys"):
            (root / name).mkdir()
        self.past = Past(root / "server")
        self.authority = Authority(root / "keys", None)
        self.authority.create()
        self.signer = HeadSigner(self.past.history, self.authority)
        self.clock = Clock()
        self.view = View(is_ready=True, position_at=self.clock())
        self.path = root / "client" / "history.git"
        self.source = f"ext::git upload-pack {self.past.repository.path}"
        self.fetcher = self.anew()
        self.repository = Repository(self.path)

    def anew(self, source: str = "") -> Fetcher:
        return Fetcher(self.path, source or self.source, lambda: self.view, lambda: [self.authority.public], clock=self.clock)

    def moves(self, ahead: int = 0) -> None:
        """The server tells of its newest version; ``ahead``: of so many that are not in the history yet."""
        self.signer.sign(is_last=True)
        self.view = replace(self.view, position=self.past.count + ahead, position_at=self.clock())

    def snapshot(self, name: str, version: str = "") -> None:
        make_snapshot(self.past.history, self.authority, name, version, "alice", 1_800_000_000)

    def server(self, *words: str) -> str:
        git = ["git", f"--git-dir={self.past.repository.path}", *words]
        return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()

    def head(self) -> str:
        return self.repository.head() if self.repository.exists else ""

    def let(self, seconds: float) -> str:
        """Let time pass, a step each second; return the newest version that the client has then."""
        for _ in range(int(seconds)):
            self.clock.now += 1
            self.fetcher.step()
        return self.head()


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


def test_it_is_fetched_once_things_are_quiet_and_then_not_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first = client.past.put(a=b"1")
    client.moves()
    assert client.let(3) == ""
    assert client.let(2) == first
    fetched: list[float] = []
    monkeypatch.setattr(client.fetcher, "fetch", lambda: fetched.append(client.clock()))
    client.let(1000)
    assert not fetched, "idle is idle"


def test_what_is_not_signed_yet_is_fetched_once_more(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.past.put(a=b"1")
    client.moves()
    second = client.past.put(a=b"2")
    client.view = replace(client.view, position=2, position_at=client.clock())
    assert client.let(5) == second
    client.signer.sign(is_last=True)
    client.let(20)
    head = heads.head_of(client.repository)
    assert head is not None and head.version == second
    monkeypatch.setattr(client.fetcher, "fetch", lambda: pytest.fail("idle is idle"))
    client.let(1000)


def head(client: Client, version: str = "", number: int = 0, world: str = "world", authority: Authority | None = None) -> bytes:
    text = heads.head_text(version or client.past.repository.head(), world, number or client.past.count, 1)
    return text + (authority or client.authority).sign_text(text, heads.NAMESPACE)


def test_the_signed_head_moves_on_and_never_back(client: Client) -> None:
    client.view = replace(client.view, world_id="world")
    for number in (1, 2):
        client.past.put(a=b"%d" % number)
        client.moves()
        client.fetcher.fetch()
        kept = heads.head_of(client.repository)
        assert kept is not None and (kept.version, kept.number) == (client.head(), number)
    tags = client.repository.run("cat-file", "--batch-all-objects", "--batch-check").stdout.decode().count(" tag ")
    assert tags == 1, "those before are let go"
    client.past.history.move_tag(heads.REFERENCE, head(client, number=1))
    client.fetcher.fetch()
    assert heads.head_of(client.repository) == kept
    assert any("older" in alert for alert in client.fetcher.alerts)
    client.past.history.move_tag(heads.REFERENCE, head(client, number=3))
    client.fetcher.fetch()
    assert not client.fetcher.alerts


def test_what_is_no_signed_head_of_this_world_is_not_kept(client: Client, tmp_path: Path) -> None:
    client.view = replace(client.view, world_id="world")
    (tmp_path / "other-keys").mkdir()
    other = Authority(tmp_path / "other-keys", None)
    other.create()
    client.past.put(a=b"1")
    aside = client.past.history.commit_tree([(b"b", client.past.history.write(b"2"))], "eve", 1, "aside\n", 7)
    client.past.history.start_at(client.past.repository.run("rev-parse", f"{aside}^").stdout.decode().strip())
    client.snapshot("head")
    [snapshot] = client.past.repository.references(SNAPSHOTS).values()
    as_head = client.past.repository.read("cat-file", "tag", snapshot)[0]
    forgeries = (head(client, authority=other), head(client, world="other"), head(client, aside, 7), as_head)
    for forgery in forgeries:
        client.past.history.move_tag(heads.REFERENCE, forgery)
        client.fetcher.fetch()
        assert heads.head_of(client.repository) is None, forgery
        [alert] = client.fetcher.alerts
        assert "not taken" in alert
    client.signer.sign()
    client.fetcher.fetch()
    assert heads.head_of(client.repository) is not None and not client.fetcher.alerts


def test_what_is_not_written_yet_is_fetched_again_and_not_for_ever(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.past.put(a=b"1")
    client.moves(ahead=1)
    client.let(10)
    second = client.past.put(a=b"2")
    assert client.let(20) == second
    client.moves(ahead=1)
    client.let(40)
    monkeypatch.setattr(client.fetcher, "fetch", lambda: pytest.fail("idle is idle"))
    client.let(1000)


def test_what_goes_on_and_on_is_fetched_now_and_then(client: Client) -> None:
    times = []
    seen = ""
    for second in range(100):
        client.past.put(a=b"%d" % second)
        client.moves()
        if client.let(1) != seen:
            times.append(second)
            seen = client.head()
    assert 2 <= len(times) <= 3
    assert min(b - a for a, b in pairwise(times)) >= 15
    client.past.put(a=b"last")
    client.moves()
    assert client.let(40) == client.past.repository.head()


def test_a_connection_begins_with_a_look(client: Client) -> None:
    client.past.put(a=b"1")
    client.moves()
    client.let(10)
    second = client.past.put(a=b"2")  # nobody told
    assert client.let(100) != second
    client.view = replace(client.view, is_ready=False)
    assert client.let(100) != second
    client.view = replace(client.view, is_ready=True)
    assert client.let(2) == second


def test_a_failure_disturbs_nothing_and_is_tried_again(client: Client) -> None:
    client.fetcher = client.anew(f"ext::git upload-pack {client.path.parent}/nothing")
    assert client.let(100) == ""
    client.fetcher = client.anew()
    first = client.past.put(a=b"1")
    assert client.let(20) == first


def test_a_damaged_copy_is_put_aside_and_fetched_anew(client: Client) -> None:
    client.past.put(a=b"1")
    client.fetcher.fetch()
    head = client.head()
    for path in (client.path / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"")
    second = client.past.put(a=b"2")
    client.moves()
    assert client.let(400) == second
    assert client.repository.run("fsck").is_ok
    assert "fetched anew" in client.fetcher.alerts[-1]
    assert (client.path.parent / "history.git.damaged" / "refs" / "heads" / "main").read_text().strip() == head


def test_a_server_that_can_not_be_reached_damages_nothing(client: Client) -> None:
    client.past.put(a=b"1")
    client.fetcher.fetch()
    client.fetcher = client.anew(f"ext::git upload-pack {client.path.parent}/nothing")
    client.let(1000)
    assert client.head()
    assert client.fetcher.alerts == []


def test_locks_that_a_killed_process_left_are_gone_at_the_start(client: Client) -> None:
    client.past.put(a=b"1")
    client.fetcher.fetch()
    for name in ("refs/heads/main.lock", "packed-refs.lock"):
        (client.path / name).touch()
    second = client.past.put(a=b"2")
    with pytest.raises(FwrError):
        client.fetcher.fetch()
    fetcher = client.anew()
    fetcher.start()
    fetcher.stop()
    fetcher.fetch()
    assert client.head() == second


def test_only_one_kind_of_address_is_dialled(client: Client) -> None:
    client.past.put(a=b"1")
    with pytest.raises(FwrError) as error:
        client.anew(str(client.past.repository.path)).fetch()
    assert error.value.code is ExitCode.FAILED


def test_what_one_has_just_saved_is_there(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.fetcher._stop, "wait", client.clock.wait)
    client.past.put(a=b"1")
    client.moves()
    client.let(10)
    second = client.past.put(a=b"2")
    client.moves()
    assert client.fetcher.freshen(3)
    assert client.head() == second
    client.moves(ahead=1)
    assert not client.fetcher.freshen(3), "it is not written yet"
    third = client.past.put(a=b"3")
    assert client.fetcher.freshen(3)
    assert client.head() == third
    assert client.fetcher.freshen(0.1), "it is known already"
    client.moves(ahead=5)
    assert client.fetcher.freshen(10), "some versions never get there (tables from a copy): after a time that is no reason any more"
    client.view = replace(client.view, is_ready=False)
    assert not client.fetcher.freshen(3)
    client.view = replace(client.view, is_ready=True, waiting={b"a": ""}, position_at=client.clock() + 0.001, position=client.past.count)
    assert client.fetcher.freshen(3), "what waits for long does not stop reading"


def test_what_was_accepted_by_now_is_there_however_much_comes_after_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def wait(seconds: float | None = None) -> bool:  # somebody always writes
        client.clock.wait(seconds or 0.0)
        seen.append(client.past.put(a=b"%d" % len(seen)))
        client.moves()
        return False

    monkeypatch.setattr(client.fetcher._stop, "wait", wait)
    first = client.past.put(a=b"first")
    client.moves()
    assert client.fetcher.freshen(3)
    assert client.repository.run("merge-base", "--is-ancestor", first, client.head()).is_ok


def test_a_history_that_does_not_go_on_is_kept(client: Client) -> None:
    first, second = client.past.put(a=b"1"), client.past.put(a=b"2")
    client.fetcher.fetch()
    client.server("update-ref", BRANCH, first)
    other = client.past.put(b=b"other")
    client.fetcher.fetch()
    assert client.head() == other
    assert list(client.repository.references(KEPT).values()) == [second]
    assert "does not continue" in client.fetcher.alerts[0]
    assert client.fetcher.tidy(0).after > 0
    assert client.repository.kinds([second])[second][0] == "commit"


def test_snapshots_are_taken_and_never_move_nor_go(client: Client) -> None:
    first, second = client.past.put(a=b"1"), client.past.put(a=b"2")
    client.snapshot("v1", first)
    client.fetcher.fetch()
    mine = client.repository.references(SNAPSHOTS)
    assert list(mine) == ["v1"]
    client.server("tag", "-d", "v1")
    client.fetcher.fetch()
    client.snapshot("v1", second)
    client.fetcher.fetch()
    client.anew().fetch()
    assert client.repository.references(SNAPSHOTS) == mine
    assert [sentence for sentence in client.fetcher.alerts if "another snapshot v1" in sentence]


def test_what_the_authority_did_not_sign_is_not_taken(client: Client) -> None:
    first = client.past.put(a=b"1")
    client.server("tag", "light", first)
    client.server("-c", "user.name=x", "-c", "user.email=x@y", "tag", "-a", "-m", "x", "annotated", first)
    client.snapshot("v1")
    signed = client.past.repository.references(SNAPSHOTS)["v1"]
    client.server("update-ref", "refs/tags/v2", signed)
    client.fetcher.fetch()
    assert list(client.repository.references(SNAPSHOTS)) == ["v1"]
    assert len(client.fetcher.alerts) == 3


def test_a_new_authority_is_heard_of_later(client: Client) -> None:
    client.past.put(a=b"1")
    known = [client.authority.public]
    client.fetcher = Fetcher(client.path, client.source, lambda: client.view, lambda: known, clock=client.clock)
    client.authority.begin_rotation()
    client.authority.finish_rotation()
    client.snapshot("v1")
    client.fetcher.fetch()
    assert list(client.repository.references(SNAPSHOTS)) == []
    assert len(client.fetcher.alerts) == 1
    known.append(client.authority.public)
    client.fetcher.fetch()
    assert list(client.repository.references(SNAPSHOTS)) == ["v1"]
    assert client.fetcher.alerts == []


def test_other_references_do_not_come(client: Client) -> None:
    first = client.past.put(a=b"1")
    client.server("update-ref", "refs/heads/other", first)
    client.server("update-ref", "refs/notes/x", first)
    client.fetcher.fetch()
    assert set(client.repository.references("refs/")) == {"heads/main", "upstream/heads/main"}


def test_an_empty_history_is_no_failure(client: Client) -> None:
    assert client.fetcher.fetch() is False
    assert client.fetcher.alerts == []


def test_packs_are_brought_together_now_and_then(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "is_due", lambda _: True)
    for number in range(5):
        client.past.put(a=b"%d" % number)
        client.fetcher.fetch()
    packs = list((client.path / "objects" / "pack").glob("*.pack"))
    assert len(packs) == 1
    assert len(client.repository.read("rev-list", BRANCH)[0].split()) == 5


def test_git_is_confined_to_the_history(tmp_path: Path) -> None:
    words = fetching.confinement(tmp_path / "history.git", tmp_path / "run")
    writable = [word for word in words if "write-file" in word]
    assert [word.rsplit(":", 1)[1] for word in writable] == [str(tmp_path / "history.git"), "/dev/null"]


def test_the_history_object_is_of_the_server_s_kind(client: Client) -> None:
    client.past.put(a=b"1")
    client.fetcher.fetch()
    assert History(client.path, "w").head() == client.head()
