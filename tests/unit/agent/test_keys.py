"""Keys: made once, read by OpenSSH, and an invite's seed is the key that RFC 8032 says it is."""

from __future__ import annotations

import base64
import stat
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.keys import bare, is_public_key, make_key, pem_of_seed, private_text, public_key, public_of, seed_of, write_private
from fwrkit.core.errors import ExitCode, FwrError

# RFC 8032, section 7.1, tests 1 to 3: secret key, public key
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    ),
]


def line_of(key: bytes) -> str:
    parts = (b"ssh-ed25519", key)
    return "ssh-ed25519 " + base64.b64encode(b"".join(struct.pack(">I", len(part)) + part for part in parts)).decode()


def test_a_key_is_made_once(tmp_path: Path) -> None:
    first = make_key(tmp_path / "node", "a comment")
    assert is_public_key(first)
    assert make_key(tmp_path / "node", "another") == first == public_key(tmp_path / "node")
    assert stat.S_IMODE((tmp_path / "node").stat().st_mode) == 0o600
    assert bare((tmp_path / "node.pub").read_text()) == first
    assert sorted(item.name for item in tmp_path.iterdir()) == ["node", "node.pub"]
    assert make_key(tmp_path / "other", "") != first


def test_a_key_that_was_half_made_is_made_anew(tmp_path: Path) -> None:
    for name in ("node.new", "node.new.pub", "node.pub"):
        (tmp_path / name).write_text("half")
    key = make_key(tmp_path / "node", "")
    assert bare((tmp_path / "node.pub").read_text()) == key
    assert not (tmp_path / "node.new").exists()


def test_what_is_no_key_is_said(tmp_path: Path) -> None:
    (tmp_path / "node").write_text("nonsense")
    with pytest.raises(FwrError):
        public_key(tmp_path / "node")


@pytest.mark.parametrize(("seed", "key"), RFC_8032)
def test_a_seed_is_the_key_that_the_standard_says(tmp_path: Path, openssh: None, seed: str, key: str) -> None:
    write_private(tmp_path / "invite", pem_of_seed(bytes.fromhex(seed)))
    assert public_key(tmp_path / "invite") == line_of(bytes.fromhex(key))


def test_a_seed_is_found_in_what_openssh_writes_and_gives_the_same_key(tmp_path: Path, openssh: None) -> None:
    public = make_key(tmp_path / "node", "a comment")
    text = (tmp_path / "node").read_text()
    seed = seed_of(text)
    assert seed_of(pem_of_seed(seed)) == seed
    assert public_of(seed) == public
    for comment in ("", "x", "a comment", "longer than eight"):
        write_private(tmp_path / "again", private_text(seed, public, comment))
        assert public_key(tmp_path / "again") == public
        assert seed_of((tmp_path / "again").read_text()) == seed
    assert len(private_text(seed, public, "a comment")) == len(text)


def test_what_is_no_such_key_has_no_seed(tmp_path: Path) -> None:
    make_key(tmp_path / "node", "")
    text = (tmp_path / "node").read_text()
    for kind, word in (("ed25519", "secret"), ("ecdsa", "")):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", word, "-f", str(tmp_path / kind)], check=True)
    lines = text.splitlines()
    for other in ("", "nonsense", "\n".join([*lines[:-2], lines[-1]]), *((tmp_path / kind).read_text() for kind in ("ed25519", "ecdsa"))):
        with pytest.raises(FwrError) as raised:
            seed_of(other)
        assert raised.value.code == ExitCode.USAGE


@given(st.binary(max_size=300))
def test_no_bytes_are_a_fault_of_ours(data: bytes) -> None:
    for head in (b"", b"openssh-key-v1\0"):
        with pytest.raises(FwrError):
            seed_of(base64.b64encode(head + data).decode())


@given(st.binary(min_size=32, max_size=32))
def test_every_bare_key_is_one(key: bytes) -> None:
    line = line_of(key)
    assert is_public_key(line)
    for other in (line + "\n", line + " comment", " " + line, line[:-1], line + "A", line.replace("ssh-ed25519", "ssh-rsa"), line[:20]):
        assert not is_public_key(other), other


@given(st.one_of(st.text(max_size=90), st.text(max_size=70).map(lambda text: "ssh-ed25519 " + text)))
def test_no_other_text_is_one(text: str) -> None:
    assert not is_public_key(text)


def test_a_comment_is_dropped() -> None:
    assert bare("ssh-ed25519 AAAA somebody@somewhere else\n") == "ssh-ed25519 AAAA"


def test_a_private_file_is_its_owner_s_and_replaced_in_one_step(tmp_path: Path) -> None:
    (tmp_path / "file.new").symlink_to(tmp_path / "victim")
    write_private(tmp_path / "file", "one")
    write_private(tmp_path / "file", "two")
    assert (tmp_path / "file").read_text() == "two"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
    assert not (tmp_path / "victim").exists()
    assert [item.name for item in tmp_path.iterdir()] == ["file"]
