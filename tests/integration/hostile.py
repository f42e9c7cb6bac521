"""A citizen's own key in the hands of somebody with bad intentions. Runs inside a client's ``sync``: standard library only.

Given a verb and its arguments on the command line, it attacks the server and prints what came of it as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time

CONFIG = "/tmp/hostile_config"
DIRECT = ["-o", "ControlMaster=no", "-o", "ControlPath=none", "-o", "ClearAllForwardings=no"]
SSH = ["ssh", "-F", CONFIG, *DIRECT]
PROBE, MEMORY = "/tmp/probe", "/tmp/unison-memory"


def prepare() -> None:
    """Take the client's own configuration, without the connection that the agent shares."""
    with open("/run/fwrkit/ssh_config") as file:
        text = re.sub(r"ControlMaster yes", "ControlMaster no", file.read())
    with open(CONFIG, "w") as file:
        file.write(re.sub(r"ControlPath .*", "ControlPath none", text))
    for path in (PROBE, MEMORY):
        shutil.rmtree(path, ignore_errors=True)
        os.mkdir(path)


def finish(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    """Return how a program ended, None if it had to be ended."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def unison(first: str, second: str, *options: str, seconds: float = 40) -> tuple[int, str]:
    """Run Unison one way, from the first root to the second."""
    words = ["unison-2.53", "-ui=text", "-batch", "-auto", first, second, f"-force={first}", f"-sshargs=-F{CONFIG}", "-servercmd=unison-2.53",
             "-ignorearchives", "-ignorelocks", "-confirmbigdel=false", *options]  # fmt: skip
    environment = {**os.environ, "UNISON": MEMORY, "HOME": MEMORY}
    try:
        done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return 124, "it took too long"
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")[-400:]


def read(*roots: str) -> dict[str, list[str]]:
    """Try to have other roots of the server brought here; return what came, by root."""
    found = {}
    for root in roots:
        prepare()
        unison(f"ssh://upstream/{root}", PROBE, seconds=15)
        found[root] = sorted(os.listdir(PROBE))
    return found


def write(*roots: str) -> dict[str, int]:
    """Try to bring a file to other roots of the server; return Unison's exit status by root."""
    statuses = {}
    for root in roots:
        prepare()
        with open(f"{PROBE}/planted", "w") as file:
            file.write("planted")
        statuses[root] = unison(PROBE, f"ssh://upstream/{root}", seconds=15)[0]
    return statuses


def bring(root: str, size: str, count: str) -> list[object]:
    """Bring one sparse file of a size, or many small ones, to a root; return (exit status, last words, seconds)."""
    prepare()
    source = "/srv/fwr/hostile"
    shutil.rmtree(source, ignore_errors=True)
    os.mkdir(source)
    if int(size):
        with open(f"{source}/sparse", "wb") as file:
            file.truncate(int(size))
    for number in range(int(count)):
        with open(f"{source}/{number}", "w") as file:
            file.write(str(number))
    began = time.monotonic()
    status, words = unison(source, f"ssh://upstream/{root}", "-fastercheckUNSAFE", seconds=280)
    took = time.monotonic() - began
    shutil.rmtree(source)
    return [status, words, took]


def persuade(root: str, command: str) -> list[int]:
    """Ask the server's Unison to have a program of our choice copy a file to it; return Unison's exit status for each way."""
    statuses = []
    for options in (
        ["-copythreshold=0", f"-copyprog={command}", f"-copyprogrest={command}"],
        [f"-merge=Name * -> {command} CURRENT1 CURRENT2 NEW"],
    ):
        prepare()
        with open(f"{PROBE}/large", "wb") as file:
            file.write(os.urandom(3_000_000))
        statuses.append(unison(PROBE, f"ssh://upstream/{root}", *options, seconds=15)[0])
    return statuses


def flood(count: str, seconds: str) -> dict[str, int]:
    """Open many connections that ask for nothing and hold them; return how many are there still at the end."""
    prepare()
    processes = []
    for _ in range(int(count)):
        processes.append(subprocess.Popen([*SSH, "-N", "upstream"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        time.sleep(0.02)
    time.sleep(float(seconds))  # of a connection that is ended, nothing comes back
    alive = sum(process.poll() is None for process in processes)
    for process in processes:
        process.kill()
        process.wait()
    return {"opened": len(processes), "alive": alive}


def streams(count: str, seconds: str) -> dict[str, int]:
    """Open streams and say what no client says on them; return how many ended by themselves."""
    prepare()
    texts = [
        os.urandom(1_000_000),
        b"\xff\xff\xff\xff" + b"x" * 100_000,
        (4 * 1024 * 1024).to_bytes(4, "big") + b"\x90" * (4 * 1024 * 1024),
        (4 * 1024 * 1024).to_bytes(4, "big") + (b"\xdc\x4e\x1f" + b"\x90" * 19_999) * 209 + b"\x90" * 10_000,
        (5000).to_bytes(4, "big") + b"\xdd\x00\x00\x4e\x20" * 1000,
        (1_000_000).to_bytes(4, "big"),
        b"",
    ]
    processes = []
    for number in range(int(count)):
        process = subprocess.Popen(
            [*SSH, "-T", "upstream", "stream"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.write(texts[number % len(texts)])
            process.stdin.flush()
        processes.append(process)
    ended = sum(finish(process, max(0.1, float(seconds) / len(processes))) is not None for process in processes)
    return {"opened": len(processes), "ended": ended}


def channels() -> dict[str, object]:
    """Ask sshd for everything but a program; return (exit status, output) by what was asked for."""
    prepare()
    asked = {
        "direct": ["-W", "127.0.0.1:2222", "upstream"],
        "direct to another host": ["-W", "192.0.2.1:80", "upstream"],
        "remote": ["-T", "-o", "ExitOnForwardFailure=yes", "-R", "9999:localhost:1", "upstream", "stream"],
        "remote socket": ["-T", "-o", "ExitOnForwardFailure=yes", "-R", "/tmp/s:localhost:1", "upstream", "stream"],
        "tunnel": ["-T", "-o", "ExitOnForwardFailure=yes", "-w", "0:0", "upstream", "id"],
        "terminal": ["-tt", "upstream", "id"],
        "agent": ["-T", "-A", "upstream", "env"],
        "x11": ["-T", "-X", "upstream", "env"],
        "environment": [
            "-T",
            "-o",
            "SetEnv=LD_PRELOAD=/tmp/x.so PYTHONPATH=/tmp FWRKIT_FILE_LIMIT=1 SSH_ORIGINAL_COMMAND=stream",
            "upstream",
            "env",
        ],
        "sftp": ["-T", "-s", "upstream", "sftp"],
        "other subsystem": ["-T", "-s", "upstream", "stream"],
        "scp": ["-T", "upstream", "scp", "-f", "/etc/passwd"],
        "shell": ["-T", "upstream"],
        "two commands": ["-T", "upstream", "stream\nid"],
        "selftest": ["-T", "upstream", "unison-2.53 -selftest"],
        "another's account": ["-T", "-l", "c-alice", "upstream", "stream"],
        "root": ["-T", "-l", "root", "upstream", "id"],
    }
    outcomes: dict[str, object] = {}
    for name, words in asked.items():
        done = subprocess.run([*SSH, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)
        outcomes[name] = [done.returncode, done.stdout.decode(errors="replace")[:200], done.stderr.decode(errors="replace")[:200]]
    return outcomes


_VERBS = {"read": read, "write": write, "bring": bring, "persuade": persuade, "flood": flood, "streams": streams, "channels": channels}

if __name__ == "__main__":
    print(json.dumps(_VERBS[sys.argv[1]](*sys.argv[2:])))  # type: ignore[operator]
