"""Docker Compose, by its command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fwrkit.core import commands
from fwrkit.core.commands import Command, Completed
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import once, space

_UP_TIMEOUT = 300.0  # seconds
_RUN_TIMEOUT = 6 * 3600.0
OVERRIDE = "compose.override.yaml"


@dataclass(frozen=True)
class Project:
    """One compose project: its name and the directory with ``compose.yaml`` and, if somebody wants it, an override beside it."""

    name: str
    directory: Path

    def command(self, *words: str) -> Command:
        """Given Compose's verb and its arguments, return the command."""
        files = [self.directory / "compose.yaml"]
        if (self.directory / OVERRIDE).is_file():
            files.append(self.directory / OVERRIDE)
        chosen = [word for file in files for word in ("--file", str(file))]
        base = ["docker", "compose", "--project-name", self.name, "--project-directory", str(self.directory), *chosen]
        return Command([*base, *words])

    def up(self) -> None:
        """Create what is missing and start it. Raise FwrError (FAILED) with Compose's last words."""
        self._run("up", "--detach", "--no-build", "--pull", "never", "--remove-orphans", "--quiet-pull")

    def recreate(self) -> None:
        """Like :meth:`up`, with new containers: what they referred to may be gone."""
        self._run("up", "--detach", "--no-build", "--pull", "never", "--remove-orphans", "--force-recreate")

    def run_once(
        self, words: Sequence[str], mounts: Mapping[str, str], told: Callable[[str], None], stdin: bytes | None = None
    ) -> Completed:
        """Run a program in a ``sync`` container of its own while the project does not run; ``mounts`` (volume or directory to a place in the
        container) are there to be read. Lines of its error output are told; it is removed when it ends, and networks and volumes are there then.
        """
        read = [word for source, target in mounts.items() for word in ("--volume", f"{source}:{target}:ro")]
        name = once.new_name()
        base = self.command("--progress", "quiet", "run", "--rm", "--name", name, "--no-deps", "--no-TTY", *read, "sync", *words)
        command = dataclasses.replace(base, stdin=stdin)
        with once.removed_if_interrupted(name):
            done = commands.run_told(command, told, _RUN_TIMEOUT)
        check_addresses(done)
        return done

    def run_command(self, name: str, *, is_root: bool = False) -> Command:
        """Given a name, return what runs a program in a ``sync`` container of its own that is called so; what comes behind it is the program.

        It is without the service's ports, and goes when it ends. As root, it may give files to the world's owner, where the service may not.
        """
        root = ["--user", "0:0", *(word for each in ("CHOWN", "DAC_OVERRIDE", "FOWNER") for word in ("--cap-add", each))] if is_root else []
        return self.command("--progress", "quiet", "run", "--rm", "--name", name, "--no-deps", "--no-TTY", *root, "sync")

    def down(self) -> None:
        """Stop and remove containers and networks; volumes stay."""
        self._run("down", "--remove-orphans")

    def remove_containers(self) -> None:
        """Stop and remove containers; networks and volumes stay."""
        self._run("rm", "--stop", "--force")

    def _run(self, *words: str) -> None:
        with space.told(str(self.directory)):
            done = commands.run(self.command("--progress", "plain", *words), _UP_TIMEOUT)
            if not done.is_ok:
                check_addresses(done)
                hint = f"Run it by hand to see more: {done.command.shown()}"
                raise FwrError(ExitCode.FAILED, f"Docker Compose failed: {done.last_words()}", hint)


def check_addresses(done: Completed) -> None:
    """Given how Compose ended, raise FwrError (FAILED) if Docker had no addresses left for one more network: each node has one or two."""
    if not done.is_ok and b"non-overlapping IPv4 address pool" in done.stderr:
        hint = "Remove networks that nobody uses (docker network prune), or give the engine more: default-address-pools in its daemon.json."
        raise FwrError(ExitCode.FAILED, "Docker has no addresses left for another network.", hint)


def version() -> str:
    """Return the version of the Compose plugin. Raise FwrError (NO_ENGINE) if there is none of version 2 or later."""
    done = commands.run(Command(["docker", "compose", "version", "--short"]), 30)
    text = done.stdout.decode().strip().lstrip("v")
    if not done.is_ok or not text or text.startswith("1."):
        raise FwrError(ExitCode.NO_ENGINE, "The Compose plugin of Docker (version 2) is missing.", "Install it: make setup")
    return text
