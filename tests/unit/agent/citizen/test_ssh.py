"""The client's SSH connection: what ssh itself makes of the configuration."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fwrkit.agent.citizen.ssh import (
    BULK,
    MASTER,
    Upstream,
    configuration,
    known_hosts,
    read_upstream,
    stream_command,
    write_configuration,
    write_upstream,
)
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import host_of_peer

AUTHORITY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGTgZ368tA4r92YUWxcePMSQZ5mn9atXHpH2Kddeif/N"
REVOKED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
UPSTREAM = Upstream("example.org", 2222, "0123456789abcdef", "Utopia", "alice", AUTHORITY)


def understood(file: Path, host: str) -> dict[str, str]:
    """Return what ssh would do for a host."""
    done = subprocess.run(["ssh", "-G", "-F", str(file), host], check=True, capture_output=True, text=True)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


def test_an_upstream_is_remembered_for_the_agent_alone(tmp_path: Path) -> None:
    assert read_upstream(tmp_path) is None
    write_upstream(tmp_path, UPSTREAM)
    assert read_upstream(tmp_path) == UPSTREAM
    assert (tmp_path / "upstream.json").stat().st_mode & 0o777 == 0o600
    write_upstream(tmp_path, replace(UPSTREAM, port=22))
    assert read_upstream(tmp_path) == replace(UPSTREAM, port=22)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"host": "x"}', '{"unknown": 1}'])
def test_a_damaged_memory_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "upstream.json").write_text(text)
    with pytest.raises(FwrError) as raised:
        read_upstream(tmp_path)
    assert raised.value.code == ExitCode.FAILED


def test_ssh_understands_the_configuration(tmp_path: Path) -> None:
    file = write_configuration(UPSTREAM, Path("/keys"), tmp_path)
    for host in (MASTER, BULK):
        words = understood(file, host)
        assert (words["hostname"], words["port"], words["user"]) == ("example.org", "2222", "c-alice")
        assert words["hostkeyalias"] == UPSTREAM.world_id
        assert words["stricthostkeychecking"] in ("true", "yes")
        assert words["userknownhostsfile"] == str(tmp_path / "known_hosts")
        assert words["globalknownhostsfile"] == "/dev/null"
        assert words["identityfile"] == "/keys/node"
        assert words["certificatefile"] == "/keys/node-cert.pub"
        assert words["identitiesonly"] == "yes"
        assert words["passwordauthentication"] == "yes" or words["preferredauthentications"] == "publickey"
        assert words["batchmode"] == "yes"
        assert words["clearallforwardings"] == "yes"
        assert words["forwardagent"] == "no"
        assert words["hostkeyalgorithms"] == "ssh-ed25519-cert-v01@openssh.com"
        assert words["controlpath"] == str(tmp_path / "ssh.sock")
    assert understood(file, MASTER)["controlmaster"] in ("yes", "true")
    assert "proxycommand" not in understood(file, MASTER)
    bulk = understood(file, BULK)
    assert bulk["controlmaster"] in ("no", "false")
    assert bulk["proxycommand"] == "/bin/false", "what is bulk never connects by itself"


def test_only_hosts_that_the_authority_signed_are_trusted(tmp_path: Path) -> None:
    line = known_hosts(UPSTREAM.world_id, [AUTHORITY])
    assert line.split() == ["@cert-authority", UPSTREAM.world_id, *AUTHORITY.split()]
    (tmp_path / "known_hosts").write_text(line)
    found = subprocess.run(["ssh-keygen", "-F", UPSTREAM.world_id, "-f", str(tmp_path / "known_hosts")], check=False, capture_output=True)
    assert b"CA" in found.stdout
    other = subprocess.run(["ssh-keygen", "-F", "other", "-f", str(tmp_path / "known_hosts")], check=False, capture_output=True)
    assert other.stdout == b""


def test_the_stream_is_one_fixed_request() -> None:
    assert stream_command(Path("/run/ssh_config")).argv == ["ssh", "-T", "-F", "/run/ssh_config", MASTER, "stream"]


_words = st.text(alphabet=st.sampled_from("ab \n\r\t\"'#=\\%"), min_size=1, max_size=12)


@pytest.mark.parametrize("name", ["host", "world_id", "citizen"])
@given(text=_words)
@example(text="x\n    ProxyCommand touch /tmp/x")
def test_nothing_that_a_server_or_an_invite_says_adds_a_line(name: str, text: str) -> None:
    """A line could be a ProxyCommand, and that is a program that runs beside the node's key."""
    places = (Path("/keys"), Path("/known"), Path("/control"))
    try:
        said = configuration(replace(UPSTREAM, **{name: text}), *places)  # type: ignore[arg-type]
    except FwrError:
        return
    assert said.count("\n") == configuration(UPSTREAM, *places).count("\n")


def test_a_peer_is_known_by_its_own_name_and_never_taken_for_the_server(tmp_path: Path) -> None:
    server = write_configuration(UPSTREAM, Path("/keys"), tmp_path)
    before = server.read_text(), (tmp_path / "known_hosts").read_text()
    file = write_configuration(replace(UPSTREAM, host="peer.example.org"), Path("/keys"), tmp_path, "carol-peer", [REVOKED])
    assert file != server and (server.read_text(), (tmp_path / "known_hosts").read_text()) == before, (
        "what is asked goes to the server still"
    )
    words = understood(file, MASTER)
    assert (words["hostname"], words["user"]) == ("peer.example.org", "c-alice")
    assert words["hostkeyalias"] == host_of_peer(UPSTREAM.world_id, "carol-peer") != UPSTREAM.world_id
    hosts = tmp_path / "known_hosts_peer"
    assert words["userknownhostsfile"] == str(hosts)
    for name, is_known in ((words["hostkeyalias"], True), (UPSTREAM.world_id, False), (host_of_peer(UPSTREAM.world_id, "bob-peer"), False)):
        found = subprocess.run(["ssh-keygen", "-F", name, "-f", str(hosts)], check=False, capture_output=True)
        assert (b"CA" in found.stdout) == is_known


def test_a_revoked_key_is_believed_nowhere(tmp_path: Path) -> None:
    lines = known_hosts("world", [AUTHORITY], [REVOKED]).splitlines()
    assert lines == [f"@cert-authority world {AUTHORITY}", f"@revoked * {REVOKED}"]
    (tmp_path / "known_hosts").write_text(known_hosts("world", [AUTHORITY], [REVOKED]))
    found = subprocess.run(["ssh-keygen", "-F", "world", "-f", str(tmp_path / "known_hosts")], check=False, capture_output=True)
    assert b"REVOKED" in found.stdout, "as ssh reads it"


@given(text=_words)
@example(text="x\n    ProxyCommand touch /tmp/x")
def test_nothing_in_the_name_of_a_peer_adds_a_line(text: str) -> None:
    places = (Path("/keys"), Path("/known"), Path("/control"))
    try:
        said = configuration(UPSTREAM, *places, text)
    except FwrError:
        return
    assert said.count("\n") == configuration(UPSTREAM, *places).count("\n")
