"""restic, by its command line: where repository and password are, it learns from its own options and environment. Source: restic(1), 0.14 to 0.18."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fwrkit.core import commands
from fwrkit.core.commands import Command, Completed, Sink
from fwrkit.core.errors import ExitCode, FwrError

_TIMEOUT = 3600.0  # seconds


@dataclass(frozen=True)
class Restic:
    """One repository, as restic names it."""

    repository: str

    def check(self) -> None:
        """Raise FwrError: NOT_FOUND (no restic on this machine), FAILED (the repository can not be opened), before anything is sent."""
        done = commands.run(self._command("snapshots", "--latest", "1", "--no-lock", "--quiet"), _TIMEOUT)
        if not done.is_ok:
            raise self._failed(done)

    def save(self, name: str, tag: str, send: Callable[[Callable[[bytes], object]], None]) -> None:
        """Have ``send`` write a file of a name into a new snapshot with a tag. If it fails, there is no snapshot. Raise FwrError (FAILED)."""
        # restic takes the end of its input for the end of the file: it must not see one unless everything was sent
        with Sink(self._command("backup", "--stdin", "--stdin-filename", name, "--tag", tag, "--quiet")) as sink:
            try:
                send(sink.write)
            except BrokenPipeError as error:
                raise self._failed(sink.close()) from error
            done = sink.close()
        if not done.is_ok:
            raise self._failed(done)

    def forget(self, tag: str, keep: int) -> None:
        """Let go all snapshots of a tag but the newest ``keep``; the room they take is given back by `restic prune`. Raise FwrError (FAILED)."""
        done = commands.run(self._command("forget", "--tag", tag, "--group-by", "", "--keep-last", str(keep), "--quiet"), _TIMEOUT)
        if not done.is_ok:
            raise self._failed(done)

    def _command(self, *words: str) -> Command:
        return Command(["restic", "--repo", self.repository, *words])

    def _failed(self, done: Completed) -> FwrError:
        hint = "Look at RESTIC_PASSWORD_FILE and the repository (restic snapshots; a new one: restic init), then try again."
        return FwrError(ExitCode.FAILED, f"restic failed: {done.last_words().rstrip('.')}.", hint)
