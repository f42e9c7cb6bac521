"""One `web` container with a world made from a template, run as the compose file runs it; what a browser sees of it, and its disk."""

from __future__ import annotations

import hashlib
import http.client
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fwrkit.core import commands
from fwrkit.core.commands import Command
from tests.web.address import Address, Answer

LABEL = f"org.fwrkit.test=web-{hashlib.sha256(str(Path(__file__).resolve()).encode()).hexdigest()[:6]}"  # of this checkout: another one's tests go on
OWNER = "2011:2011"
SITES = ("www", "www_tourist")
_TIMEOUT = 120.0
_TMPFS = (
    "/run:size=128m,mode=0755,uid=2011,gid=2011",
    "/tmp:size=256m,mode=1777",
    "/var/cache/fwrkit:size=256m,mode=0700,uid=2011,gid=2011",
)

# path, type, size and time of everything in the world, and each content: what "reading changes nothing" means
_LISTING = "cd /srv/fwr/world && find . -printf '%p %y %s %T@\\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum"


def docker(*words: str, stdin: bytes | None = None, timeout: float = _TIMEOUT) -> str:
    """Run the engine's command and return what it printed. Raise FwrError if it fails."""
    return commands.check(Command(["docker", *words], stdin=stdin), timeout).stdout.decode(errors="replace").strip()


def remove_all() -> None:
    """Remove what these tests, or an earlier run of them that was killed, made."""
    for kind, remove in (("ps -aq", "rm -f"), ("volume ls -q", "volume rm")):
        found = docker(*kind.split(), "--filter", f"label={LABEL}").split()
        if found:
            docker(*remove.split(), *found)


@dataclass
class Node:
    """A running container, its address, and a second container that holds the world writable, as the agent does."""

    name: str
    hand: str
    role: str
    port: int = 0
    image: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    @classmethod
    def start(
        cls,
        role: str,
        image: str,
        template: str,
        citizen: str = "alice",
        environment: Mapping[str, str] | None = None,
        *,
        is_laid: bool = True,
        options: tuple[str, ...] = (),
    ) -> Node:
        """Given a role, an image and a template, start a node on a world of its own; without ``is_laid``, before its world arrives.

        ``options`` are the engine's, for the web service alone.
        """
        name = f"fwrkit-test-web-{secrets.token_hex(4)}"
        node = cls(name, f"{name}-hand", role, image=image, options=options)
        node.environment = {"FWRKIT_ROLE": role, "FWRKIT_NODE": f"{citizen}-laptop", "FWRKIT_CITIZEN": citizen, **(environment or {})}
        docker("volume", "create", "--label", LABEL, name)
        mount = ["--label", LABEL, "--user", OWNER, "--read-only", "--volume"]
        docker("run", "--detach", "--name", node.hand, *mount, f"{name}:/srv/fwr", "--entrypoint", "sleep", image, "infinity")
        if is_laid:
            node.lay(template)
        node.up()
        return node

    def up(self) -> None:
        """Start the web service, and wait until it answers."""
        tmpfs = [word for entry in _TMPFS for word in ("--tmpfs", entry)]
        variables = [word for key, value in self.environment.items() for word in ("--env", f"{key}={value}")]
        mount = f"{self.name}:/srv/fwr" + (":ro" if self.role == "server" else "")
        limits = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "768m", "--pids-limit", "256"]
        docker(
            "run", "--detach", "--name", self.name, "--label", LABEL, "--user", OWNER, *limits, *tmpfs, *variables, *self.options,
            "--volume", mount, "--publish", "127.0.0.1::8080", self.image, "fwrkit-web",
        )  # fmt: skip
        self.port = int(docker("port", self.name, "8080/tcp").splitlines()[0].rpartition(":")[2])
        self.wait()

    def restart(self) -> None:
        """Start the web service anew: what lay in its tmpfs is gone."""
        docker("rm", "--force", self.name)
        self.up()

    def wait(self, seconds: float = 30.0) -> None:
        """Wait until something answers."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.get("/fwr-footer/")
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def lay(self, template: str) -> None:
        """Put a new world of a template in place, as the agent does."""
        self.sh(
            f"mkdir -p /srv/fwr/world && cp -a /usr/share/fwrkit/templates/{template}/www* /srv/fwr/world/ && mkdir /srv/fwr/world/.fwr"
        )
        self.status("in sync")
        self.put(".fwr/world.toml", f'id = "0123456789abcdef"\nname = "commons"\ntemplate = "{template}"\n')

    def status(self, state: str, pending: int = 0) -> None:
        """Write what the agent shows to every page."""
        now = time.time()
        shown = {"node": self.name, "world": "commons", "state": state, "since": now, "written": now, "pending": pending}
        self.sh("cat > /srv/fwr/status.json", json.dumps(shown).encode())

    def sh(self, script: str, stdin: bytes = b"") -> str:
        """Run a shell script where the world is writable, as its owner, and return what it printed."""
        return docker("exec", "--interactive", self.hand, "sh", "-ec", script, stdin=stdin)

    def inside(self, script: str) -> str:
        """Run a shell script in the web service itself."""
        return docker("exec", self.name, "sh", "-ec", script)

    def put(self, path: str, content: str | bytes, when: int | None = None) -> None:
        """Place a file in the world from outside, whole, with the time that it brings (Unix seconds)."""
        data = content.encode() if isinstance(content, str) else content
        stamp = f"touch -d @{when} .arriving &&" if when is not None else ""
        self.sh(f'cd /srv/fwr/world && mkdir -p "$(dirname "{path}")" && cat > .arriving && {stamp} mv .arriving "{path}"', data)

    def read(self, path: str) -> str:
        """Return a file of the world."""
        return docker("exec", self.hand, "cat", f"/srv/fwr/world/{path}")

    def world(self) -> str:
        """Return a listing of everything in the world, with sizes, times and hashes."""
        return self.sh(_LISTING)

    def log(self) -> list[str]:
        """Return everything that was logged."""
        done = commands.check(Command(["docker", "logs", self.name]), _TIMEOUT)
        return (done.stdout + b"\n" + done.stderr).decode(errors="replace").splitlines()

    def errors(self) -> list[str]:
        """Return what Apache and PHP complained about."""
        return [line for line in self.log() if ":warn]" in line or ":error]" in line]

    def get(self, path: str, method: str = "GET", body: bytes | None = None, /, **headers: str) -> Answer:
        """Ask exactly that, as :meth:`tests.web.address.Address.get`."""
        return Address(self.port).get(path, method, body, **headers)
