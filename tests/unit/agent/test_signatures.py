"""A signature is of one text, by one key, for one purpose."""

from __future__ import annotations

from pathlib import Path

from fwrkit.agent import signatures
from fwrkit.agent.keys import make_key


def test_it_is_of_one_text_by_one_key_for_one_purpose(tmp_path: Path) -> None:
    mine, other = make_key(tmp_path / "mine", "mine"), make_key(tmp_path / "other", "other")
    signature = signatures.sign(tmp_path / "mine", "purpose", b"a text").encode()
    assert signatures.is_signed(b"a text", signature, "purpose", [other, mine])
    assert not signatures.is_signed(b"another", signature, "purpose", [mine])
    assert not signatures.is_signed(b"a text", signature, "elsewhere", [mine])
    assert not signatures.is_signed(b"a text", signature, "purpose", [other])
    assert not signatures.is_signed(b"a text", signature, "purpose", [])
    assert not signatures.is_signed(b"a text", b"no signature", "purpose", [mine])
