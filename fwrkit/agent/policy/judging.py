"""Which rule decides about an attempt: first the built-in ones, then the policy's, the first that matches."""

from __future__ import annotations

from collections.abc import Iterator

from fwrkit.agent.paths import AUDIT, ROLL, is_well_formed, parse_conflict, shown
from fwrkit.agent.policy.lookalikes import FORMS, fold_path
from fwrkit.agent.policy.patterns import Patterns
from fwrkit.agent.policy.rules import ACTIONS, Attempt, Decision, Policy, Rule

_SERVERS_OWN = Patterns([shown(ROLL), shown(AUDIT)])
_RECORDS = Patterns([".fwr/**"])


def decide(policy: Policy, attempt: Attempt) -> Decision:
    """Given a policy, return what happens to an attempt. The name of a conflict copy counts as itself and as what it is a copy of."""
    return _decide(policy, attempt)[0]


def explain(policy: Policy, attempt: Attempt) -> str:
    """Return for people which rule decides about an attempt, and why it is that one."""
    decision, path = _decide(policy, attempt)
    own = shown(attempt.path)
    lines = [f"{own!r}, {attempt.operation} by {attempt.citizen} ({attempt.role}): {decision.action}", decision.reason]
    if path != own:
        lines.append(f"It is judged as {path!r}: a conflict copy counts as what it is a copy of.")
    if decision.line is not None:
        lines.append(f"The rule is in line {decision.line}.")
        rule = next((rule for rule in policy.rules if rule.line == decision.line), None)
        if rule is not None and rule.paths is not None and not rule.paths.match_exactly(path, attempt.citizen, attempt.is_directory):
            lines.append("Its patterns cover what lies beneath, other spellings and look-alikes too.")
    return "\n".join(lines)


def _decide(policy: Policy, attempt: Attempt) -> tuple[Decision, str]:
    if not is_well_formed(attempt.path):
        return Decision("refuse", "(paths)", "This is no path (built in).", None), shown(attempt.path)
    judged = [(_judge(policy, attempt, path), path) for path in _appearances(shown(attempt.path))]
    return max(judged, key=lambda pair: ACTIONS.index(pair[0].action))


def _appearances(path: str) -> Iterator[str]:
    """Yield a path, and what it is without conflict marks if it has any, or would have some if it were spelt as it looks; marks within marks too."""
    yield path
    if "(" not in path and path.isascii():
        return
    seen, waiting = {path}, [path]
    while waiting:
        current = waiting.pop()
        for form in (current, *(fold_path(current, form) for form in FORMS)):
            plain = _without_marks(form)
            if plain != form and plain not in seen:  # shorter each time, so this ends
                seen.add(plain)
                waiting.append(plain)
                yield plain


def _without_marks(path: str) -> str:
    return "/".join([_without_mark(name) for name in path.split("/")]) if "conflict" in path else path


def _without_mark(name: str) -> str:
    while mark := parse_conflict(name.encode("utf-8", "surrogateescape")):
        if not mark.path:
            break
        name = shown(mark.path)
    return name


def _judge(policy: Policy, attempt: Attempt, path: str) -> Decision:
    built_in = _built_in(attempt, path)
    if built_in is not None:
        return built_in
    limit = policy.limits.file
    if limit is not None and attempt.operation != "delete" and attempt.size > limit:
        reason = f"Files of more than {shown_size(limit)} are not taken (limit 'file' of the policy)."
        return Decision("refuse", "(limit file)", reason, policy.limits.line)
    for rule in policy.rules:
        if rule.concerns(attempt, path):
            return Decision(rule.action, rule.name, _reason(rule), rule.line)
    return Decision("allow", "", "No rule concerns it.", None)


def _built_in(attempt: Attempt, path: str) -> Decision | None:
    if _SERVERS_OWN.match_widely(path, ""):
        return Decision("refuse", "(server)", "Only the server itself writes this record (built in).", None)
    if attempt.role not in ("citizen", "official"):
        return Decision("refuse", "(readers)", "Readers change nothing (built in).", None)
    if attempt.role != "official" and _RECORDS.match_widely(path, ""):
        return Decision("refuse", "(records)", "Only officials change the records of the world, .fwr (built in).", None)
    return None


def _reason(rule: Rule) -> str:
    what = {"allow": "allows it", "refuse": "refuses it", "review": "has an official look at it first"}[rule.action]
    return f"{rule.reason} (rule '{rule.name}')" if rule.reason else f"The rule '{rule.name}' {what}."


def shown_size(size: int) -> str:
    """Return a size for people, in units of which the policy's words are made."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}".replace(".0 ", " ")
    return f"{size} bytes"
