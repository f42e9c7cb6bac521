"""What plain SSH does between two containers of the same images: the baseline of every figure."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SSHD = """
set -e
mkdir -p /run/sshd /root/.ssh && ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/bench_key && cp /keys/key.pub /root/.ssh/authorized_keys
chmod 700 /root/.ssh && chmod 600 /root/.ssh/authorized_keys && chown -R 0:0 /root/.ssh
exec /usr/sbin/sshd -D -e -f /dev/null -p 2222 -h /etc/ssh/bench_key -o PermitRootLogin=prohibit-password -o StrictModes=no
"""

# one byte to `cat` at the other end and back, in the rhythm of the edits
_BYTES = """
import json, subprocess, sys, time
count, pause = int(sys.argv[1]), float(sys.argv[2])
child = subprocess.Popen([*sys.argv[3:], "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
times = []
for number in range(count + 5):
    began = time.perf_counter()
    child.stdin.write(b"x")
    child.stdout.read(1)
    times.append(time.perf_counter() - began)
    time.sleep(pause)
child.stdin.close()
print(json.dumps(times[5:]))
"""


class Pair:
    """An sshd in one container and a client in another."""

    def __init__(self, client: str, server: str) -> None:
        self._client = client
        self._ssh = [
            "ssh", "-T", "-p", "2222", "-i", "/keys/key", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", f"root@{server}",
        ]  # fmt: skip

    def _run(self, *words: str) -> bytes:
        return subprocess.run(["docker", "exec", self._client, *words], capture_output=True, check=True).stdout

    def bytes_there_and_back(self, count: int, pause: float) -> list[float]:
        """Return the seconds that each of ``count`` single bytes took, with ``pause`` seconds between them."""
        result: list[float] = json.loads(self._run("python3", "-c", _BYTES, str(count), str(pause), *self._ssh))
        return result

    def tar(self) -> float:
        """Copy ``/source`` by tar over SSH to a new directory at the other end, synced to the disk; return the seconds.

        Nothing is removed before: filesystems make new files slowly where many were removed just now.
        """
        there = "d=$(mktemp -d -p /target) && tar xf - -C $d && sync -f $d"
        command = f"tar cf - -C /source . | {' '.join(self._ssh)} '{there}'"
        timed = f"import subprocess, time; t = time.perf_counter(); subprocess.run({command!r}, shell=True, check=True); print(time.perf_counter() - t)"
        return float(self._run("python3", "-c", timed))


@contextmanager
def ssh_pair(server_image: str, client_image: str, source: Path, target: Path, keys: Path) -> Iterator[Pair]:
    """Start the two containers; ``source`` and ``target`` are directories of this machine that tar copies between."""
    token = uuid.uuid4().hex[:8]
    network, server, client = (f"fwrkit-bench-{token}-{part}" for part in ("net", "server", "client"))
    keys.mkdir(parents=True, exist_ok=True)
    (keys / "key").unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / "key"], check=True)
    run = ["docker", "run", "--detach", "--network", network, "--label", "org.fwrkit.bench=1", "--entrypoint", "/bin/sh", "--user", "0"]
    quiet = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run(["docker", "network", "create", network], **quiet)  # type: ignore[call-overload]
    try:
        there = [*run, "--name", server, "-v", f"{keys}:/keys:ro", "-v", f"{target}:/target", server_image, "-c", _SSHD]
        here = [*run, "--name", client, "-v", f"{keys}:/keys:ro", "-v", f"{source}:/source:ro", client_image, "-c", "sleep 3600"]
        for command in (there, here):
            subprocess.run(command, **quiet)  # type: ignore[call-overload]
        pair = Pair(client, server)
        subprocess.run(
            ["docker", "exec", client, "sh", "-c", f"for i in $(seq 50); do {' '.join(pair._ssh)} true && exit 0; sleep 0.2; done; exit 1"],
            check=True,
        )
        yield pair
    finally:
        subprocess.run(["docker", "rm", "--force", server, client], check=False, stdout=subprocess.DEVNULL)
        subprocess.run(["docker", "network", "rm", network], check=False, stdout=subprocess.DEVNULL)
