"""The authority comes in shares or in a backup, and is known to be the world's before anything is made of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent import bringing, shares
from fwrkit.agent.keys import make_key, public_key, seed_of, write_private
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.backups.node import back_up, live

LOCK = {"passphrase": "correct horse battery"}


class Kept:
    """An authority's key and its public half."""

    def __init__(self, place: Path) -> None:
        self.public = make_key(place, "fwrkit world authority")
        self.seed = seed_of(place.read_text())


@pytest.fixture
def kept(tmp_path: Path, openssh: None) -> Kept:
    return Kept(tmp_path / "kept")


def request(*trusted: str, **more: Any) -> dict[str, Any]:
    return {"trusted": list(trusted), "world": "commons", **more}


def public_of(key: str, place: Path) -> str:
    write_private(place, key)
    return public_key(place)


def test_shares_give_the_key_in_openssh_s_own_form(kept: Kept, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other", "")
    key = bringing.from_shares(request(other, kept.public, shares=["", *shares.split(kept.seed, 2, 3)[1:]]))
    assert key.startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert (public_of(key, tmp_path / "again"), seed_of(key)) == (kept.public, kept.seed)


def test_too_few_and_another_world_s_are_refused(kept: Kept, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other", "")
    made = shares.split(kept.seed, 2, 3)
    for lines, words in (
        (made[:1], "There is 1 share"),
        (made[:2], "These are shares of another authority than that of 'commons' (SHA256:"),
    ):
        with pytest.raises(FwrError) as raised:
            bringing.from_shares(request(other, shares=lines))
        assert (raised.value.code, raised.value.message.startswith(words)) == (ExitCode.REFUSED, True)
        assert raised.value.hint


def backup_of(root: Path, *names: str) -> tuple[Path, dict[str, str]]:
    """Return a backup of a server with authorities of these names among its keys, and their public halves."""
    places = live(root / "node")
    found = {name: make_key(places.keys / name, "") for name in names}
    back_up(places, root / "x", lock=LOCK, header={"has_keys": True})
    return root / "x", found


def from_backup(file: Path, *trusted: str, lock: dict[str, str] | None = LOCK) -> str:
    fd = os.open(file, os.O_RDONLY)
    try:
        return bringing.from_backup(request(*trusted, lock=lock), fd)
    finally:
        os.close(fd)


def test_a_backup_gives_the_one_that_is_trusted(tmp_path: Path, openssh: None) -> None:
    file, public = backup_of(tmp_path, "authority", "authority-before")
    for name in public:
        assert public_of(from_backup(file, public[name]), tmp_path / "again") == public[name]
    assert public_of(from_backup(file, *reversed(public.values())), tmp_path / "again") == public["authority"], "the newest first"
    foreign = make_key(tmp_path / "foreign", "")
    for trusted, lock, code in (
        (foreign, LOCK, ExitCode.REFUSED),
        (public["authority"], {"passphrase": "not this one"}, ExitCode.REFUSED),
        (public["authority"], None, ExitCode.REFUSED),
    ):
        with pytest.raises(FwrError) as raised:
            from_backup(file, trusted, lock=lock)
        assert raised.value.code == code
        assert "--without-keys" not in raised.value.hint


def test_a_backup_without_an_authority_and_a_damaged_one(tmp_path: Path, openssh: None) -> None:
    file, _ = backup_of(tmp_path, "node")
    with pytest.raises(FwrError) as raised:
        from_backup(file, "ssh-ed25519 AAAA")
    assert raised.value.message == "There is no authority's key in this backup."
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(FwrError) as raised:
        from_backup(file, "ssh-ed25519 AAAA")
    assert raised.value.code == ExitCode.FAILED
