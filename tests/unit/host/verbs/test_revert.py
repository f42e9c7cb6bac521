"""Bringing back what was: asked of the server as it was said."""

from __future__ import annotations

from fwrkit.host.verbs.revert import Left, Reverted, restore, revert, revert_by
from fwrkit.host.verbs.up import ServerWish, up_server
from tests.unit.host.simulated import SimulatedMachine

ANSWER = {"count": 3, "done": ["a"], "left_count": 1, "left": [{"path": "b", "reason": "bob has edited it since"}]}


def test_each_way_of_it(machine: SimulatedMachine) -> None:
    up_server(machine, ServerWish(citizen="ada"))
    machine.republic.answers |= {"revert": ANSWER, "revert-by": ANSWER, "restore": ANSWER}
    done = Reverted(3, ["a"], 1, [Left("b", "bob has edited it since")], False)
    assert revert(machine, "a", "aaaa", False, None) == done
    assert revert_by(machine, "bob", "3 days ago", False, None) == done
    assert restore(machine, "a", True, None) == Reverted(3, ["a"], 1, [Left("b", "bob has edited it since")], True)
    assert machine.republic.asked == [
        ("server", "revert", {"path": "a", "to": "aaaa", "dry_run": False}),
        ("server", "revert-by", {"by": "bob", "since": "3 days ago", "dry_run": False}),
        ("server", "restore", {"path": "a", "dry_run": True}),
    ]
