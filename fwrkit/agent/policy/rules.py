"""What a policy consists of. Sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from fwrkit.agent.policy.patterns import Patterns

Operation = Literal["add", "edit", "delete"]
Action = Literal["allow", "review", "refuse"]
Role = Literal["citizen", "official", "reader"]

OPERATIONS: tuple[str, ...] = get_args(Operation)
ACTIONS: tuple[str, ...] = get_args(Action)  # the stricter, the later
ROLES: tuple[str, ...] = get_args(Role)


class PolicyError(Exception):
    """A policy that cannot be taken: where, what is wrong, and what would be right. The policy that was in force stays so."""

    def __init__(self, line: int, message: str, hint: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Attempt:
    """Somebody is about to change one path. ``role`` is one of ROLES, ``size`` that of the content afterwards (0 for a directory or a deletion)."""

    path: bytes
    role: str
    citizen: str
    operation: Operation
    is_directory: bool = False
    size: int = 0


@dataclass(frozen=True)
class Decision:
    """What happens to an attempt. ``rule`` is empty if none concerns it, ``line`` None if the rule is built in."""

    action: Action
    rule: str
    reason: str
    line: int | None


@dataclass(frozen=True)
class Limits:
    """Of a whole world. None: no limit. ``line`` is where ``file`` stands."""

    file: int | None = None
    quota: int | None = None
    line: int = 1


@dataclass(frozen=True)
class Rule:
    """One rule. A condition that is None matches everything. ``line`` is where it begins."""

    name: str
    action: Action
    line: int
    paths: Patterns | None = None
    exceptions: Patterns | None = None
    roles: frozenset[str] | None = None
    citizens: frozenset[str] | None = None
    operations: frozenset[str] | None = None
    larger: int | None = None
    reason: str = ""

    def concerns(self, attempt: Attempt, path: str) -> bool:
        """Say whether the rule is the one for an attempt, judged by the path given. What allows is exact, what refuses is wide."""
        return (
            (self.roles is None or attempt.role in self.roles)
            and (self.citizens is None or attempt.citizen in self.citizens)
            and (self.operations is None or attempt.operation in self.operations)
            and (self.larger is None or attempt.size > self.larger)
            and (self.paths is None or self._names(self.paths, attempt, path, self.action == "allow"))
            and (self.exceptions is None or not self._names(self.exceptions, attempt, path, self.action != "allow"))
        )

    @staticmethod
    def _names(patterns: Patterns, attempt: Attempt, path: str, is_exact: bool) -> bool:
        if is_exact:
            return patterns.match_exactly(path, attempt.citizen, attempt.is_directory)
        return patterns.match_widely(path, attempt.citizen)


@dataclass(frozen=True)
class Policy:
    """All rules, in the order in which they are asked."""

    limits: Limits = field(default_factory=Limits)
    rules: tuple[Rule, ...] = ()
