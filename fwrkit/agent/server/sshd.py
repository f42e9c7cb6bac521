"""sshd's configuration: certificates of the world's authority, the gate and nothing else. Source: sshd_config(5), OpenSSH 10.0."""

from __future__ import annotations

from pathlib import Path

from fwrkit.agent.children import Child
from fwrkit.agent.gate import FILE_LIMIT
from fwrkit.agent.server.enrolment import GATE
from fwrkit.core.commands import Command
from fwrkit.core.names import ACCOUNT_PREFIX, ENROL_ACCOUNT, REQUEST_ACCOUNT

PORT = 2222
ANY_KEY = "/usr/lib/fwrkit/any-key"


def configuration(keys: Path, state: Path, file_limit: int) -> str:
    """Return the text of sshd_config for a server whose keys and state are at these places. ``file_limit`` is in bytes, for the gate."""
    return f"""\
Port {PORT}
AddressFamily any
HostKey {keys}/host
HostCertificate {keys}/host-cert.pub
TrustedUserCAKeys {keys}/authorities.pub
RevokedKeys {state}/enrol/revoked_keys
PidFile none
UsePAM no
LogLevel ERROR

# a certificate of the world's authority whose principal is the account, or an invite's key for the account that
# can only enrol; any key opens the account that can only ask to be let in
AuthenticationMethods publickey
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
HostbasedAuthentication no
AuthorizedKeysFile none
AuthorizedPrincipalsFile none
PermitRootLogin no
StrictModes yes
LoginGraceTime 20
MaxAuthTries 3
AllowUsers {ACCOUNT_PREFIX}* {ENROL_ACCOUNT} {REQUEST_ACCOUNT}

# many citizens behind one address are no attack, and whoever knocks in vain costs a start-up for a bounded time only
PerSourcePenalties no
PerSourceMaxStartups none
MaxStartups 50:30:200
MaxSessions 8

DisableForwarding yes
PermitTTY no
PermitUserRC no
PermitUserEnvironment no
AcceptEnv NOTHING
SetEnv {FILE_LIMIT}={file_limit}
X11Forwarding no
PrintMotd no
TCPKeepAlive no
ClientAliveInterval 5
ClientAliveCountMax 2
UseDNS no
Compression no
Subsystem sftp /bin/false

Match User {ENROL_ACCOUNT}
    AuthorizedKeysFile {state}/enrol/authorized_keys
    MaxSessions 1
Match User {REQUEST_ACCOUNT}
    AuthorizedKeysCommand {ANY_KEY} %t %k
    AuthorizedKeysCommandUser {ENROL_ACCOUNT}
    MaxSessions 1
Match User {ACCOUNT_PREFIX}*
    ForceCommand {GATE}
"""


def child(configuration_file: Path) -> Child:
    """Return sshd as a child of the agent, logging to standard error."""
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    return Child("sshd", Command(["/usr/sbin/sshd", "-D", "-e", "-f", str(configuration_file)]))
