"""Who waits until node and upstream agree is answered when they do, and not before."""

from __future__ import annotations

from typing import Any

from fwrkit.agent.citizen.requests import Request, Requests
from fwrkit.agent.wire.messages import Barrier


class Node:
    """What the requests see of an engine."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.walks = 0
        self.is_ready = self.is_quiet = True
        self.requests = Requests(self.said.append)

    def turn(self) -> None:
        self.requests.go_on(self.is_ready, self.walk, lambda: self.is_quiet)

    def walk(self) -> None:
        self.walks += 1

    def wait(self) -> Request:
        request = Request()
        self.requests.add(request)
        return request

    def comes_back(self, barrier: int, is_quiet: bool) -> None:
        """A barrier has passed, and the turn ends."""
        self.requests.passed(barrier, is_quiet)
        self.requests.answer()


def test_a_walk_then_quiet_then_a_barrier() -> None:
    node = Node()
    request = node.wait()
    node.is_quiet = False
    node.turn()
    node.turn()
    assert (node.walks, node.said) == (1, [])
    node.is_quiet = True
    node.turn()
    node.turn()
    assert node.said == [Barrier(1)]
    assert not request.done.is_set()
    node.comes_back(1, True)
    assert request.done.is_set()
    node.turn()
    assert node.said == [Barrier(1)]


def test_without_a_connection_it_waits() -> None:
    node = Node()
    node.is_ready = False
    node.wait()
    node.turn()
    assert (node.walks, node.said) == (0, [])


def test_a_barrier_that_comes_back_into_a_noise_is_sent_anew() -> None:
    node = Node()
    request = node.wait()
    node.turn()
    node.comes_back(1, False)
    assert not request.done.is_set()
    node.turn()
    assert node.said == [Barrier(1), Barrier(2)]
    node.comes_back(1, True)
    assert not request.done.is_set(), "the older one says nothing any more"
    node.comes_back(2, True)
    assert request.done.is_set()


def test_a_new_connection_begins_anew() -> None:
    node = Node()
    request = node.wait()
    node.turn()
    node.requests.reset()
    node.comes_back(1, True)
    assert not request.done.is_set()
    node.turn()
    assert (node.walks, node.said) == (2, [Barrier(1), Barrier(2)])


def test_it_is_answered_when_the_turn_is_over() -> None:
    """The record is committed by then, and what is shown is what the answer says."""
    node = Node()
    request = node.wait()
    node.turn()
    node.requests.passed(1, True)
    assert not request.done.is_set()
    node.requests.reset()  # the turn has failed, and the connection with it
    node.requests.answer()
    assert not request.done.is_set()
    node.turn()
    node.comes_back(2, True)
    assert request.done.is_set()


def test_who_gave_up_is_forgotten() -> None:
    node = Node()
    gone, other = node.wait(), node.wait()
    node.requests.drop(gone)
    node.requests.drop(gone)
    node.turn()
    assert node.said == [Barrier(1)]
    node.comes_back(1, True)
    assert other.done.is_set() and not gone.done.is_set()
