"""Something that is done again and again."""

from __future__ import annotations

import threading

from fwrkit.agent.ticker import Ticker


def test_it_goes_on_whatever_fails_until_it_is_stopped() -> None:
    done: list[int] = []
    enough = threading.Event()

    def work() -> None:
        done.append(1)
        if len(done) >= 3:
            enough.set()
        raise RuntimeError("it fails each time")

    ticker = Ticker(work, every=0.001)
    ticker.start()
    assert enough.wait(10)
    ticker.stop()
    count = len(done)
    assert not ticker._thread.is_alive()
    assert len(done) == count


def test_what_never_began_is_stopped_too() -> None:
    Ticker(lambda: None).stop()
