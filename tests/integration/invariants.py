"""What must hold after every scenario (design, section 10). Pure functions over what was seen; each raises AssertionError with the facts.

A tree maps a path (text with surrogates for bytes that are no UTF-8) to the SHA-256 of a file as hex, or to an empty string for a directory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Tree = Mapping[str, str]
Act = Mapping[str, Any]
"""What a hand did (``inside.py``): ``op``, ``path``, ``before``, ``after``, and the ``node`` at which."""

_SERVERS_OWN = (".fwr/citizens.toml", ".fwr/audit/")
_CONFLICT = re.compile(r" \(conflict [a-z0-9-]+ \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d( \d+)?\)")


def converged(trees: Mapping[str, Tree]) -> None:
    """I1: the same paths and contents everywhere."""
    names = list(trees)
    for name in names[1:]:
        first, other = trees[names[0]], trees[name]
        differing = sorted(path for path in {*first, *other} if first.get(path) != other.get(path))
        assert not differing, f"{names[0]} and {name} differ at {differing[:5]}"


def is_servers_own(trees: Mapping[str, Tree]) -> bool:
    """Say whether trees differ, but in nothing except what the server itself writes."""
    paths = {path for tree in trees.values() for path in tree}
    differing = [path for path in paths if len({tree.get(path) for tree in trees.values()}) > 1]
    return bool(differing) and all(path.startswith(_SERVERS_OWN) for path in differing)


def nothing_lost(written: Mapping[str, str], trees: Mapping[str, Tree], history: Iterable[str]) -> None:
    """I2: every content that was written (hash to a name for it) is in a tree or in the history."""
    there = {state for tree in trees.values() for state in tree.values()} | set(history)
    lost = [name for state, name in written.items() if state not in there]
    assert not lost, f"lost: {lost[:5]}"


def replaced_by_their_authors(acts: Sequence[Act]) -> set[str]:
    """Return the contents that were overwritten or deleted where they had been written: nobody else need ever have heard of them."""
    author = {act["after"]: act["node"] for act in acts if act["after"]}
    return {act["before"] for act in acts if act["before"] and author.get(act["before"]) == act["node"]}


def superseded_or_there(acts: Sequence[Act], tree: Tree) -> None:
    """I2 without the history (Hughes et al., Mysteries of Dropbox): a content that is not there was replaced by somebody who had it before them."""
    seen = {act["before"] for act in acts}
    there = set(tree.values())
    lost = [f"{act['node']}: {act['path']}" for act in acts if act["after"] and act["after"] not in seen and act["after"] not in there]
    assert not lost, f"{len(lost)} contents went away though nobody replaced them: {lost[:5]}"


def _stayed(acts: Iterable[Act]) -> Callable[[str], bool]:
    """Return what says of a path that nobody ever moved it, nor a directory above it."""
    touched = {path for act in acts if act["op"] == "move" for path in (act["path"], act["to"])}

    def is_unmoved(path: str) -> bool:
        parts = path.split("/")
        return not touched & {"/".join(parts[: length + 1]) for length in range(len(parts))}

    return is_unmoved


def not_resurrected(acts: Sequence[Act], tree: Tree) -> None:
    """I4: what was written and deleted at one path, which nobody moved, is not there again."""
    is_unmoved = _stayed(acts)
    deleted = {act["before"]: act["path"] for act in acts if act["op"] == "delete" and act["before"]}
    back = [
        act["path"]
        for act in acts
        if act["after"] and deleted.get(act["after"]) == act["path"] and tree.get(act["path"]) == act["after"] and is_unmoved(act["path"])
    ]
    assert not back, f"deleted, and there again: {back[:5]}"


def copies_have_a_reason(acts: Sequence[Act], tree: Tree) -> None:
    """I7 where races are not counted: no conflict copy of what somebody else had, at its own path, before them when they replaced it."""
    is_unmoved = _stayed(acts)
    written = {act["after"]: act for act in acts if act["after"]}
    replaced = {
        act["before"]
        for act in acts
        if act["before"] in written and act["node"] != written[act["before"]]["node"] and act["path"] == written[act["before"]]["path"]
    }
    needless = [path for path, state in tree.items() if state in replaced and is_conflict_copy(path) and is_unmoved(written[state]["path"])]
    assert not needless, f"{len(needless)} conflict copies of what had been seen and replaced: {needless[:5]}"


def nothing_invented(written: Iterable[str], trees: Mapping[str, Tree]) -> None:
    """I3: every content that is there was written by somebody: the server itself writes two of the world's records."""
    known = {*written, ""}
    invented = [
        (name, path)
        for name, tree in trees.items()
        for path, state in tree.items()
        if state not in known and not path.startswith(_SERVERS_OWN)
    ]
    assert not invented, f"nobody wrote {invented[:5]}"


def deletions_kept(deleted: Iterable[str], trees: Mapping[str, Tree]) -> None:
    """I4: what was deleted without a competing edit is nowhere."""
    back = [(name, path) for name, tree in trees.items() for path in deleted if path in tree]
    assert not back, f"deleted, and there again: {back[:5]}"


def refused_undone(refused: Mapping[str, str], trees: Mapping[str, Tree], history: Iterable[str]) -> None:
    """I8: what the policy refused (hash to a name for it) is at no path, not at its author's either, and was never in the canon."""
    seen = {state: f"{name}: {path}" for name, tree in trees.items() for path, state in tree.items()} | dict.fromkeys(
        history, "the history"
    )
    visible = [(name, seen[state]) for state, name in refused.items() if state in seen]
    assert not visible, f"refused, and there: {visible[:5]}"


def never_torn(seen: Iterable[str], written: Iterable[str]) -> None:
    """I5: every content that anybody read at a synced path, at whatever moment, is one that was written whole."""
    torn = set(seen) - set(written)
    assert not torn, f"{len(torn)} contents were read that nobody wrote"


def idle(cpu_seconds: float, seconds: float, sent_bytes: int) -> None:
    """I6: CPU under 1 % of a core, no traffic but keep-alives (bytes sent by one node)."""
    assert cpu_seconds < 0.01 * seconds, f"{cpu_seconds / seconds:.2%} of a core while idle"
    assert sent_bytes < 2000 * seconds, f"{sent_bytes} bytes sent in {seconds:.0f} s while idle"


def is_conflict_copy(path: str) -> bool:
    """Say whether a path is named as a conflict copy is."""
    return _CONFLICT.search(path) is not None


def conflict_copies(tree: Tree, lost_races: int) -> None:
    """I7: exactly one conflict copy for each lost race (that it has the same name everywhere follows from I1)."""
    copies = sorted(path for path, state in tree.items() if state and is_conflict_copy(path))
    assert len(copies) == lost_races, f"{lost_races} lost races, and {len(copies)} copies: {copies[:5]}"


def litter(paths: Iterable[str]) -> list[str]:
    """Return which of a node's paths are there only while something is under way."""
    inner = r"/(?:exchange|outgoing|staging|staged|replicas/[^/]+)/."
    return [path for path in paths if ".unison." in path or re.search(rf"{inner}|/lk[0-9a-f]{{32}}$|DANGER\.README|\.new$", path)]


def no_litter(places: Mapping[str, Iterable[str]], zombies: Mapping[str, int]) -> None:
    """I9: nothing of Unison's, no locks, nothing left in private directories, no zombies. ``places``: node to paths of its volumes."""
    for node, paths in places.items():
        bad = litter(paths)
        assert not bad, f"litter at {node}: {bad[:5]}"
    assert not any(zombies.values()), f"zombies: {zombies}"


def versions_readable(versions: Iterable[str], history: Iterable[str]) -> None:
    """I10: the content of every version that the server accepted can be brought back."""
    missing = set(versions) - set(history)
    assert not missing, f"{len(missing)} versions can not be brought back"
