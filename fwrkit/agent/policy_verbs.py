"""What a node says of its world's policy, and how it has it changed: read from its own copy of the world, changed at the server.

Nothing here decides about anybody's edits: that is the fold's, at the server.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fwrkit.agent import paths, policy, public_records
from fwrkit.agent.files.tree import NotRegular
from fwrkit.agent.policy import Attempt, PolicyError
from fwrkit.agent.policy.rules import OPERATIONS, Operation
from fwrkit.core.errors import ExitCode, FwrError

_ARRIVES_WITHIN, _LOOK_EVERY = 5.0, 0.02  # seconds


class PolicyVerbs:
    """The verbs of one node. ``ask`` asks the server: a verb and its arguments."""

    def __init__(self, world: Path, ask: Callable[[str, dict[str, Any]], dict[str, Any]]) -> None:
        self._world = world
        self._ask = ask

    def text(self) -> str:
        """Return the policy's text, empty if there is none. Raise FwrError (FAILED) if it can not be read."""
        try:
            return public_records.read(self._world, paths.POLICY).decode()
        except FileNotFoundError:
            return ""
        except (OSError, NotRegular, UnicodeDecodeError) as error:
            raise FwrError(ExitCode.FAILED, f"The policy can not be read ({error}).", "See: fwrkit log .fwr/policy.toml") from error

    def show(self) -> dict[str, Any]:
        """Return the text, and what is wrong with it, if anything is."""
        text = self.text()
        try:
            policy.parse(text)
        except PolicyError as error:
            return {"text": text, "fault": f"line {error.line}: {error.message} {error.hint}".strip()}
        return {"text": text, "fault": ""}

    def test(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Say which rule would decide about a change. Raise FwrError: NOT_FOUND (no such citizen), USAGE."""
        name, path = str(arguments["as"]), os.fsencode(str(arguments["path"])).rstrip(b"/")
        if not paths.is_well_formed(path):
            raise FwrError(
                ExitCode.USAGE, f"{paths.shown(path)!r} is no path in the world.", "Give it from the world's root: www/index.html"
            )
        role = next((citizen.role for citizen in public_records.read_roll(self._world) if citizen.name == name), None)
        if role is None:
            raise FwrError(ExitCode.NOT_FOUND, f"There is no citizen '{name}'.", "See who there is: fwrkit citizens")
        place = self._world / os.fsdecode(path)
        operation = self._operation(str(arguments.get("operation") or ("edit" if os.path.lexists(place) else "add")))
        size = arguments.get("size")
        if size is None:
            size = place.stat().st_size if place.is_file() and operation != "delete" else 0
        try:
            rules = policy.parse(self.text())
        except PolicyError as error:
            raise as_error(error) from error
        attempt = Attempt(path, role, name, operation, place.is_dir(), int(size))
        decision = policy.decide(rules, attempt)
        return {
            "path": paths.shown(path), "citizen": name, "role": role, "operation": operation, "action": decision.action, "rule": decision.rule,
            "reason": decision.reason, "line": decision.line or 0, "explanation": policy.explain(rules, attempt),
        }  # fmt: skip

    @staticmethod
    def _operation(word: str) -> Operation:
        for known in OPERATIONS:
            if word == known:
                return known  # type: ignore[return-value]
        raise FwrError(ExitCode.USAGE, f"{word!r} is no operation.", f"Use one of: {', '.join(OPERATIONS)}.")

    def change(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Have the policy changed: a rule added, one removed, or the whole text put in its place. Raise FwrError: USAGE, TAKEN, REFUSED, UNREACHABLE."""
        before = self.text()
        try:
            if "add" in arguments:
                after = policy.add_rule(before, dict(arguments["add"]), arguments.get("before"))
            elif "remove" in arguments:
                after = policy.remove_rule(before, str(arguments["remove"]))
            else:
                after = str(arguments["set"])
                policy.parse(after)
        except PolicyError as error:
            raise as_error(error) from error
        base = hashlib.sha256(before.encode()).hexdigest() if before else ""
        done = self._ask("policy-set", {"text": after, "base": str(arguments.get("base", base))})
        self._await(after)
        return done

    def _await(self, text: str) -> None:
        """Wait until this node has the new policy, for some seconds at most: who changes it again at once goes on from that."""
        until = time.monotonic() + _ARRIVES_WITHIN
        with contextlib.suppress(FwrError):
            while self.text() != text and time.monotonic() < until:
                time.sleep(_LOOK_EVERY)


def as_error(error: PolicyError) -> FwrError:
    """Return a fault of a policy as the error that people see."""
    message = f"line {error.line}: {error.message}"
    return FwrError(ExitCode.USAGE, message if message.endswith(".") else message + ".", error.hint or "See docs/policy.md.")
