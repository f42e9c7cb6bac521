"""The gate: the forced command that sshd runs, as a citizen's account, for every channel. A fixed table of requests, nothing else.

It runs as a stranger's uid and gets strangers' words: it starts no shell, takes no argument from them, and becomes the program it allows.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import resource
import socket
import sys
from pathlib import Path

from fwrkit.agent.settings import Places
from fwrkit.core.names import ACCOUNT_PREFIX

UNISON = "unison-2.53"
FILE_LIMIT = "FWRKIT_FILE_LIMIT"  # sshd sets it (SetEnv): bytes of the largest file that Unison may write
_REQUEST_LIMIT = 8192  # bytes of an enrolment
_READ, _WRITE = "read-file,read-dir", "read-file,read-dir,write-file,remove-file,remove-dir,make-dir,make-reg,make-sym,truncate"
_FILE_LIMIT = 64 * 1024**3
_PROCESSES = 64  # the kernel counts a uid's on the whole machine, where another server may have one of this number; see server/warden.py
_MEMORY = 2 * 1024**3  # bytes of addresses, of which OCaml sets aside much more than it uses
_REFUSED = 97  # exit status of a request that is not in the table
_OBJECT = re.compile(r"object ([0-9a-f]{64})")  # one large object by its SHA-256; always matched as a whole
_HIDDEN = (
    "transfer.hideRefs=refs",
    "transfer.hideRefs=!refs/heads/main",
    "transfer.hideRefs=!refs/tags",
    "transfer.hideRefs=!refs/signed/head",
)
_SPARING = (
    "pack.threads=1",
    "pack.windowMemory=64m",
    "core.bigFileThreshold=16m",
    "core.packedGitWindowSize=32m",
    "core.packedGitLimit=256m",
)
_UNISON_REQUESTS = frozenset({f"{UNISON} -server __new-rpc-mode", "unison -server __new-rpc-mode"})


def main() -> int:
    """Serve one channel. Return the exit status."""
    places = Places()
    if sys.argv[1:2] in (["enrol"], ["renew"], ["request"]) and len(sys.argv) == 3:
        return enrol(sys.argv[1], sys.argv[2], places)
    account = pwd.getpwuid(os.getuid()).pw_name
    if len(sys.argv) != 1 or not account.startswith(ACCOUNT_PREFIX):
        return refuse("nothing")
    citizen = account.removeprefix(ACCOUNT_PREFIX)
    request = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    limit(os.environ.get(FILE_LIMIT, ""), request)
    if request in ("stream", "ask"):  # the agent knows who is banned, and says why
        become(join_command(places.stream if request == "stream" else places.asking), {})
    if is_banned(citizen, places):
        return refuse("a banned citizen's request")
    if request in _UNISON_REQUESTS:
        become(
            unison_command(citizen, places),
            {"UNISON": str(places.state / "accounts" / citizen), "HOME": str(places.state / "accounts" / citizen)},
        )
    if request == "history":
        # protocol 2 whatever the client asks for (sshd takes no environment); a client knows it by the first line
        become(history_command(places), {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_PROTOCOL": "version=2"})
    if match := _OBJECT.fullmatch(request):
        become(object_command(match[1], places), {})
    return refuse(request)


def join_command(place: Path) -> list[str]:
    """Return the program that joins the channel to a socket of the agent; the agent asks the kernel whose process it is."""
    return ["/usr/bin/socat", "-t", "60" if place.name == "asking.sock" else "2", "-b", "65536", "STDIO", f"UNIX-CONNECT:{place}"]


def is_banned(citizen: str, places: Places) -> bool:
    """Say whether a citizen is banned; where the list can not be read, everybody is."""
    try:
        return citizen in (places.state / "enrol" / "banned").read_text().splitlines()
    except OSError:
        return True


def unison_command(citizen: str, places: Places) -> list[str]:
    """Return Unison's server for a citizen, inside Landlock: their replica, their outbox, Unison's directory, the libraries."""
    writable = [places.state / kind / citizen for kind in ("replicas", "accounts")]
    return [*_confined([places.state / "outboxes" / citizen], writable), f"/usr/bin/{UNISON}", "-server", "__new-rpc-mode"]


def history_command(places: Places) -> list[str]:
    """Return git's server for the history: its branch, its snapshots and its signed head, to read; it reaches nothing else."""
    repository = places.state / "history.git"
    settings = [word for value in (f"safe.directory={repository}", *_HIDDEN, *_SPARING) for word in ("-c", value)]
    git = ["/usr/bin/git", *settings, "upload-pack", "--strict", "--timeout=60", str(repository)]
    return [*_confined([repository], []), *git]


def object_command(name: str, places: Places) -> list[str]:
    """Given the SHA-256 of a large object as hex, return the program that prints it, or fails where there is none."""
    objects = places.state / "history.git" / "lfs" / "objects"
    return [*_confined([places.state / "history.git"], []), "/usr/bin/cat", "--", str(objects / name[:2] / name[2:4] / name)]


def _confined(readable: list[Path], writable: list[Path]) -> list[str]:
    """Return the prefix that confines a program by Landlock: to the libraries, and to what it may read or write."""
    rules = [f"path-beneath:execute,{_READ}:{path}" for path in ("/usr", "/etc") if Path(path).exists()]
    rules += [f"path-beneath:{_READ}:{path}" for path in readable]
    rules += [*(f"path-beneath:{_WRITE}:{path}" for path in writable), "path-beneath:read-file,write-file:/dev/null"]
    landlock = ["--landlock-access", "fs", *(word for rule in rules for word in ("--landlock-rule", rule))]
    return ["/usr/bin/setpriv", "--no-new-privs", *landlock]


def limit(file_limit: str, request: str) -> None:
    """Bound what the program, and whatever it may be talked into starting, takes of the machine: this comes before it is started.

    Where memory is short, it is ended before anybody else; bulk gives way to streams. Only Unison writes files; git maps large ones.
    """
    is_unison = request in _UNISON_REQUESTS
    largest = int(file_limit) if file_limit.isdigit() else _FILE_LIMIT
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: largest if is_unison else 0,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_NPROC: _PROCESSES,
        resource.RLIMIT_AS: _MEMORY if is_unison else resource.RLIM_INFINITY,
    }
    for kind, most in limits.items():
        hard = resource.getrlimit(kind)[1]
        if resource.RLIM_INFINITY not in (most, hard):
            most = min(most, hard)
        elif most == resource.RLIM_INFINITY:
            most = hard
        resource.setrlimit(kind, (most, most))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800")
    if request not in ("stream", "ask"):
        os.nice(5)


def become(argv: list[str], extra: dict[str, str]) -> None:
    """Replace this process by a program with a clean environment."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "UNISONLOCALHOSTNAME": os.uname().nodename, **extra}
    os.chdir(extra.get("HOME", "/"))
    os.execve(argv[0], argv, environment)  # noqa: S606 - no shell: that is the point


def refuse(request: str) -> int:
    """Say no, without repeating more than a few of a stranger's words."""
    sys.stderr.write(f"fwrkit: the gate does not know {request[:40]!r}\n")
    return _REFUSED


def enrol(kind: str, key: str, places: Places) -> int:
    """Pass one enrolment, renewal or request, a line on standard input, to the agent, with the key that sshd knows; print its answer."""
    line = sys.stdin.buffer.readline(_REQUEST_LIMIT)
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise TypeError
    except (ValueError, TypeError):
        return refuse(f"this {kind}")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(places.enrol))
        connection.sendall(json.dumps({"kind": kind, "key": key, "request": request}).encode() + b"\n")
        connection.shutdown(socket.SHUT_WR)
        while chunk := connection.recv(65536):
            sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
    return 0
