"""Bringing the canon to a citizen: in order, within a window, once, and anew when it was put back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent.server import deliveries
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.deliveries import Deliveries
from fwrkit.agent.server.history import History
from fwrkit.agent.server.reviews import Reviews
from fwrkit.agent.server.session import WINDOW_COUNT, DownwardRun, Session
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.settings import Settings
from fwrkit.agent.states import ABSENT, DIRECTORY, State, file_state
from fwrkit.agent.wire.messages import Delivery, Passed, Position, PutBack
from tests.unit.agent.server.test_session import Line, session_on


class Desk:
    """Tables, a canon, and one citizen's session that is ready."""

    def __init__(self, root: Path, **settings: int) -> None:
        self.store = Store(":memory:")
        self.canon = Canon(root, self.store, History(root / "history.git", "w"))
        self.deliveries = Deliveries(self.store, self.canon, Settings(**settings), Reviews(self.store, self.canon, root / "reviews"))
        alice = self.store.add_citizen("alice", 20000, "citizen", 0)
        self.store.update_citizen(alice.id, is_known=1)
        self.line = Line()
        self.session: Session = session_on(self.line, self.alice)
        self.session.is_ready = True

    @property
    def alice(self) -> Citizen:
        found = self.store.citizen(name="alice")
        assert found is not None
        return found

    def move(self, path: bytes, content: bytes | None, is_directory: bool = False) -> State:
        """The head of a path moves, by somebody else."""
        state: State = DIRECTORY if is_directory else file_state(content) if content is not None else ABSENT
        if content is not None:
            self.store.add_pending(file_state(content), content, None)
        self.store.leave_behind(path, self.store.head(path))
        self.store.set_head(path, state, len(content or b""), 5, "bob", 0)
        self.deliveries.add(self.session, [path])
        return state

    def pump(self) -> list[Any]:
        """Return what is said now."""
        self.run, self.has_more = self.deliveries.pump(self.session, self.alice)
        self.session.flush(Position("s", 0))
        said, self.line.said = self.line.said, []
        return [message for message in said if not isinstance(message, Position)]

    def acknowledge(self, *said: Any) -> None:
        for delivery in said:
            self.deliveries.acknowledge(self.session, self.alice, delivery.number)

    run: DownwardRun | None = None
    has_more = False


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path, inline_limit=100, run_count=50)
    yield desk
    desk.store.close()


def test_what_moved_is_delivered_once_with_all_that_is_needed(desk: Desk) -> None:
    state = desk.move(b"a", b"one")
    said = desk.pump()
    assert said == [Delivery(said[0].number, b"a", ABSENT, state, 5, "bob", b"one", 0)]
    assert desk.pump() == []
    desk.acknowledge(*said)
    assert desk.pump() == []
    assert desk.store.base(desk.alice, b"a") == state
    assert desk.store.count_lags(desk.alice.id) == 0


def test_until_it_is_acknowledged_the_base_stays(desk: Desk) -> None:
    first = desk.move(b"a", b"one")
    desk.acknowledge(*desk.pump())
    second = desk.move(b"a", b"two")
    desk.pump()
    lag = desk.store.lag(desk.alice.id, b"a")
    assert lag is not None and (lag.base, lag.sent) == (first, [second])


def test_a_head_that_moves_while_it_is_under_way_is_delivered_next(desk: Desk) -> None:
    one = desk.move(b"a", b"one")
    first = desk.pump()
    two = desk.move(b"a", b"two")
    assert desk.pump() == [], "one at a time for each path"
    desk.acknowledge(*first)
    assert desk.store.base(desk.alice, b"a") == one
    second = desk.pump()
    assert [(item.base, item.state) for item in second] == [(one, two)]
    desk.acknowledge(*second)
    assert desk.store.base(desk.alice, b"a") == two


def test_a_head_that_comes_back_needs_no_delivery(desk: Desk) -> None:
    desk.move(b"a", b"one")
    desk.acknowledge(*desk.pump())
    desk.session.is_ready = False
    desk.move(b"a", b"two")
    desk.move(b"a", b"one")
    desk.session.is_ready = True
    assert desk.pump() == []
    assert desk.store.count_lags(desk.alice.id) == 0


def test_a_head_that_comes_back_after_another_was_sent_is_sent_again(desk: Desk) -> None:
    """Whether the other arrived is not known."""
    one = desk.move(b"a", b"one")
    desk.acknowledge(*desk.pump())
    two = desk.move(b"a", b"two")
    desk.pump()
    desk.session.void(b"a")
    desk.move(b"a", b"one")
    said = desk.pump()
    assert [(item.base, item.state) for item in said] == [(one, one)]
    lag = desk.store.lag(desk.alice.id, b"a")
    assert lag is not None and lag.sent == [two, one]


def test_deliveries_come_in_an_order_in_which_they_can_be_applied(desk: Desk) -> None:
    for path in (b"d", b"d/x", b"d/x/y"):
        desk.move(path, None, is_directory=True)
    desk.acknowledge(*desk.pump())
    desk.session.is_ready = False
    for path in (b"d", b"d/x", b"d/x/y"):
        desk.move(path, None)
    desk.move(b"n/m", b"one")
    desk.move(b"n", None, is_directory=True)
    desk.session.due.clear()
    desk.deliveries.begin(desk.session, desk.alice)
    assert [item.path for item in desk.pump()] == [b"n", b"n/m", b"d/x/y", b"d/x", b"d"]


def test_only_the_window_is_under_way(tmp_path: Path) -> None:
    (tmp_path / "wide").mkdir()
    wide = Desk(tmp_path / "wide", run_count=10_000)
    for number in range(WINDOW_COUNT + 10):
        wide.move(b"%d" % number, b"x")
    first = wide.pump()
    while wide.has_more:  # a bounded number at once: others are not kept waiting
        assert len(first) < WINDOW_COUNT + 10
        first += wide.pump()
    assert len(first) == WINDOW_COUNT
    assert wide.pump() == []
    wide.acknowledge(*first[:7])
    assert len(wide.pump()) == 7
    wide.acknowledge(*first[7:])
    assert len(wide.pump()) == 3
    wide.store.close()


def test_before_a_session_is_ready_and_after_it_ended_nothing_is_sent(desk: Desk) -> None:
    desk.session.is_ready = False
    desk.move(b"a", b"one")
    assert desk.pump() == []
    desk.session.is_ready = True
    desk.line.is_closed = True
    assert desk.pump() == []


def test_put_back_for_another_base_moves_the_base(desk: Desk) -> None:
    desk.move(b"a", b"one")
    [sent] = desk.pump()
    other = file_state(b"other")
    desk.deliveries.put_back(desk.session, desk.alice, PutBack(sent.number, "base", other))
    lag = desk.store.lag(desk.alice.id, b"a")
    assert lag is not None and (lag.base, lag.sent) == (other, [])
    assert [item.base for item in desk.pump()] == [other]


def test_put_back_because_it_is_there_already_is_as_good_as_acknowledged(desk: Desk) -> None:
    state = desk.move(b"a", b"one")
    [sent] = desk.pump()
    desk.deliveries.put_back(desk.session, desk.alice, PutBack(sent.number, "base", state))
    assert desk.pump() == []
    assert desk.store.base(desk.alice, b"a") == state


def test_put_back_without_content_is_sent_with_it(desk: Desk) -> None:
    state = desk.move(b"a", b"one")
    desk.session.staged[b"a"] = (state, 7)
    [sent] = desk.pump()
    assert (sent.content, sent.run) == (None, 7)
    desk.deliveries.put_back(desk.session, desk.alice, PutBack(sent.number, "content", ABSENT))
    [again] = desk.pump()
    assert (again.content, again.run, again.base) == (b"one", 0, ABSENT)


def test_answers_that_nobody_waits_for_change_nothing(desk: Desk) -> None:
    desk.move(b"a", b"one")
    [sent] = desk.pump()
    desk.session.void(b"a")
    before = desk.store.lag(desk.alice.id, b"a")
    desk.acknowledge(sent)
    desk.deliveries.put_back(desk.session, desk.alice, PutBack(sent.number, "base", DIRECTORY))
    desk.deliveries.put_back(desk.session, desk.alice, PutBack(999, "base", DIRECTORY))
    assert desk.store.lag(desk.alice.id, b"a") == before


def test_what_is_large_comes_by_a_run_and_the_rest_streams(desk: Desk) -> None:
    large = desk.move(b"large", b"x" * 101)
    desk.move(b"small", b"x" * 100)
    said = desk.pump()
    assert [item.path for item in said] == [b"small"]
    planned = desk.run
    assert planned is not None and planned.files == {b"large": large}
    assert (desk.pump(), desk.run) == ([], None), "it is asked for once"
    desk.deliveries.fetched(desk.session, planned.number + 5)
    assert desk.pump() == [], "another run's end is not this one's"
    desk.deliveries.fetched(desk.session, planned.number)
    [sent] = desk.pump()
    assert (sent.path, sent.content, sent.state) == (b"large", None, large)
    assert sent.run > 0
    desk.acknowledge(sent, *said)
    assert desk.store.count_lags(desk.alice.id) == 0
    assert desk.session.is_quiet


def test_what_was_fetched_and_is_out_of_date_is_not_delivered_as_the_new(desk: Desk) -> None:
    desk.move(b"large", b"x" * 101)
    desk.pump()
    newer = desk.move(b"large", b"y" * 50)
    assert desk.session.downward is not None
    desk.deliveries.fetched(desk.session, desk.session.downward.number)
    [sent] = desk.pump()
    assert (sent.state, sent.content, sent.run) == (newer, b"y" * 50, 0)


def test_too_many_come_by_a_run_and_the_stream_goes_on_with_the_first(desk: Desk) -> None:
    states = {b"%02d" % number: desk.move(b"%02d" % number, b"%d" % number) for number in range(60)}
    said = desk.pump()
    run, first = desk.run, [b"%02d" % number for number in range(10)]
    assert run is not None and run.files == {path: state for path, state in states.items() if path not in first}
    assert [item.path for item in said] == first
    assert all(item.content is not None and item.run == 0 for item in said)
    assert desk.pump() == []
    desk.deliveries.fetched(desk.session, run.number)
    said = desk.pump()
    assert sorted(item.path for item in said) == sorted(run.files)
    assert all(item.content is None and item.run > 0 for item in said)


def test_staged_contents_are_let_go_where_nothing_is_left_to_do(desk: Desk) -> None:
    """The citizen's own change made a delivery needless: what lies in staging for it is still said to be done with."""
    state = desk.move(b"large", b"x" * 101)
    desk.pump()
    assert desk.run is not None
    desk.store.drop_lag(desk.alice.id, b"large")
    desk.deliveries.fetched(desk.session, desk.run.number)
    [sent] = desk.pump()
    assert (sent.base, sent.state, sent.content) == (state, state, None)
    desk.acknowledge(sent)
    assert desk.pump() == []
    assert desk.session.is_quiet and desk.session.staged == {}


def test_a_barrier_is_passed_when_everything_is_acknowledged(desk: Desk) -> None:
    desk.session.barriers.append(3)
    assert desk.pump() == [Passed(3)]
    assert desk.pump() == []
    desk.move(b"a", b"one")
    desk.session.barriers += [4, 5]
    said = desk.pump()
    assert [type(item) for item in said] == [Delivery]
    desk.acknowledge(*said)
    assert desk.pump() == [Passed(4), Passed(5)]


def test_what_waits_for_a_directory_that_came_back_is_told_so(desk: Desk) -> None:
    desk.move(b"d", None, is_directory=True)
    desk.acknowledge(*desk.pump())
    desk.move(b"d", None)
    [deletion] = desk.pump()
    assert deletion.state is ABSENT
    # alice has put a file into it meanwhile: it can not be removed there, and her change makes it anew in the canon
    desk.store.set_head(b"d", DIRECTORY, 0, 5, "alice", 0)
    desk.store.drop_lag(desk.alice.id, b"d")
    desk.deliveries.add(desk.session, [b"d"])
    [again] = desk.pump()
    assert (again.path, again.base, again.state) == (b"d", DIRECTORY, DIRECTORY)
    desk.acknowledge(deletion)
    assert desk.store.base(desk.alice, b"d") == DIRECTORY
    desk.acknowledge(again)
    assert desk.session.is_quiet


def test_what_waits_at_the_client_stops_nothing_else(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for number in range(WINDOW_COUNT):
        desk.move(f"d/{number:04}".encode(), b"x")
    waiting = []
    while said := desk.pump():
        waiting += said
    assert len(waiting) == WINDOW_COUNT
    desk.move(b"d", None, is_directory=True)
    assert desk.pump() == [], "the window is full"
    desk.deliveries.put_back(desk.session, desk.alice, PutBack(waiting[0].number, "waits", ABSENT))
    [directory] = desk.pump()
    assert directory.path == b"d"
    desk.acknowledge(directory, *waiting)
    assert desk.session.is_quiet
    assert (desk.session.outstanding_bytes, desk.session.waiting_bytes, desk.session.waiting) == (0, 0, set())


def test_what_waits_is_replaced_by_what_is_newer(desk: Desk) -> None:
    desk.move(b"link/x", b"one")
    [first] = desk.pump()
    desk.deliveries.put_back(desk.session, desk.alice, PutBack(first.number, "waits", ABSENT))
    desk.move(b"link/x", None)
    [second] = desk.pump()
    assert (second.path, second.base, second.state) == (b"link/x", ABSENT, ABSENT)
    desk.acknowledge(first)
    assert list(desk.session.outstanding) == [second.number], "the first one is void"
    desk.acknowledge(second)
    assert desk.session.is_quiet
    assert desk.store.lag(desk.alice.id, b"link/x") is None


def test_what_waits_behind_something_newer_is_void_at_once(desk: Desk) -> None:
    desk.move(b"link/x", b"one")
    [first] = desk.pump()
    desk.move(b"link/x", None)
    assert desk.pump() == [], "one at a time"
    desk.deliveries.put_back(desk.session, desk.alice, PutBack(first.number, "waits", ABSENT))
    [second] = desk.pump()
    assert second.state is ABSENT
    desk.acknowledge(second)
    assert desk.session.is_quiet


def test_a_peer_hears_what_was_there_in_between_and_nobody_else_does(desk: Desk) -> None:
    one = desk.move(b"p", b"one")
    desk.acknowledge(*desk.pump())
    for is_peer, last in ((True, b"three"), (False, b"four")):
        desk.session.is_peer = is_peer
        two = desk.move(b"p", b"two")
        desk.move(b"p", last)
        [delivery] = desk.pump()
        assert delivery.trail == ([two] if is_peer else []) and delivery.base == one
        desk.acknowledge(delivery)
        one = delivery.state


def test_what_a_peer_hears_of_has_an_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "_TRAIL", 2)
    desk.session.is_peer = True
    states = [desk.move(b"p", text) for text in (b"one", b"two", b"three", b"four")]
    [delivery] = desk.pump()
    assert delivery.trail == states[1:3], "the newest"


def test_a_deletion_says_whose_it_is(desk: Desk) -> None:
    desk.move(b"p", b"one")
    desk.acknowledge(*desk.pump())
    desk.move(b"p", None)
    [delivery] = desk.pump()
    assert (delivery.state, delivery.author) == (ABSENT, "bob")
