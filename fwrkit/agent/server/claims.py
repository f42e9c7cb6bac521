"""What an edit at first contact was made on, by what its node had agreed on with other servers of the world. Pure.

A node says which states it had agreed on for a path, one after the other; this server knows which it has had. Where the same state comes twice (a directory
that is made anew, a file that is brought back), what was before it tells which of the two is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fwrkit.agent.states import UNKNOWN, Base, State


def base_of(claims: Sequence[State], versions: Sequence[State], is_known: Callable[[State], bool]) -> Base:
    """Return the base, given the claims and this server's versions of the path, the newest first in both (the first version is the head).

    The newest claim, if this server has had it and gone on from it, or its head, if the node has gone on from that; whichever has more in common
    before it. Else the newest claim that ``is_known`` knows, UNKNOWN if it knows none.
    """
    if claims[0] == versions[0]:
        return claims[0]
    behind = max((_shared(claims, versions[place:]) for place in range(1, len(versions))), default=0)
    ahead = max((_shared(claims[place:], versions) for place in range(1, len(claims))), default=0)
    if ahead > behind:
        return versions[0]
    return claims[0] if behind else next((claim for claim in claims if is_known(claim)), UNKNOWN)


def _shared(one: Sequence[State], other: Sequence[State]) -> int:
    """Return how many states two sequences begin with that are the same."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count
