"""The line that says where a world's server is."""

from __future__ import annotations

import dataclasses

import pytest

from fwrkit.core import lines, moves
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.moves import Declaration, Move

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmO4OBCBlvfyeakTKDu3xqOh9bPj4JsYgLa8YWiu7VH"
TOLD = Declaration("w1", KEY, 1_795_000_000, "alice", "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n")
PLAIN = Move("wiki.example.org", 2211, "w1", "commons", KEY)


@pytest.mark.parametrize("move", [PLAIN, dataclasses.replace(PLAIN, declaration=TOLD)])
def test_a_move_is_read_as_it_was_written(move: Move) -> None:
    line = move.encode()
    assert moves.is_move(line)
    assert moves.decode(f" {line[:40]}\n{line[40:]} ") == move


def test_what_is_signed_holds_everything_but_the_place() -> None:
    for change in ({"world_id": "w2"}, {"authority": KEY[:-1] + "X"}, {"number": 5}, {"by": "bob"}):
        assert dataclasses.replace(TOLD, **change).text != TOLD.text
    assert dataclasses.replace(TOLD, signature="other").text == TOLD.text


@pytest.mark.parametrize(
    "fields",
    [
        [], ["h", 1, "w", "n"], ["h", 0, "w", "n", KEY], ["h", "1", "w", "n", KEY], [5, 1, "w", "n", KEY], ["h", 70000, "w", "n", KEY],
        ["h", 1, "w", "n", "ssh-rsa AAAA"], ["h", 1, "w", "n", KEY + "\nssh-ed25519 x"], ["h", 1, "w", "n", KEY, 5], ["h", 1, "w", "n", KEY, "5", "a", "s"],
        ["h", 1, "w", "n", KEY, 5, "a", "s", "more"], ["h", True, "w", "n", KEY, 5, 6, "s"],
    ],
)  # fmt: skip
def test_a_malformed_line_is_refused(fields: list[object]) -> None:
    with pytest.raises(FwrError) as caught:
        moves.decode(lines.encode(moves.PREFIX, fields))
    assert caught.value.code is ExitCode.USAGE
    assert not moves.is_move("alice")
