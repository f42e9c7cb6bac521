"""A container for one run of the agent's program, beside the nodes: with no network, and only what it needs to copy files of any owner."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fwrkit.core import commands
from fwrkit.core.commands import Command
from fwrkit.host.adapters.agent import parse_answer

_TIMEOUT = 6 * 3600.0  # seconds
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER")
_TEMPORARY = "/tmp"  # noqa: S108 - the container's
SOURCE, TARGET = "/from", "/to"


def copy(image: str, what: str, source: str, target: str, told: Callable[[str], None]) -> dict[str, object]:
    """Given an image of fwrkit's, have ``world`` or ``history`` copied from one volume (or directory) to another; return what the agent says."""
    command = Command([*_run(image, [f"{source}:{SOURCE}:ro", f"{target}:{TARGET}"]), "fwrkit-agent", "copy", what, SOURCE, TARGET])
    return parse_answer(source, commands.run_told(command, told, _TIMEOUT))


def _run(image: str, mounts: Sequence[str]) -> list[str]:
    closed = ["--network", "none", "--read-only", "--tmpfs", _TEMPORARY, "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    allowed = [word for each in _CAPABILITIES for word in ("--cap-add", each)]
    volumes = [word for each in mounts for word in ("--volume", each)]
    return ["docker", "run", "--rm", "--user", "0:0", *closed, *allowed, *volumes, image]
