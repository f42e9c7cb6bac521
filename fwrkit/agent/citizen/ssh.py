"""The client's one SSH connection: its configuration, the command that opens it with the stream, and Unison's way through it.

A server that does not answer any more is given up when the third question would be due, after 12 seconds.

Sources: ssh_config(5), OpenSSH 10.0. The master carries the stream; Unison comes as further channels through its control socket and never
connects by itself.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from fwrkit.agent.keys import write_private
from fwrkit.core.commands import Command
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import account_of, host_of_peer

MASTER, BULK, ASK = "upstream", "bulk", "ask"
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:%-]*\Z|\[?[0-9A-Fa-f:.%a-z]+\]?\Z")


@dataclass(frozen=True)
class Upstream:
    """Where a client's upstream is and who the client is there.

    ``authority`` is the world's authority by which the client joined: type and base64; ``authorities`` those that are valid by now, if the
    server has told since; ``former`` those before them, which count for snapshots only. ``epoch`` is the number of the last declaration of a
    new authority that this node has accepted (0: none).
    """

    host: str
    port: int
    world_id: str
    world_name: str
    citizen: str
    authority: str
    authorities: tuple[str, ...] = ()
    former: tuple[str, ...] = ()
    epoch: int = 0

    @property
    def trusted(self) -> tuple[str, ...]:
        """The authorities whose signature on a host's key is believed."""
        return self.authorities or (self.authority,)


def read_upstream(keys: Path) -> Upstream | None:
    """Return the upstream that this node was enrolled at, None if it was not. Raise FwrError if the file is damaged."""
    try:
        data = json.loads((keys / "upstream.json").read_text())
        return Upstream(**{**data, **{name: tuple(data.get(name, ())) for name in ("authorities", "former")}})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise FwrError(ExitCode.FAILED, "What this node knows of its upstream is damaged.", "Join again with a new invite.") from error


def write_upstream(keys: Path, upstream: Upstream) -> None:
    """Remember the upstream, durably."""
    write_private(keys / "upstream.json", json.dumps(asdict(upstream)))


def configuration(upstream: Upstream, keys: Path, known_hosts: Path, control: Path, peer: str = "") -> str:
    """Return the text of an ssh_config with three hosts: the master, what only ever goes through it, and what asks on a connection of its own.

    ``peer``: which peer's place it is, empty if it is the server's.

    Raise FwrError (FAILED) if something that an invite or a server said is more than a word: it could become a line of its own.
    """
    host = host_of_peer(upstream.world_id, peer) if peer else upstream.world_id
    for word in (upstream.host, host, upstream.citizen):
        if not _WORD.match(word):
            raise FwrError(ExitCode.FAILED, f"{word!r} can not stand in ssh's configuration.", "Join again with a new invite.")
    return f"""\
Host {MASTER} {BULK} {ASK}
    HostName {upstream.host}
    Port {upstream.port}
    User {account_of(upstream.citizen)}
    HostKeyAlias {host}
    HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com
    UserKnownHostsFile {known_hosts}
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    UpdateHostKeys no
    IdentityFile {keys}/node
    CertificateFile {keys}/node-cert.pub
    IdentitiesOnly yes
    IdentityAgent none
    PreferredAuthentications publickey
    BatchMode yes
    ConnectTimeout 5
    ServerAliveInterval 4
    ServerAliveCountMax 2
    TCPKeepAlive no
    Compression no
    RequestTTY no
    ClearAllForwardings yes
    LogLevel ERROR
Host {MASTER}
    ControlMaster yes
    ControlPath {control}
Host {BULK}
    ControlMaster no
    ControlPath {control}
    ProxyCommand /bin/false
Host {ASK}
    ControlMaster no
    ControlPath none
"""


def known_hosts(host: str, authorities: Iterable[str], revoked: Iterable[str] = ()) -> str:
    """Return the lines by which every host is trusted that the world's authorities signed under a name, and no other.

    ``revoked``: keys (type and base64) that are not, whatever was signed. Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.
    """
    lines = [*(f"@cert-authority {host} {key}" for key in authorities), *(f"@revoked * {key}" for key in revoked)]
    return "".join(f"{line}\n" for line in lines)


def write_configuration(upstream: Upstream, keys: Path, run: Path, peer: str = "", revoked: Iterable[str] = ()) -> Path:
    """Write what ssh needs into a run directory and return the configuration's path; ``peer`` and ``revoked`` as above.

    What is asked goes to the server, also while a peer is followed: each has files of its own.
    """
    hosts, path = (run / "known_hosts_peer", run / "ssh_config_peer") if peer else (run / "known_hosts", run / "ssh_config")
    host = host_of_peer(upstream.world_id, peer) if peer else upstream.world_id
    _replace(hosts, known_hosts(host, upstream.trusted, revoked))
    _replace(path, configuration(upstream, keys, hosts, run / "ssh.sock", peer))
    return path


def _replace(path: Path, text: str) -> None:
    """Write a file in one step: another thread's ssh may be reading it."""
    temporary = path.with_name(f"{path.name}.{threading.get_ident()}")
    temporary.write_text(text)
    os.replace(temporary, path)


def stream_command(configuration_file: Path) -> Command:
    """Return the command whose standard streams are the stream."""
    return Command(["ssh", "-T", "-F", str(configuration_file), MASTER, "stream"])


def ask_command(configuration_file: Path, request: bytes) -> Command:
    """Return the command that asks the server for something: one line each way."""
    return Command(["ssh", "-T", "-F", str(configuration_file), ASK, "ask"], stdin=request)
