"""What the agent's tests stand on where the machine's programs are older than the image's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fwrkit.agent.keys import pem_of_seed, write_private

# OpenSSH before 9.6 reads no Ed25519 key in PKCS #8: OpenSSL turns it into what ssh-keygen of the image would say
_SHIM = """\
#!/bin/sh
real={real}
if [ "$1" = -y ] && grep -q "BEGIN PRIVATE KEY" "$3" 2>/dev/null; then
    printf 'ssh-ed25519 '
    {{ printf '\\000\\000\\000\\013ssh-ed25519\\000\\000\\000 '; openssl pkey -in "$3" -pubout -outform DER | tail -c 32; }} | base64 -w 0
    exit
fi
exec "$real" "$@"
"""


@pytest.fixture(scope="session")
def openssh_directory(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """A directory with an ssh-keygen that reads what the image's reads; None where the machine's does."""
    work = tmp_path_factory.mktemp("openssh")
    write_private(work / "probe", pem_of_seed(b"\1" * 32))
    if subprocess.run(["ssh-keygen", "-y", "-f", str(work / "probe")], check=False, capture_output=True).returncode == 0:
        return None
    real = subprocess.run(["sh", "-c", "command -v ssh-keygen"], check=True, capture_output=True, text=True).stdout.strip()
    shim = work / "bin/ssh-keygen"
    shim.parent.mkdir()
    shim.write_text(_SHIM.format(real=real))
    shim.chmod(0o755)
    return shim.parent


@pytest.fixture
def openssh(openssh_directory: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """See to it that keys made from an invite's seed can be read."""
    if openssh_directory is not None:
        monkeypatch.setenv("PATH", f"{openssh_directory}:{os.environ['PATH']}")
