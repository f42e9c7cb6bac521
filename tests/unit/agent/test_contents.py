"""The content of any version: byte for byte, and never another one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fwrkit.agent import contents
from fwrkit.agent.contents import Fetch, over, write_content
from fwrkit.agent.history_reading import find
from fwrkit.agent.states import file_state
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.past import Past

FILM = bytes(range(256)) * 100


class Shelf:
    """A history with a large file, and a world beside it."""

    def __init__(self, root: Path) -> None:
        self.past = Past(root)
        self.version = self.past.put_large(b"www/film", FILM)
        self.world = root / "world"
        (self.world / "www").mkdir(parents=True)
        self.asked: list[bytes] = []

    @property
    def stored(self) -> Path | None:
        return self.past.history.large_object(file_state(FILM))

    def lose(self) -> None:
        assert self.stored is not None
        self.stored.unlink()

    def read(self, path: bytes = b"www/film", fetch: Fetch | None = None) -> bytes:
        pieces: list[bytes] = []
        write_content(self.past.repository, find(self.past.repository, path, ""), self.world, fetch, pieces.append)
        return b"".join(pieces)

    def server(self, content: bytes) -> Fetch:
        def fetch(state: bytes, size: int, target: int, /) -> None:
            self.asked.append(state)
            os.write(target, content)

        return fetch


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def code_of(shelf: Shelf, fetch: Fetch | None = None) -> ExitCode:
    with pytest.raises(FwrError) as error:
        shelf.read(fetch=fetch)
    return error.value.code


def test_small_ones_come_from_the_history(shelf: Shelf) -> None:
    shelf.past.write("alice", {b"b": bytes(range(256)), b"empty": b""})
    assert shelf.read(b"b") == bytes(range(256))
    assert shelf.read(b"empty") == b""


def test_large_ones_come_from_the_store_the_world_or_the_server(shelf: Shelf) -> None:
    assert shelf.read() == FILM
    shelf.lose()
    (shelf.world / "www" / "film").write_bytes(FILM)
    assert shelf.read(fetch=shelf.server(b"")) == FILM
    assert shelf.stored is not None
    shelf.lose()
    (shelf.world / "www" / "film").write_bytes(FILM[::-1])
    assert shelf.read(fetch=shelf.server(FILM)) == FILM
    assert shelf.asked == [file_state(FILM)]
    assert shelf.read(fetch=shelf.server(b"")) == FILM, "it is kept"


def test_another_content_is_not_handed_on_and_not_kept(shelf: Shelf) -> None:
    shelf.lose()
    assert code_of(shelf, shelf.server(FILM[:-1])) is ExitCode.FAILED
    assert shelf.stored is None
    assert not [path for path in (shelf.past.history.path / "lfs").rglob("*") if path.is_file()]
    (shelf.world / "www" / "film").symlink_to("/etc/passwd")
    assert code_of(shelf) is ExitCode.NOT_FOUND


def test_a_damaged_one_is_fetched_again(shelf: Shelf) -> None:
    assert shelf.stored is not None
    shelf.stored.write_bytes(b"damaged")
    assert shelf.read(fetch=shelf.server(FILM)) == FILM


def test_what_is_kept_no_longer_is_said_plainly(shelf: Shelf) -> None:
    shelf.lose()
    with pytest.raises(FwrError) as error:
        shelf.read()
    assert (error.value.code, "kept no longer" in error.value.message) == (ExitCode.NOT_FOUND, True)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("import sys; sys.exit(1)", ExitCode.NOT_FOUND),
        ("import sys; sys.exit(255)", ExitCode.UNREACHABLE),
        ("import sys; sys.stdout.write('x' * 10**6)", ExitCode.FAILED),
    ],
)
def test_what_can_go_wrong_on_the_way(shelf: Shelf, script: str, code: ExitCode) -> None:
    shelf.lose()
    assert code_of(shelf, over([sys.executable, "-c", script])) is code


def test_it_is_asked_for_by_its_hash(shelf: Shelf, tmp_path: Path) -> None:
    shelf.lose()
    (tmp_path / "film").write_bytes(FILM)
    script = f"import sys; assert sys.argv[1] == 'object {file_state(FILM).hex()}'; sys.stdout.buffer.write(open('{tmp_path}/film', 'rb').read())"
    assert shelf.read(fetch=over([sys.executable, "-c", script])) == FILM


def test_the_word_for_it_names_the_file(shelf: Shelf) -> None:
    assert "'www/film'" in contents.gone(find(shelf.past.repository, b"www/film", "")).message
