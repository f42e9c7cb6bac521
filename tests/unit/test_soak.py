"""What a soak says of itself."""

from __future__ import annotations

import json

from tests.soak.report import Machine, Soak, Window


def window(number: int, memory: float) -> Window:
    machine = Machine(memory, 100.0, 0.05, 3.0)
    return Window(number, 10, {"cut bob": 2}, [0.5, 1.5], [0.01], 1, 2.5, 20, 3, 0, {"bob": machine})


def test_a_report_has_what_happened_and_what_grew() -> None:
    soak = Soak(7, 600, [window(1, 30), window(2, 33)])
    text = soak.text()
    for words in (
        "seed 7, 10 minutes",
        "20 acts, 4 faults; every invariant held",
        "| cut bob | 4 |",
        "| bob | 1.10 times | 1.00 times | 1.00 times |",
    ):
        assert words in text
    assert json.loads(json.dumps(soak.as_data()))["windows"][1]["machines"]["bob"]["memory"] == 33


def test_a_run_that_failed_in_its_first_window_is_reported() -> None:
    assert "failed: two differ" in Soak(7, 600, [Window(1)], "two differ").text()
