"""`fwrkit policy`: who may change what, shown, tested and changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import through


@dataclass(frozen=True)
class PolicyText:
    """A policy as a node has it. ``fault`` says what is wrong with it, empty if nothing is."""

    text: str
    fault: str


@dataclass(frozen=True)
class Tested:
    """What would happen to a change, and by which rule: its name (empty: none), its line (0: built in) and its reason."""

    path: str
    citizen: str
    role: str
    operation: str
    action: str
    rule: str
    reason: str
    line: int
    explanation: str


@dataclass(frozen=True)
class PolicyChanged:
    """A policy that is in force now, and how many rules it has."""

    rules: int


def show(machine: Machine, node: str | None) -> PolicyText:
    """Return the policy. Raise FwrError: NOT_FOUND, UNREACHABLE."""
    answer = through.agent(machine, node).policy()
    return PolicyText(str(answer["text"]), str(answer["fault"]))


def test(machine: Machine, path: str, citizen: str, operation: str, size: int | None, node: str | None) -> Tested:
    """Say what would happen if a citizen changed a path. Raise FwrError: NOT_FOUND, USAGE, UNREACHABLE."""
    return Tested(**through.agent(machine, node).policy_test(path, citizen, operation, size))


def add(machine: Machine, rule: dict[str, Any], before: str | None, node: str | None) -> PolicyChanged:
    """Add a rule, the last one or before another. Raise FwrError: USAGE (with the line), REFUSED, TAKEN, UNREACHABLE."""
    given = {name: value for name, value in rule.items() if value}
    return PolicyChanged(int(through.agent(machine, node).policy_change(add=given, before=before)["rules"]))


def remove(machine: Machine, name: str, node: str | None) -> PolicyChanged:
    """Remove a rule. Raise FwrError as :func:`add`."""
    return PolicyChanged(int(through.agent(machine, node).policy_change(remove=name)["rules"]))


def put(machine: Machine, text: str, node: str | None) -> PolicyChanged:
    """Put a whole policy in the place of the one there is. Raise FwrError as :func:`add`."""
    return PolicyChanged(int(through.agent(machine, node).policy_change(set=text)["rules"]))
