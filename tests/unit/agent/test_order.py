"""The order of changes: played on a simulated tree, each step is possible when its turn comes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.order import in_safe_order
from fwrkit.agent.paths import ancestors, is_beneath, parent
from fwrkit.agent.states import ABSENT, DIRECTORY, State, file_state, is_file

Tree = dict[bytes, State]
_NAMES = [b"a", b"a-", b"b", b"0", b"\xff"]
_CONTENTS = [file_state(text) for text in (b"one", b"two", b"three")]


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """A tree as a file system can have it: whatever has something below it is a directory."""
    tree: Tree = {}
    for parts in draw(st.lists(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3), max_size=8)):
        path = b"/".join(parts)
        if any(is_file(tree.get(above)) for above in ancestors(path)) or path in tree:
            continue
        tree.update(dict.fromkeys(ancestors(path), DIRECTORY))
        tree[path] = draw(st.sampled_from([DIRECTORY, *_CONTENTS]))
    return tree


def difference(before: Tree, after: Tree) -> dict[bytes, State]:
    """Return the changes that lead from one tree to another."""
    return {path: after.get(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def apply_one(tree: Tree, path: bytes, state: State) -> None:
    """Do one change as an ordinary file system would, or fail as it would."""
    above = parent(path)
    if state is ABSENT:
        assert path in tree, f"{path!r} is not there to be deleted"
        assert not any(is_beneath(other, path) for other in tree), f"{path!r} is not empty"
        del tree[path]
        return
    assert not above or tree.get(above) == DIRECTORY, f"{path!r} has no directory"
    if is_file(state):
        assert not any(is_beneath(other, path) for other in tree), f"{path!r} is a directory that is not empty"
    tree[path] = state


@given(trees(), trees(), st.randoms(use_true_random=False))
def test_each_change_can_be_applied_when_its_turn_comes(before: Tree, after: Tree, random: object) -> None:
    changes = list(difference(before, after).items())
    getattr(random, "shuffle")(changes)  # noqa: B009 - hypothesis gives a Random of its own
    order = in_safe_order(changes)
    assert sorted(order) == sorted(path for path, _ in changes)
    tree = dict(before)
    for path in order:
        apply_one(tree, path, after.get(path))
    assert tree == after


@given(trees(), trees())
def test_a_rename_never_loses(before: Tree, after: Tree) -> None:
    """A content that both trees have is somewhere at every moment, unless a file takes the very place that has to be cleared for it."""
    changes = difference(before, after)
    new_files = {path for path, state in changes.items() if is_file(state)}
    tree = dict(before)
    for path in in_safe_order(changes.items()):
        lost = tree.get(path)
        apply_one(tree, path, after.get(path))
        is_making_room = any(above in new_files for above in ancestors(path))
        if after.get(path) is ABSENT and is_file(lost) and lost in after.values() and not is_making_room:
            assert lost in tree.values(), f"{path!r} went before its content came"


def test_a_directory_that_becomes_a_file_is_emptied_first() -> None:
    changes = {b"a": _CONTENTS[0], b"a/b": ABSENT, b"a/b/c": ABSENT, b"z": _CONTENTS[1], b"old": ABSENT}
    assert in_safe_order(changes.items()) == [b"a/b/c", b"a/b", b"a", b"z", b"old"]


def test_nothing_is_nothing() -> None:
    assert in_safe_order([]) == []
