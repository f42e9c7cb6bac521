"""What a client has for a server that is behind: the signed head, and the history up to it in pieces."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fwrkit.agent.citizen import offering
from fwrkit.agent.citizen.offering import Offering
from fwrkit.agent.heads import NAMESPACE, REFERENCE, head_text
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.snapshots import make_snapshot
from fwrkit.agent.wire.messages import Behind, Bring, Newest, Piece
from tests.unit.agent.past import BEGIN, Past


class Client:
    """A client's history with a signed head."""

    def __init__(self, root: Path) -> None:
        (root / "keys").mkdir()
        self.past = Past(root)
        self.authority = Authority(root / "keys", None)
        self.authority.create()
        self.scratch = root / "scratch"
        self.offering = Offering(self.past.repository.path, self.scratch)

    def sign(self) -> bytes:
        text = head_text(self.past.repository.head(), "world", self.past.count, BEGIN)
        data = text + self.authority.sign_text(text, NAMESPACE)
        self.past.history.move_tag(REFERENCE, data)
        return data

    def bring(self, version: str, since: str) -> bytes:
        data = b""
        while True:
            piece = self.offering.answer(Bring(version, since, len(data)))
            assert isinstance(piece, Piece) and piece.offset == len(data)
            data += piece.data
            if len(data) == piece.size:
                return data


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


def test_the_head_as_it_is_signed(client: Client) -> None:
    assert client.offering.answer(Behind()) == Newest(b"")
    client.past.put(a=b"1")
    assert client.offering.answer(Behind()) == Newest(b"")
    data = client.sign()
    client.past.put(a=b"2")
    assert client.offering.answer(Behind()) == Newest(data)


def test_a_pack_in_pieces_of_what_the_server_lacks(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offering, "PIECE", 100)
    first = client.past.put(a=b"1" * 1000)
    make_snapshot(client.past.history, client.authority, "v1", "", "alice", BEGIN)
    second = client.past.put(b=b"2")
    client.sign()
    for since in (first, ""):
        pack = tmp_path / "pack.pack"
        pack.write_bytes(client.bring(second, since))
        assert not client.scratch.exists(), "nothing is left of it"
        subprocess.run(["git", "index-pack", pack], check=True, capture_output=True)
        with pack.with_suffix(".idx").open("rb") as index:
            listed = subprocess.run(
                ["git", "show-index", "--object-format=sha1"], stdin=index, check=True, capture_output=True, text=True
            ).stdout
        assert second in listed and (first in listed) is (not since)
        assert client.past.repository.references("refs/tags/")["v1"] in listed, "snapshots come along"
        pack.with_suffix(".idx").unlink()


def test_nothing_of_what_is_not_signed_or_does_not_follow(client: Client) -> None:
    first = client.past.put(a=b"1")
    second = client.past.put(a=b"2")
    client.sign()
    third = client.past.put(a=b"3")
    nothing = Piece(0, 0, b"")
    assert client.offering.answer(Bring(third, first, 0)) == nothing
    assert client.offering.answer(Bring(second, third, 0)) == nothing
    assert client.offering.answer(Bring(second, "cd" * 20, 0)) == nothing
    assert client.offering.answer(Bring(second, "--all", 0)) == nothing
    assert client.offering.answer(Bring(second, first, -1)) == Piece(-1, 0, b"")


def test_who_has_no_history(tmp_path: Path) -> None:
    alone = Offering(tmp_path / "none.git", tmp_path / "scratch")
    assert alone.answer(Behind()) == Newest(b"")
    assert alone.answer(Bring("ab" * 20, "", 0)) == Piece(0, 0, b"")
    assert Offering.nothing(Behind()) == Newest(b"")
