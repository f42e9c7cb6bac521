"""Unison as the carrier of bulk content: one-way runs between two flat directories in which nothing else writes.

What it does and where it bites is in the manual of version 2.53.7 and in docs/architecture.md. Its exit status and its words decide nothing:
what arrived is hashed afterwards.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
from pathlib import Path

from fwrkit.agent.citizen.ssh import BULK
from fwrkit.agent.files.flat import empty
from fwrkit.core.commands import Command, start
from fwrkit.core.errors import ExitCode, FwrError

log = logging.getLogger("fwrkit.unison")

_FATAL = 3  # exit status: nothing was done
_ACCESS = "read-file,read-dir,write-file,remove-file,remove-dir,make-dir,make-reg,make-sym,truncate"


def unison_command(sender: str, receiver: str, force: str, ssh_config: Path, directory: Path, landlock: list[str]) -> Command:
    """Given two roots, the one that is forced upon the other, and Unison's directory, return a one-way run inside Landlock."""
    options = [
        "-ui=text", "-batch", "-auto", "-confirmbigdel=false", "-times=false", "-perms=0", "-dontchmod", "-links=false", "-rsrc=false",
        "-ignorearchives", "-ignorelocks", "-fastcheck=false", "-maxerrors=1000", "-retry=2", "-log=false", "-silent", "-contactquietly",
        "-dumbtty", "-servercmd=unison-2.53", f"-sshargs=-F{ssh_config}",
    ]  # fmt: skip
    environment = {
        "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "UNISON": str(directory), "HOME": str(directory),
        "UNISONLOCALHOSTNAME": os.environ.get("UNISONLOCALHOSTNAME", os.uname().nodename),
    }  # fmt: skip
    return Command([*landlock, "unison-2.53", sender, receiver, f"-force={force}", *options], env=environment, clean=True)


def landlock(writable: list[Path], readable: list[Path]) -> list[str]:
    """Return the prefix that confines a program: the libraries and programs, and the directories given."""
    rules = [f"path-beneath:execute,read-file,read-dir:{path}" for path in (Path("/usr"), Path("/etc"))]
    rules += [f"path-beneath:read-file,read-dir:{path}" for path in readable]
    rules += [f"path-beneath:{_ACCESS}:{path}" for path in writable]
    rules.append("path-beneath:read-file,write-file:/dev/null")
    return ["setpriv", "--no-new-privs", "--landlock-access", "fs", *(word for rule in rules for word in ("--landlock-rule", rule))]


class UnisonCarrier:
    """Runs Unison through the client's SSH connection, one run at a time for each direction."""

    def __init__(self, citizen: str, ssh_config: Path, directory: Path, server_state: str = "/var/lib/fwrkit") -> None:
        self._replica = f"ssh://{BULK}/{server_state}/replicas/{citizen}"
        self._outbox = f"ssh://{BULK}/{server_state}/outboxes/{citizen}"
        self._ssh_config = ssh_config
        self._directory = directory
        self._one = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def send(self, outgoing: Path) -> None:
        """Bring everything in ``outgoing`` to the replica. Raise FwrError if nothing was done."""
        self._run(str(outgoing), self._replica, str(outgoing), [], [outgoing])

    def fetch(self, run: int, staging: Path) -> None:
        """Bring what the outbox has for a run into ``staging``. Raise FwrError if nothing was done."""
        empty(staging)
        root = f"{self._outbox}/{run}"
        self._run(root, str(staging), root, [staging], [])

    def stop(self) -> None:
        """End what is going on, for good."""
        self._is_stopped = True
        process = self._process
        if process is not None and process.poll() is None:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    def _run(self, first: str, second: str, force: str, writable: list[Path], readable: list[Path]) -> None:
        with self._one:
            if self._is_stopped:
                raise FwrError(ExitCode.FAILED, "The connection has ended.", "")
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            empty(self._directory)  # runs need no memory of earlier ones, and a damaged one can not stop them
            confined = landlock([*writable, self._directory], [*readable, self._ssh_config.parent])
            command = unison_command(first, second, force, self._ssh_config, self._directory, confined)
            # Two pipes: ssh's master makes the standard error of those that come through it non-blocking, for everybody who shares it, and
            # Unison, which cannot wait there, would end with Sys_blocked_io as soon as its own output does not fit any more.
            self._process = start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            output = b"".join(self._process.communicate())
            status = self._process.returncode
            empty(self._directory)
        words = output.decode(errors="replace").strip().splitlines()
        log.info("a run of Unison ended with status %d%s", status, f": {words[0]}" if words else "")
        if status >= _FATAL or status < 0:
            log.debug("%s", "\n".join(words[-30:]))
            raise FwrError(ExitCode.FAILED, f"Unison ended with status {status}: {words[0] if words else ''}", "")
