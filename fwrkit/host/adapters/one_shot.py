"""A container for one run of the agent's program, beside the nodes: with no network, and only what it needs to copy files of any owner."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fwrkit.core import commands
from fwrkit.core.commands import Command
from fwrkit.host.adapters import once
from fwrkit.host.adapters.agent import parse_answer

_TIMEOUT = 6 * 3600.0  # seconds
_LOOK_TIMEOUT = 120.0
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER")
_TEMPORARY = "/tmp"  # noqa: S108 - the container's
SOURCE, TARGET = "/from", "/to"
_PLACE = "/srv/fwr"  # of a world in a container: it belongs to the world's owner in the image, and so do volumes


def copy(image: str, what: str, source: str, target: str, told: Callable[[str], None]) -> dict[str, object]:
    """Given an image of fwrkit's, have ``world`` or ``history`` copied from one volume (or directory) to another; return what the agent says."""
    name = once.new_name()
    command = Command([*_run(name, image, [f"{source}:{SOURCE}:ro", f"{target}:{TARGET}"]), "fwrkit-agent", "copy", what, SOURCE, TARGET])
    with once.removed_if_interrupted(name):
        done = commands.run_told(command, told, _TIMEOUT)
    return parse_answer(source, done)


def look_at_ground(image: str, directory: str, uid: int, gid: int) -> None:
    """Have a directory of the host, or (empty) where Docker keeps volumes, looked at as the world's owner: can a world be kept there?

    Nothing stays. Raise FwrError: REFUSED with the agent's sentence, FAILED if it gave no answer.
    """
    place = f"{directory}:{_PLACE}" if directory else _PLACE  # a volume without a name goes with the container
    name = once.new_name()
    command = Command([*_run(name, image, [place], f"{uid}:{gid}", ()), "fwrkit-agent", "ground", _PLACE])
    with once.removed_if_interrupted(name):
        done = commands.run(command, _LOOK_TIMEOUT)
    parse_answer(directory or "world", done)


def _run(name: str, image: str, mounts: Sequence[str], user: str = "0:0", capabilities: Sequence[str] = _CAPABILITIES) -> list[str]:
    closed = ["--network", "none", "--read-only", "--tmpfs", _TEMPORARY, "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    allowed = [word for each in capabilities for word in ("--cap-add", each)]
    volumes = [word for each in mounts for word in ("--volume", each)]
    return ["docker", "run", "--rm", "--name", name, "--user", user, *closed, *allowed, *volumes, image]
