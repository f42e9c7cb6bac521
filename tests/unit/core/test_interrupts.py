"""An interruption is raised once, when it may be; what it interrupted, does not matter."""

from __future__ import annotations

import signal
import threading

import pytest

from fwrkit.core import interrupts


@pytest.mark.parametrize("number", interrupts.SIGNALS)
def test_each_of_the_three_interrupts_and_is_remembered(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interrupts.listening():
        assert (interrupts.is_listening(), interrupts.was_heard()) == (True, False)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        assert interrupts.was_heard()
    assert (signal.getsignal(number), interrupts.is_listening()) == (before, False)


def test_what_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts.listening():
            signal.raise_signal(signal.SIGHUP)
            assert not interrupts.was_heard()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_block_that_is_held_comes_to_its_end() -> None:
    done = []
    with interrupts.listening():
        with pytest.raises(KeyboardInterrupt), interrupts.held():
            with interrupts.held():
                signal.raise_signal(signal.SIGINT)
                done.append("inner")
            done.append("outer")
        with interrupts.held():
            done.append("it is raised once")
    assert done == ["inner", "outer", "it is raised once"]


def test_a_second_one_insists() -> None:
    with interrupts.listening(), pytest.raises(KeyboardInterrupt), interrupts.held():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        pytest.fail("it was not raised at once")


def test_what_a_held_block_raises_goes_before() -> None:
    with interrupts.listening():
        with pytest.raises(KeyError), interrupts.held():
            signal.raise_signal(signal.SIGINT)
            raise KeyError
        assert interrupts.was_heard()


def test_another_thread_holds_nothing_up() -> None:
    entered, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with interrupts.held():
            entered.set()
            enough.wait(10)

    thread = threading.Thread(target=hold)
    with interrupts.listening():
        thread.start()
        assert entered.wait(10)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        enough.set()
        thread.join()


def test_who_does_not_listen_holds_nothing() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), interrupts.held():
            signal.raise_signal(signal.SIGINT)
            pytest.fail("it was not raised at once")
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_is_left_to_a_child_is_noted() -> None:
    with interrupts.listening():
        with interrupts.left_to_child() as noted:
            signal.raise_signal(signal.SIGINT)
        assert (noted, interrupts.was_heard()) == ([signal.SIGINT], False)
