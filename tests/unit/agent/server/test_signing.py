"""The newest version is signed: soon, seldom, and by the key that everybody knows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fwrkit.agent import heads
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.historian import Historian
from fwrkit.agent.server.history import History
from fwrkit.agent.server.signing import HeadSigner
from fwrkit.agent.states import file_state
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.house import wait_until
from tests.unit.agent.past import Past
from tests.unit.agent.server.test_historian import Archive


class Chancery:
    """A history, who signs it, and a clock."""

    def __init__(self, root: Path) -> None:
        (root / "keys").mkdir()
        self.past = Past(root)
        self.authority = Authority(root / "keys", None)
        self.authority.create()
        self.now = 1000.0
        self.signer = HeadSigner(self.past.history, self.authority, lambda: self.now)

    def signed(self) -> tuple[str, int]:
        head = heads.head_of(self.past.repository)
        assert head is None or heads.is_signed(head, [self.authority.public])
        return (head.version, head.number) if head is not None else ("", 0)


@pytest.fixture
def chancery(tmp_path: Path) -> Chancery:
    return Chancery(tmp_path)


def test_once_in_a_moment_and_at_the_end_in_any_case(chancery: Chancery) -> None:
    assert chancery.signer.sign() == 0.0
    first = chancery.past.put(a=b"1")
    assert chancery.signer.sign() == 0.0
    assert chancery.signed() == (first, 1)
    second = chancery.past.put(a=b"2")
    assert chancery.signer.sign() == pytest.approx(1.0)
    assert chancery.signed() == (first, 1)
    chancery.now += 1.0
    assert chancery.signer.sign() == 0.0
    assert chancery.signed() == (second, 2)
    third = chancery.past.put(a=b"3")
    assert chancery.signer.sign(is_last=True) == 0.0
    assert chancery.signed() == (third, 3)


def test_a_tag_before_stays_for_a_while_and_no_longer(chancery: Chancery) -> None:
    tags = []
    for _ in range(2):
        chancery.past.put(a=b"1")
        chancery.signer.sign(is_last=True)
        tags.append(chancery.past.repository.references("refs/signed/")["head"])
    chancery.now += 599
    chancery.signer.sign()
    assert set(chancery.past.repository.kinds(tags)) == set(tags)
    chancery.now += 1
    chancery.signer.sign()
    assert set(chancery.past.repository.kinds(tags)) == {tags[1]}


def test_a_new_authority_signs_what_there_is(chancery: Chancery) -> None:
    chancery.past.put(a=b"1")
    chancery.signer.sign()
    before = chancery.authority.public
    chancery.authority.begin_rotation()
    chancery.now += 5
    chancery.signer.sign()
    head = heads.head_of(chancery.past.repository)
    assert head is not None and heads.is_signed(head, [before]), "the new one is not known to everybody yet"
    chancery.authority.finish_rotation()
    chancery.signer.sign()
    assert chancery.signed()[1] == 1


def test_what_can_not_be_signed_is_tried_again(chancery: Chancery, monkeypatch: pytest.MonkeyPatch) -> None:
    version = chancery.past.put(a=b"1")
    with monkeypatch.context() as patch:

        def fails(*_: object) -> bytes:
            raise FwrError(ExitCode.FAILED, "no key", "")

        patch.setattr(chancery.authority, "sign_text", fails)
        assert chancery.signer.sign() == 60.0
    assert chancery.signer.sign() == pytest.approx(60.0)
    chancery.now += 60
    chancery.signer.sign()
    assert chancery.signed()[0] == version


def test_the_thread_that_writes_signs_and_nothing_while_it_is_paused(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    archive, authority = Archive(tmp_path), Authority(tmp_path / "keys", None)
    authority.create()
    history = History(tmp_path / "history.git", "world")
    historian = Historian(archive.store, history, archive.canon, archive.settings)
    historian.signer = HeadSigner(history, authority)
    historian.pause()
    historian.start()
    historian.tell(archive.put(b"a", b"1"))
    time.sleep(0.3)
    assert history.head() == ""
    historian.go_on()
    wait_until(lambda: heads.head_of(historian._quietly()) is not None, "it is signed")
    historian.tell(archive.put(b"a", b"2"))
    wait_until(lambda: not archive.store.has_uncommitted(), "it is committed")
    historian.stop()
    head = heads.head_of(historian._quietly())
    assert head is not None and (head.version, head.number) == (history.head(), archive.store.last_version())
    assert archive.read(b"2") == b"2" and file_state(b"2")
