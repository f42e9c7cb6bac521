"""Merging texts and logs, by table and by property."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwrkit.agent.server.merge import merge_texts, union_of_logs

stamped = st.builds(
    lambda number, words: b"%d\t%s" % (number, words), st.integers(min_value=0, max_value=9), st.sampled_from([b"a", b"b", b""])
)
lines = st.one_of(stamped, st.sampled_from([b"note", b"\xff", b"-1", b" 3"]))
logs = st.lists(lines, max_size=8).map(lambda found: b"".join(line + b"\n" for line in found))
stamped_logs = st.lists(stamped, max_size=8).map(lambda found: b"".join(line + b"\n" for line in found))


def counted(log: bytes) -> Counter[bytes]:
    return Counter(line for line in log.split(b"\n") if line)


def time_of(line: bytes) -> int:
    return int(line.split(b"\t")[0])


@given(logs, logs)
def test_no_line_is_lost_and_none_is_invented(head: bytes, new: bytes) -> None:
    assert counted(union_of_logs(head, new)) == counted(head) | counted(new)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_of_any_bytes_no_line_is_lost(head: bytes, new: bytes) -> None:
    assert counted(union_of_logs(head, new)) == counted(head) | counted(new)


@given(stamped_logs, stamped_logs)
def test_it_is_in_time_order(head: bytes, new: bytes) -> None:
    times = [time_of(line) for line in union_of_logs(head, new).splitlines()]
    assert times == sorted(times)


@given(stamped_logs, stamped_logs)
def test_who_comes_first_matters_only_among_equal_times(head: bytes, new: bytes) -> None:
    one, other = union_of_logs(head, new), union_of_logs(new, head)
    for time in range(10):
        chosen = [Counter(line for line in log.splitlines() if time_of(line) == time) for log in (one, other)]
        assert chosen[0] == chosen[1]


@given(logs, logs, logs)
def test_in_whatever_order_three_come_the_same_lines_are_there(one: bytes, two: bytes, three: bytes) -> None:
    left = union_of_logs(union_of_logs(one, two), three)
    right = union_of_logs(one, union_of_logs(two, three))
    assert counted(left) == counted(right)


@given(logs, logs)
def test_once_merged_it_stays(head: bytes, new: bytes) -> None:
    merged = union_of_logs(head, new)
    assert counted(union_of_logs(merged, new)) == counted(merged)
    if not any(line[:1] not in b"0123456789" for line in merged.splitlines()):
        assert union_of_logs(merged, new) == merged
        assert union_of_logs(merged, head) == merged
        assert union_of_logs(merged, merged) == merged


@given(stamped_logs)
def test_a_log_in_order_is_its_own_union(log: bytes) -> None:
    ordered = b"".join(line + b"\n" for line in sorted(log.splitlines(), key=time_of))
    assert union_of_logs(ordered, ordered) == union_of_logs(ordered, b"") == ordered


@pytest.mark.parametrize(
    ("head", "new", "expected"),
    [
        (b"1 first\n3 alice\n", b"1 first\n2 bob\n", b"1 first\n2 bob\n3 alice\n"),
        (b"1 a\n", b"1 b\n", b"1 a\n1 b\n"),
        (b"1 a\n1 a\n", b"1 a\n", b"1 a\n1 a\n"),
        (b"1 a", b"2 b", b"1 a\n2 b\n"),
        (b"", b"", b""),
        (b"2 x\nmore\n4 y\n", b"3 z\n", b"2 x\nmore\n3 z\n4 y\n"),
        (b"9 x\n10 y\n", b"8 z\n", b"8 z\n9 x\n10 y\n"),
        (b"99999999999999999999999999 far\n", b"1 x\n", b"1 x\n99999999999999999999999999 far\n"),
    ],
)
def test_examples(head: bytes, new: bytes, expected: bytes) -> None:
    assert union_of_logs(head, new) == expected


@pytest.mark.parametrize(
    ("head", "new", "expected"),
    [
        (b"5 x\n", b"5 x\nmore\n", b"5 x\nmore\n"),
        (b"1 a\n5 x\n", b"1 a\n5 x\nmore\n", b"1 a\n5 x\nmore\n"),
        (b"1 a\n5 x\n7 y\n", b"1 a\n5 x\nmore\n6 z\n", b"1 a\n5 x\nmore\n6 z\n7 y\n"),
    ],
)
def test_a_line_without_a_time_stays_with_the_line_before_it(head: bytes, new: bytes, expected: bytes) -> None:
    """Also when that line is one that both have."""
    assert union_of_logs(head, new) == expected


BASE = b"one\ntwo\nthree\nfour\nfive\n"


@pytest.mark.parametrize(
    ("base", "head", "new", "merged"),
    [
        (BASE, BASE.replace(b"one", b"ONE"), BASE.replace(b"five", b"FIVE"), b"ONE\ntwo\nthree\nfour\nFIVE\n"),
        (BASE, b"zero\n" + BASE, BASE + b"six\n", b"zero\n" + BASE + b"six\n"),
        (BASE, BASE.replace(b"two\n", b""), BASE.replace(b"five", b"FIVE"), b"one\nthree\nfour\nFIVE\n"),
        (BASE, BASE.replace(b"one", b"ONE"), BASE.replace(b"one", b"ONE") + b"six\n", BASE.replace(b"one", b"ONE") + b"six\n"),
        (BASE.rstrip(), b"zero\n" + BASE.rstrip(), BASE.rstrip() + b"!", b"zero\n" + BASE.rstrip() + b"!"),
        (b"a\r\nb\r\nc\r\nd\r\n", b"A\r\nb\r\nc\r\nd\r\n", b"a\r\nb\r\nc\r\nD\r\n", b"A\r\nb\r\nc\r\nD\r\n"),
        (b"\xff\nb\nc\nd\n", b"\xff\xfe\nb\nc\nd\n", b"\xff\nb\nc\nD\n", b"\xff\xfe\nb\nc\nD\n"),
        (BASE, BASE.replace(b"two", b"2"), BASE.replace(b"two", b"II"), None),
        (BASE, BASE.replace(b"two", b"2"), BASE.replace(b"three", b"3"), None),
        (BASE, BASE.replace(b"two", b"2"), b"", None),
        (BASE, BASE + b"six\n", BASE + b"sechs\n", None),
        (b"a\0\nb\nc\nd\n", b"A\0\nb\nc\nd\n", b"a\0\nb\nc\nD\n", None),
    ],
)
def test_texts_are_merged_where_two_changed_different_places(base: bytes, head: bytes, new: bytes, merged: bytes | None) -> None:
    assert merge_texts(base, head, new) == merged
    assert merge_texts(base, new, head) == merged


def test_what_can_not_be_merged_for_lack_of_room_is_not_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fwrkit.agent.server.merge.tempfile.tempdir", "/proc/nothing/can/be/written/here")
    assert merge_texts(BASE, b"zero\n" + BASE, BASE + b"six\n") is None


def test_what_takes_too_long_is_not_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fwrkit.agent.server.merge._TIMEOUT", 0.0)
    assert merge_texts(BASE, b"zero\n" + BASE, BASE + b"six\n") is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([b"a", b"b", b"c", b"d"]), min_size=1, max_size=8), st.data())
def test_a_merge_has_every_line_that_one_of_both_added_and_none_that_nobody_wrote(lines: list[bytes], data: st.DataObject) -> None:
    def edited(mark: bytes) -> list[bytes]:
        place = data.draw(st.integers(min_value=0, max_value=len(lines)))
        return [*lines[:place], mark, *lines[place + data.draw(st.integers(min_value=0, max_value=1)) :]]

    def text(of: list[bytes]) -> bytes:
        return b"".join(line + b"\n" for line in of)

    merged = merge_texts(text(lines), text(edited(b"mine")), text(edited(b"theirs")))
    if merged is not None:
        found = merged.split(b"\n")
        assert found.count(b"mine") == found.count(b"theirs") == 1
        assert set(found) <= {*lines, b"mine", b"theirs", b""}
        assert len(found) - 1 >= len(lines) + 2 - 2
