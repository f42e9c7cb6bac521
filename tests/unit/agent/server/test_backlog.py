"""Who sends faster than the hub works waits."""

from __future__ import annotations

import threading

from fwrkit.agent.server.backlog import LIMIT, Backlog, weight
from fwrkit.agent.states import ABSENT, file_state
from fwrkit.agent.wire import messages as say


def change(size: int) -> say.Change:
    content = b"x" * size
    return say.Change(1, b"a", file_state(content), ABSENT, None, False, False, False, 0, size, content, False)


def test_one_who_sends_too_much_waits_until_it_is_taken_up() -> None:
    backlog, large, done = Backlog(), change(LIMIT), threading.Event()
    backlog.add(large, lambda: False)

    def more() -> None:
        backlog.add(change(1), lambda: False)
        done.set()

    thread = threading.Thread(target=more)
    thread.start()
    assert not done.wait(0.1)
    backlog.take(large)
    assert done.wait(10)
    thread.join()


def test_nobody_waits_longer_than_their_connection_lives() -> None:
    backlog = Backlog()
    for _ in range(3):
        backlog.add(change(LIMIT), lambda: True)


def test_what_was_never_added_is_taken_without_harm() -> None:
    backlog = Backlog()
    backlog.take(change(LIMIT))
    backlog.add(change(1), lambda: False)


def test_a_message_weighs_what_it_holds() -> None:
    assert weight(change(1000)) > 1000
    assert weight(say.Manifest(1, False, [], True)) > 1_000_000
    assert weight(say.Acknowledgement([1] * 1000)) > weight(say.Ping(1)) > 0


def test_what_a_client_brings_of_its_history_weighs_what_it_has() -> None:
    assert weight(say.Piece(0, 1 << 20, bytes(1 << 20))) > 1 << 20
