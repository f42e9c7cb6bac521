"""Who makes, examines and restores backups: the agent's program in a container of the node's image. A machine needs nothing but Docker for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fwrkit.core import commands
from fwrkit.core.backups import Checked, Header, Made
from fwrkit.core.commands import Command, Completed
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import once
from fwrkit.host.adapters.agent import error_in, parse_answer
from fwrkit.host.adapters.compose import check_addresses

_TIMEOUT = 7 * 86400.0  # seconds: a large world on a slow disk takes as long as it takes


@dataclass(frozen=True)
class Archivist:
    """``argv`` runs a program in the container, which is made for it if it has a name (``container``).

    Every method raises the agent's own FwrError, or FAILED if it gave no answer.

    ``lock``: by what keys are encrypted or opened (``passphrase``, or ``recipients``, or an ``identity``'s text), None: they are left out.
    It goes by standard input.
    """

    node: str
    argv: Sequence[str | bytes]
    container: str = ""

    def backup(
        self, header: Header, lock: dict[str, Any] | None, write: Callable[[bytes], object], *, is_compressed: bool, is_alone: bool
    ) -> Made:
        """Write a backup piece by piece; return what is in it. ``is_alone``: the node's agent does not run."""
        request = {"header": json.loads(header.encode()), "lock": lock, "is_compressed": is_compressed, "is_alone": is_alone}

        def take(piece: bytes) -> bool:
            write(piece)
            return True

        with once.removed_if_interrupted(self.container):
            done = commands.stream(self._command("backup", request), take, _TIMEOUT, is_held=True)
        lines = done.stderr.decode(errors="replace").splitlines()
        made = _made(lines)
        if not done.is_ok or made is None:
            check_addresses(done)
            raise error_in(lines) or self._no_answer(done)
        return made

    def check(self, lock: dict[str, Any] | None, pieces: Iterable[bytes]) -> Checked:
        """Given a backup piece by piece, read it to its end. Raise FwrError if it is not whole, or what is in ``lock`` does not open its keys."""
        return Checked.from_json(self._fed("backup-check", {"lock": lock}, pieces))

    def restore(self, lock: dict[str, Any] | None, voids: Sequence[int], pieces: Iterable[bytes]) -> None:
        """Given a backup that was looked at, fill the node's empty volumes with it."""
        self._fed("restore", {"lock": lock, "voids": list(voids)}, pieces)

    def authority(self, trusted: Sequence[str], world: str, *, shares: Sequence[str]) -> bytes:
        """Given shares of an authority's private key, return the key if it is one of those that are trusted (public keys).

        ``world``: the name of theirs. Raise FwrError: USAGE, REFUSED.
        """
        request = {"trusted": list(trusted), "world": world, "shares": list(shares)}
        return str(self._fed("authority-from-shares", request, [])["key"]).encode()

    def authority_in(self, lock: dict[str, Any], trusted: Sequence[str], world: str, pieces: Iterable[bytes]) -> bytes:
        """Like :meth:`authority`, given a server's backup piece by piece and by what its keys are opened."""
        request = {"trusted": list(trusted), "world": world, "lock": lock}
        return str(self._fed("authority-from-backup", request, pieces)["key"]).encode()

    def _fed(self, verb: str, request: dict[str, Any], pieces: Iterable[bytes]) -> dict[str, Any]:
        with once.removed_if_interrupted(self.container):
            done = commands.feed(self._command(verb, request), pieces, _TIMEOUT)
        check_addresses(done)
        return parse_answer(self.node, Completed(done.command, done.status, _last_line(done.stdout), done.stderr))

    def _command(self, verb: str, request: dict[str, Any]) -> Command:
        return Command([*self.argv, "fwrkit-agent", verb], stdin=json.dumps(request).encode() + b"\n")

    def _no_answer(self, done: Completed) -> FwrError:
        message = f"The backup of node '{self.node}' ended too early: {done.last_words().rstrip('.')}."
        return FwrError(ExitCode.FAILED, message, f"Try again; see its log: fwrkit logs {self.node}")


def _made(lines: Sequence[str]) -> Made | None:
    for line in reversed(lines):
        if line.startswith('{"made"'):
            return Made.from_json(json.loads(line)["made"])
    return None


def _last_line(output: bytes) -> bytes:
    return (output.strip().splitlines() or [b""])[-1]
