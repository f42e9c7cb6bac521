"""The carrier of the server's own world: copies between two places, following nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.agent.citizen.carriers import LocalCarrier


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    found = {name: tmp_path / name for name in ("outgoing", "staging", "replica", "outbox")}
    for directory in found.values():
        directory.mkdir()
    return found


def test_what_goes_out_is_copied(places: dict[str, Path]) -> None:
    (places["outgoing"] / "a").write_bytes(b"new")
    canon = places["replica"].parent / "canon"
    canon.write_bytes(b"old")
    (places["replica"] / "a").hardlink_to(canon)
    LocalCarrier(places["replica"], places["outbox"]).send(places["outgoing"])
    assert (places["replica"] / "a").read_bytes() == b"new"
    assert canon.read_bytes() == b"old", "what is linked in the replica is never written"


def test_what_comes_in_is_copied_into_an_empty_place(places: dict[str, Path]) -> None:
    (places["outbox"] / "7").mkdir()
    (places["outbox"] / "7/a").write_bytes(b"a")
    (places["staging"] / "left").write_bytes(b"x")
    carrier = LocalCarrier(places["replica"], places["outbox"])
    carrier.fetch(7, places["staging"])
    assert {item.name: item.read_bytes() for item in places["staging"].iterdir()} == {"a": b"a"}
    (places["staging"] / "a").write_bytes(b"changed")
    assert (places["outbox"] / "7/a").read_bytes() == b"a"
    with pytest.raises(OSError):
        carrier.fetch(8, places["staging"])


def test_no_link_is_followed(places: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (places["outgoing"] / "a").symlink_to(tmp_path / "secret")
    LocalCarrier(places["replica"], places["outbox"]).send(places["outgoing"])
    assert (places["replica"] / "a").is_symlink()
