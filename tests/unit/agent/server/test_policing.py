"""The policy in force, asked by the fold: roles, operations, sizes, quotas, renames; what is refused is logged, but not endlessly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.paths import POLICY as PATH
from fwrkit.agent.server.decide import Result
from fwrkit.agent.server.fold import Edit
from fwrkit.agent.server.policing import SIZE_LIMIT, Policing
from fwrkit.agent.states import ABSENT, DIRECTORY, file_state
from tests.unit.agent.server.court import Court

RULES = """\
[limits]
file = "1 kB"
[[rule]]
name = "own"
paths = ["db/*/{citizen}/**"]
then = "allow"
[[rule]]
name = "others"
paths = ["db/*/*/**"]
then = "refuse"
[[rule]]
name = "no films"
paths = ["*.mp4"]
operations = ["add", "edit"]
then = "refuse"
"""


class Bench(Court):
    """A court with a policy; alice and bob are citizens, olga an official, rob a reader."""

    def __init__(self, root: Path, text: str = RULES) -> None:
        super().__init__(root, ("alice", "bob", "olga", "rob"))
        for name, role in (("olga", "official"), ("rob", "reader")):
            self.store.update_citizen(self.citizen(name).id, role=role)
        self.told: list[tuple[str, ...]] = []
        self.fold.policing.tell = lambda *words, **details: self.told.append(
            (*words, *(f"{key}={value}" for key, value in details.items()))
        )
        self.policy(text)

    def policy(self, text: str) -> None:
        head = self.store.head(PATH)
        assert self.put("olga", PATH, text.encode(), head).result is Result.ACCEPTED
        self.told.clear()

    def base(self, name: str, path: bytes) -> Any:
        return self.store.base(self.citizen(name), path)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(
    ("name", "path", "text", "result"),
    [
        ("alice", b"www/a", b"x", Result.ACCEPTED),
        ("rob", b"www/a", b"x", Result.FORBIDDEN),
        ("alice", b"www/a.mp4", b"x", Result.FORBIDDEN),
        ("olga", b"www/a.mp4", b"x", Result.FORBIDDEN),
        ("alice", b"www/a.MP4", b"x", Result.FORBIDDEN),
        ("alice", b"db/forum/alice/post", b"x", Result.ACCEPTED),
        ("bob", b"db/forum/alice/post", b"x", Result.FORBIDDEN),
        ("bob", b"db/forum/Alice/post", b"x", Result.FORBIDDEN),
        ("alice", b"www/large", b"x" * 1001, Result.FORBIDDEN),
        ("alice", b"www/as-large-as-may-be", b"x" * 1000, Result.ACCEPTED),
        ("alice", b".fwr/world.toml", b"x", Result.FORBIDDEN),
        ("olga", b".fwr/world.toml", b"x", Result.ACCEPTED),
        ("olga", b".fwr/citizens.toml", b"x", Result.FORBIDDEN),
        ("olga", b".fwr/audit/2026-11.jsonl", b"x", Result.FORBIDDEN),
        ("olga", b".fwr", b"x", Result.FORBIDDEN),
    ],
)
def test_who_may_put_what(bench: Bench, name: str, path: bytes, text: bytes, result: Result) -> None:
    verdict = bench.put(name, path, text)
    assert verdict.result is result
    if result is Result.FORBIDDEN:
        assert verdict.detail
        assert bench.store.head(path) != file_state(text)
        assert bench.base(name, path) == file_state(text), "what is there is delivered: it is undone"
        assert bench.told == [(name, "refused", path.decode(), f"rule={bench.told[0][3].removeprefix('rule=')}")]


def test_what_changes_nothing_is_not_asked_about(bench: Bench) -> None:
    bench.put("alice", b"www/a", b"one")
    assert bench.put("rob", b"www/a", b"one").result is Result.SAME
    bench.put("alice", b"www/a", b"two", file_state(b"one"))
    assert bench.put("rob", b"www/a", b"one", is_unknown=True).result is Result.STALE, "an older version is no edit"
    assert bench.told == []


def test_deletions_and_directories(bench: Bench) -> None:
    bench.put("alice", b"www/a", b"one")
    bench.store.drop_lag(bench.citizen("rob").id, b"www/a")
    assert bench.edit("rob", Edit(b"www/a", ABSENT, file_state(b"one"))).result is Result.FORBIDDEN
    assert bench.store.head(b"www/a") == file_state(b"one")
    assert bench.edit("rob", Edit(b"www/new", DIRECTORY)).result is Result.FORBIDDEN
    bench.store.drop_lag(bench.citizen("bob").id, b"www/a")
    assert bench.edit("bob", Edit(b"www/a", ABSENT, file_state(b"one"))).result is Result.ACCEPTED


def test_the_other_half_of_a_refused_rename_is_refused(bench: Bench) -> None:
    bench.put("alice", b"www/a", b"one")
    alice = bench.citizen("alice")
    moves = bench.fold.forbidden_moves([(b"www/a.mp4", file_state(b"one"), 3, alice), (b"www/a", ABSENT, 0, alice)])
    assert list(moves) == [b"www/a"]
    verdict = bench.edit("alice", Edit(b"www/a", ABSENT, file_state(b"one"), forbidden=moves[b"www/a"]))
    assert verdict.result is Result.FORBIDDEN
    assert bench.store.head(b"www/a") == file_state(b"one")
    assert bench.fold.forbidden_moves([(b"www/b", file_state(b"one"), 3, alice), (b"www/a", ABSENT, 0, alice)]) == {}


def test_a_wrong_policy_leaves_the_one_before_in_force(bench: Bench) -> None:
    verdict = bench.put("olga", PATH, b"[[rule]]\nname = 'x'\nthen = 'refse'\n", bench.store.head(PATH))
    assert verdict.result is Result.FORBIDDEN and "line 3" in verdict.detail and "stays in force" in verdict.detail
    assert bench.put("alice", b"x.mp4", b"x").result is Result.FORBIDDEN
    for text in (b"\xff", b"#" * (SIZE_LIMIT + 1)):
        assert Policing.why_not(text)
    bench.store.drop_lag(bench.citizen("olga").id, PATH)
    assert bench.edit("olga", Edit(PATH, ABSENT, bench.store.head(PATH))).result is Result.ACCEPTED
    assert bench.put("bob", b"x.mp4", b"x").result is Result.ACCEPTED, "no policy, no rules"


def test_a_change_that_was_rolled_back_was_never_in_force(bench: Bench) -> None:
    with pytest.raises(RuntimeError), bench.store.transaction():
        bench.fold.write_record(PATH, b"", "olga", 1)
        assert bench.fold.policing.policy.rules == ()
        raise RuntimeError
    assert len(bench.fold.policing.policy.rules) == 3


def test_a_burst_of_refusals_is_two_lines(bench: Bench) -> None:
    now = [1000.0]
    bench.fold.policing._clock = lambda: now[0]
    for number in range(50):
        bench.put("alice", b"www/%d.mp4" % number, b"x")
    bench.put("bob", b"www/b.mp4", b"x")
    assert len(bench.told) == 2
    bench.fold.policing.end_bursts()
    assert len(bench.told) == 2
    now[0] += 601
    bench.fold.policing.end_bursts()
    assert bench.told[2] == ("alice", "refused", "www/0.mp4", "rule=no films", "and_more=49")
    bench.put("alice", b"www/again.mp4", b"x")
    assert len(bench.told) == 4


def test_a_quota_is_what_one_citizen_s_files_add_up_to(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "[limits]\nquota = 1000\n")
    assert bench.put("alice", b"a", b"x" * 600).result is Result.ACCEPTED
    verdict = bench.put("alice", b"b", b"x" * 401)
    assert verdict.result is Result.FORBIDDEN and "1 kB" in verdict.detail
    assert bench.put("alice", b"c", b"x" * 400).result is Result.ACCEPTED
    assert bench.put("bob", b"d", b"x" * 1000).result is Result.ACCEPTED, "everybody has their own"
    assert bench.put("alice", b"a", b"y" * 600, file_state(b"x" * 600)).result is Result.ACCEPTED, "in place of one's own"
    assert bench.put("alice", b"a", b"y" * 601, file_state(b"y" * 600)).result is Result.FORBIDDEN
    assert bench.put("alice", b"a", b"", file_state(b"y" * 601)).result is Result.ACCEPTED, "made of what was refused, before it was undone"
    assert bench.put("alice", b"e", b"x" * 600).result is Result.ACCEPTED, "what is gone counts no more"


@given(st.lists(st.integers(0, 400), min_size=1, max_size=30))
def test_a_quota_is_never_outgrown(sizes: list[int]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as root:
        bench = Bench(Path(root), "[limits]\nquota = 1000\n")
        for number, size in enumerate(sizes):
            before = bench.store.size_by("alice")
            verdict = bench.put("alice", b"%d" % number, b"%d" % number + b"x" * size)
            length = size + len(str(number))
            assert (verdict.result is Result.ACCEPTED) is (before + length <= 1000)
