"""The policy of a world: who may change what. Pure: :func:`parse` a text, :func:`decide` about one change, edit the text. See docs/policy.md."""

from fwrkit.agent.policy.defaults import default_text
from fwrkit.agent.policy.editing import add_rule, remove_rule
from fwrkit.agent.policy.judging import decide, explain
from fwrkit.agent.policy.reading import parse
from fwrkit.agent.policy.rules import Attempt, Decision, Limits, Policy, PolicyError, Rule

__all__ = [
    "Attempt",
    "Decision",
    "Limits",
    "Policy",
    "PolicyError",
    "Rule",
    "add_rule",
    "decide",
    "default_text",
    "explain",
    "parse",
    "remove_rule",
]
