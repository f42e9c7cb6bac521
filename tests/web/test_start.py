"""A container that starts before its world is there."""

from __future__ import annotations

import time

from tests.web.conftest import Start


def test_it_waits_for_the_world_with_a_page_and_then_serves(start: Start) -> None:
    node = start("client", "static", is_laid=False)
    answer = node.get("/fwr/")
    assert answer.status == 503
    assert "on its way" in answer.text
    assert node.get("/fwr/", Host="evil.example").status == 403
    node.lay("static")
    deadline = time.monotonic() + 20
    while True:
        try:
            if node.get("/fwr/").status == 200:
                break
        except OSError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_it_stops_at_once_while_waiting(start: Start) -> None:
    node = start("server", "static", is_laid=False)
    began = time.monotonic()
    node.restart()
    assert time.monotonic() - began < 10
