"""Books whose changes name the one before: in step, empty after a gap, healed and never false."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forcedflow.venues.linked_book import HELD_MS, PATIENCE_MS, Change, LinkedBook
from forcedflow.venues.row_buffer import RowBuffer

START = 1_790_000_000_000
PRICES = tuple(range(90, 100))


def apply(truth, change):
    for side, levels in ((truth[0], change.bids), (truth[1], change.asks)):
        for price, size in levels:
            if size:
                side[price] = size
            else:
                side.pop(price, None)


def kept(rows):
    found = {}
    frames = rows.take()
    for row in frames["order_book"].to_dicts() if frames else ():
        at_ms = round(row["event_time"].timestamp() * 1000)
        sides = found.setdefault(at_ms, ({}, {}))
        sides[row["side"] == "ask"][row["price"]] = row["amount"]
    return found


LEVELS = st.lists(
    st.tuples(st.sampled_from(PRICES), st.sampled_from((0.0, 1.0, 2.0, 5.0))), max_size=4
)


@settings(deadline=None, max_examples=200)
@given(
    changes=st.lists(st.tuples(LEVELS, LEVELS, st.booleans(), st.booleans()), min_size=2),
    delay=st.integers(0, 12),
    is_shallow=st.booleans(),
)
def test_no_kept_book_differs_from_the_true_one_whatever_is_lost_or_doubled(
    changes, delay, is_shallow
):
    book, rows = LinkedBook("BTC/USDT:USDT", "test:books"), RowBuffer("test")
    truth: tuple[dict, dict] = ({99.0: 1.0}, {101.0: 1.0})
    past = {START: (dict(truth[0]), dict(truth[1]))}
    first = Change(-1, 1, START, [*truth[0].items()], [*truth[1].items()])
    book.replace(first, rows)
    asked_at: int | None = None
    for i, (bids, asks, is_lost, is_doubled) in enumerate(changes, start=1):
        change = Change(i, i + 1, START + 1_000 * i, bids, [(p + 11.0, s) for p, s in asks])
        apply(truth, change)
        past[change.at_ms] = (dict(truth[0]), dict(truth[1]))
        for _ in range(0 if is_lost else 1 + is_doubled):
            if book.change(change, rows) and asked_at is None:
                asked_at = i
        if asked_at is not None and i - asked_at >= delay:
            # The answer may be older than what was heard since: it is of the moment it was asked.
            at_ms = START + 1_000 * asked_at
            bids_then, asks_then = past[at_ms]
            asked_at = None
            again = book.heal(
                at_ms, [*bids_then.items()], [*asks_then.items()], is_shallow=is_shallow
            )
            asked_at = i if again else None
    for at_ms, (bids_kept, asks_kept) in kept(rows).items():
        bids_true, asks_true = past[at_ms]
        if is_shallow:
            assert bids_kept.items() <= bids_true.items()
            assert asks_kept.items() <= asks_true.items()
            # What is known is known without holes.
            assert all(p in bids_kept for p in bids_true if p >= min(bids_kept))
            assert all(p in asks_kept for p in asks_true if p <= max(asks_kept))
        else:
            assert (bids_kept, asks_kept) == (bids_true, asks_true)


@pytest.fixture
def book():
    return LinkedBook("BTC/USDT:USDT", "test:books")


def change(before, number, after_ms, bids=(), asks=()):
    return Change(before, number, START + after_ms, bids, asks)


def test_a_snapshot_is_asked_for_once_changes_are_held_long_enough_and_again_in_vain(book):
    rows = RowBuffer("test")
    asked = [
        at_ms
        for at_ms in range(0, 25_000, 100)
        if book.change(change(at_ms, at_ms + 100, at_ms), rows)
    ]
    assert asked == [HELD_MS, HELD_MS + PATIENCE_MS, HELD_MS + 2 * PATIENCE_MS]


def test_a_second_gap_while_waiting_begins_the_waiting_anew(book):
    rows = RowBuffer("test")
    assert not book.change(change(1, 2, 0), rows)
    assert not book.change(change(5, 6, 1_500), rows)
    assert book.heal(START + 1_600, [(99, 1)], [(101, 1)])
    assert not book.is_ready


def test_an_answer_that_nobody_waits_for_is_left_alone(book):
    rows = RowBuffer("test")
    assert not book.heal(START, [(99, 1)], [(101, 1)])
    book.replace(change(0, 5, 0, [(98, 1)], [(101, 1)]), rows)
    assert not book.heal(START + 9_000, [(99, 1)], [(101, 1)])
    book.change(change(5, 6, 1_000), rows)
    assert set(kept(rows)[START + 1_000][0]) == {98}


def test_only_the_first_change_after_a_snapshot_may_begin_before_it(book):
    rows = RowBuffer("test")
    book.replace(change(0, 10, 0, [(98, 1)], [(101, 1)]), rows)
    book.change(change(7, 12, 100), rows)
    assert (book.gaps, book.is_ready) == (0, True)
    book.change(change(11, 14, 200), rows)
    assert (book.gaps, book.is_ready) == (1, False)


def test_a_low_number_of_later_time_is_a_gap_and_no_repetition(book):
    rows = RowBuffer("test")
    book.replace(change(0, 10, 0, [(98, 1)], [(101, 1)]), rows)
    book.change(change(10, 20, 100), rows)
    book.change(change(10, 20, 100), rows)
    assert book.gaps == 0
    book.change(change(3, 4, 200), rows)
    assert book.gaps == 1
