"""A clock that was set, or is wrong, is noticed in words."""

from __future__ import annotations

import pytest

from fwrkit.agent.clock import ClockWatch


class Clocks:
    wall = 1_795_608_000.0
    monotonic = 50.0

    def watch(self) -> ClockWatch:
        return ClockWatch(lambda: self.wall, lambda: self.monotonic)

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


def test_time_that_passes_is_no_news() -> None:
    clocks = Clocks()
    watch = clocks.watch()
    clocks.pass_by(10**7)
    assert watch.alerts(0.0) == watch.alerts(-100.0) == []


@pytest.mark.parametrize(
    ("jump", "words"),
    [
        (-3 * 365 * 86400.0, "3 years back"),
        (86400 * 2.0, "2 days ahead"),
        (-7200.0, "2 hours back"),
        (150.0, "2 minutes ahead"),
        (-121.0, "2 minutes back"),
    ],
)
def test_a_clock_that_jumps(jump: float, words: str) -> None:
    clocks = Clocks()
    watch = clocks.watch()
    clocks.wall += jump
    [alert] = watch.alerts(0.0)
    assert words in alert


def test_a_clock_that_is_not_the_server_s() -> None:
    [alert] = Clocks().watch().alerts(86400.0 * 365 * 5)
    assert "5 years back compared with the server's" in alert
