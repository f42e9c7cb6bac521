"""The policy in force: read from the canon, asked by the fold about every change that would move it. Runs in the hub's thread.

What is refused is written into the audit log, but a burst of it as one line: nobody fills the log by trying again and again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from fwrkit.agent import paths, policy
from fwrkit.agent.policy import Attempt, Decision, Policy, PolicyError
from fwrkit.agent.policy.judging import shown_size
from fwrkit.agent.policy.rules import Operation
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.states import ABSENT, State, is_directory, is_file

log = logging.getLogger("fwrkit.policing")

SIZE_LIMIT = 256 * 1024  # bytes of a policy
_USAGE_SECONDS, _NEAR = 60.0, 0.8  # how long a sum is believed, and up to which share of a quota
_BURST = 600.0  # seconds of refusals of one rule to one citizen that are one line of the log


@dataclass
class _Burst:
    began: float
    first: str
    more: int = 0


class Policing:
    """Judges changes. ``tell`` writes a line of the audit log: actor, event, subject, details."""

    def __init__(self, store: Store, canon: Canon, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._canon = canon
        self._clock = clock
        self._bursts: dict[tuple[str, str], _Burst] = {}
        self.tell: Callable[..., None] = lambda *_, **__: None
        self._policy = Policy()
        self._usage: dict[str, tuple[float, int]] = {}  # when it was looked up, and bytes, with what was judged since
        self._of: State = ABSENT  # the state of the file that it was read from
        self.fault = ""

    @property
    def policy(self) -> Policy:
        """The policy that the canon has now. One that is wrong (no fold would have let it in) leaves the built-in rules."""
        head = self._store.head(paths.POLICY)
        if head != self._of:  # asked each time: a transaction that failed, or a repair, may have moved it back
            self._load(head)
        return self._policy

    def _load(self, head: State) -> None:
        self._policy, self._of, self.fault = Policy(), head, ""
        if not isinstance(head, bytes) or not is_file(head):
            return
        try:
            self._policy = policy.parse(self._canon.read(head).decode())
        except (PolicyError, ValueError, KeyError) as error:
            self.fault = f"The policy of this world can not be read ({error}): only the built-in rules are in force."
            log.warning("%s", self.fault)

    @staticmethod
    def why_not(content: bytes) -> str:
        """Given the content of a policy, return what is wrong with it, with line and hint; empty if nothing is."""
        if len(content) > SIZE_LIMIT:
            return f"A policy has at most {SIZE_LIMIT} bytes."
        try:
            policy.parse(content.decode())
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            return f"line {line}: This is no UTF-8."
        except PolicyError as error:
            return f"line {error.line}: {error.message} {error.hint}".strip()
        return ""

    def judge(self, citizen: Citizen, path: bytes, state: State, size: int) -> Decision:
        """Say what happens to a change of a path to a state; ``size`` is the content's in bytes."""
        head = self._store.head(path)
        operation: Operation = "delete" if state is ABSENT else "add" if head is ABSENT else "edit"
        if path == paths.RECORDS and not is_directory(state):
            return Decision("refuse", "(records)", "The world's records stay where they are (built in).", None)
        is_a_directory = is_directory(head if state is ABSENT else state)
        rules = self.policy
        if operation != "delete" and rules.limits.quota is not None and self._outgrows(citizen.name, path, size, rules.limits.quota):
            reason = f"With this, what {citizen.name} has written adds up to more than {shown_size(rules.limits.quota)} (limit 'quota' of the policy)."
            return Decision("refuse", "(limit quota)", reason, rules.limits.line)
        decision = policy.decide(rules, Attempt(path, citizen.role, citizen.name, operation, is_a_directory, size))
        if decision.action == "review" and (citizen.role == "official" or is_a_directory):
            return replace(decision, action="allow")  # who accepts what others do need not be asked; a directory alone shows nothing
        return decision

    def _outgrows(self, citizen: str, path: bytes, size: int, quota: int) -> bool:
        """Say whether what a citizen has in the world would be more than a quota, in bytes, with a content at a path.

        The sum is looked up now and then, and again when it comes near: one over all their files for each change would cost too much.
        """
        entry = self._store.entry(path)
        more = size - (entry.size if entry is not None and entry.author == citizen else 0)
        now = self._clock()
        known = self._usage.get(citizen)
        if known is None or now - known[0] > _USAGE_SECONDS or known[1] + more > _NEAR * quota:
            known = self._usage[citizen] = (now, self._store.size_by(citizen))
        if more > 0 and known[1] + more > quota:
            return True
        self._usage[citizen] = (known[0], known[1] + max(more, 0))
        return False

    def moved(self, path: bytes, author: str) -> None:
        """The head of a path has moved: a new policy is in force from now on."""
        if path == paths.POLICY:
            self.tell(author, "policy", paths.shown(paths.POLICY), rules=str(len(self.policy.rules)))

    def refused(self, citizen: Citizen, path: bytes, decision: Decision) -> None:
        """Remember that a change was refused, for the audit log."""
        key, now = (citizen.name, decision.rule), self._clock()
        burst = self._bursts.get(key)
        if burst is not None and now - burst.began < _BURST:
            burst.more += 1
            return
        self._end(key)
        shown = paths.shown(path).encode("utf-8", "replace").decode()
        self._bursts[key] = _Burst(now, shown)
        self.tell(citizen.name, "refused", shown, rule=decision.rule)

    def end_bursts(self) -> None:
        """Write down what bursts that are over amounted to."""
        now = self._clock()
        for key in [key for key, burst in self._bursts.items() if now - burst.began >= _BURST]:
            self._end(key)

    def _end(self, key: tuple[str, str]) -> None:
        burst = self._bursts.pop(key, None)
        if burst is not None and burst.more:
            self.tell(key[0], "refused", burst.first, rule=key[1], and_more=str(burst.more))
