"""Numbered books: what follows is applied, what does not clears them, and a snapshot heals."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forcedflow.venues.row_buffer import RowBuffer
from forcedflow.venues.sequenced_book import PATIENCE_MS, BookStep, SequencedBook

NOON = 1_790_000_000_000


def whole(number: int, bid: float = 100.0) -> BookStep:
    return BookStep(number, number, ((bid, 1.0),), ((bid + 1, 1.0),))


def change(first: int, last: int, *bids: tuple[float, float]) -> BookStep:
    return BookStep(first, last, bids, ())


@pytest.fixture
def rows() -> RowBuffer:
    return RowBuffer("test")


@pytest.fixture
def book(rows) -> SequencedBook:
    found = SequencedBook("BTC/USDT:USDT", "test:book")
    found.replace(whole(10), NOON, rows)
    rows.take()
    return found


def kept(rows: RowBuffer) -> list[tuple[float, float]]:
    frame = rows.take()["order_book"]
    return [(row["price"], row["amount"]) for row in frame.to_dicts() if row["side"] == "bid"]


def test_a_change_that_follows_is_applied_and_kept_and_zero_removes_a_level(book, rows):
    assert not book.change(change(11, 13, (99.0, 2.0)), NOON + 1_000, rows)
    assert kept(rows) == [(100.0, 1.0), (99.0, 2.0)]
    assert not book.change(change(14, 14, (99.0, 0.0)), NOON + 2_000, rows)
    assert kept(rows) == [(100.0, 1.0)]


def test_a_change_without_levels_moves_the_sequence_on(book, rows):
    assert not book.change(change(11, 40), NOON + 1_000, rows)
    assert not book.change(change(41, 41, (99.0, 2.0)), NOON + 2_000, rows)
    assert book.gaps == 0


def test_a_change_that_comes_twice_or_late_is_passed_over(book, rows):
    book.change(change(11, 13, (99.0, 2.0)), NOON + 1_000, rows)
    rows.take()
    for late in (change(11, 13, (99.0, 5.0)), change(9, 10, (98.0, 5.0))):
        assert not book.change(late, NOON + 2_000, rows)
    assert not len(rows)
    assert book.is_ready
    assert book.gaps == 0


def test_a_gap_clears_the_book_and_asks_once_and_again_after_our_patience(book, rows):
    assert book.change(change(13, 13), NOON + 1_000, rows)
    assert not book.is_ready
    assert book.gaps == 1
    assert not book.change(change(14, 14), NOON + 2_000, rows)
    assert book.change(change(15, 15), NOON + 1_000 + PATIENCE_MS, rows)
    assert not len(rows)


def test_a_snapshot_heals_with_the_changes_that_came_meanwhile_straddling_ones_too(book, rows):
    book.change(change(13, 16, (99.0, 3.0)), NOON + 1_000, rows)
    book.change(change(17, 17, (98.0, 4.0)), NOON + 1_100, rows)
    assert not book.heal(whole(14))
    assert not book.change(change(18, 18), NOON + 3_000, rows)
    assert kept(rows) == [(100.0, 1.0), (99.0, 3.0), (98.0, 4.0)]


def test_a_snapshot_older_than_the_first_change_held_is_not_enough(book, rows):
    book.change(change(13, 16), NOON + 1_000, rows)
    assert book.heal(whole(11))
    assert not book.is_ready
    assert not book.heal(whole(12))
    assert book.is_ready


def test_a_snapshot_newer_than_every_change_held_is_the_book(book, rows):
    book.change(change(13, 16, (99.0, 3.0)), NOON + 1_000, rows)
    assert not book.heal(whole(30))
    assert not book.change(change(25, 31, (97.0, 1.0)), NOON + 2_000, rows)
    assert kept(rows) == [(100.0, 1.0), (97.0, 1.0)]


def test_a_whole_book_is_not_set_back_by_a_late_snapshot(book, rows):
    book.change(change(11, 12, (99.0, 2.0)), NOON + 1_000, rows)
    rows.take()
    assert not book.heal(whole(11, 50.0))
    assert not len(rows)
    assert not book.change(change(13, 13), NOON + 3_000, rows)
    assert kept(rows) == [(100.0, 1.0), (99.0, 2.0)]


def test_a_venue_that_counts_anew_does_not_leave_the_book_of_before(book, rows):
    book.replace(whole(3, 50.0), NOON + 1_000, rows)
    assert kept(rows) == [(50.0, 1.0)]
    assert not book.change(change(4, 4, (49.0, 1.0)), NOON + 2_000, rows)
    assert kept(rows) == [(50.0, 1.0), (49.0, 1.0)]
    book.change(change(5, 2_000), NOON + 3_000, rows)
    asked = [book.change(change(n, n), NOON + 3_000 + n, rows) for n in range(1, 1_002)]
    assert asked == [False] * 1_000 + [True]
    assert not book.is_ready


def test_a_second_gap_while_a_snapshot_is_awaited_drops_what_lies_before_it(book, rows):
    book.change(change(13, 16, (99.0, 3.0)), NOON + 1_000, rows)
    book.change(change(20, 20, (98.0, 4.0)), NOON + 1_100, rows)
    assert book.heal(whole(17))
    assert not book.heal(whole(19))
    book.change(change(21, 21), NOON + 3_000, rows)
    assert kept(rows) == [(100.0, 1.0), (98.0, 4.0)]


def test_a_venue_that_counts_anew_while_a_snapshot_is_awaited_is_waited_for_anew(book, rows):
    book.change(change(130, 160, (99.0, 3.0)), NOON + 1_000, rows)
    assert not book.change(change(2, 2, (98.0, 4.0)), NOON + 2_000, rows)
    assert not book.heal(whole(1))
    book.change(change(3, 3), NOON + 3_000, rows)
    assert kept(rows) == [(100.0, 1.0), (98.0, 4.0)]


def test_a_book_forgotten_with_its_connection_waits_for_a_snapshot(book, rows):
    book.clear()
    assert book.change(change(11, 11), NOON + 1_000, rows)
    assert not len(rows)
    assert book.gaps == 0


def cut(number: int, mid: float = 100.0) -> BookStep:
    """Return a snapshot of five levels of each side, a dollar apart, that is cut off there."""
    bids = tuple((mid - 0.5 - level, 1.0) for level in range(5))
    return BookStep(number, number, bids, tuple((mid + 0.5 + level, 1.0) for level in range(5)))


def test_what_lies_beyond_the_cut_of_a_snapshot_is_left_out(rows):
    book = SequencedBook("BTC/USDT:USDT", "test:book", cut_at=5)
    assert book.change(change(11, 11), NOON, rows)
    assert not book.heal(cut(10))
    beyond = BookStep(12, 12, ((95.0, 9.0), (95.5, 2.0)), ((104.5, 2.0), (105.0, 9.0)))
    assert not book.change(beyond, NOON + 1_000, rows)
    held = {(row["price"], row["amount"]) for row in rows.take()["order_book"].to_dicts()}
    assert {(95.5, 2.0), (104.5, 2.0)} <= held
    assert not {(95.0, 9.0), (105.0, 9.0)} & held


def test_a_snapshot_that_was_not_cut_is_the_whole_book(rows):
    book = SequencedBook("BTC/USDT:USDT", "test:book", cut_at=6)
    book.replace(cut(10), NOON, rows)
    rows.take()
    book.change(change(11, 11, (50.0, 9.0)), NOON + 1_000, rows)
    assert (50.0, 9.0) in kept(rows)


def test_a_price_that_comes_near_the_cut_asks_for_a_new_snapshot(rows):
    book = SequencedBook("BTC/USDT:USDT", "test:book", cut_at=5)
    book.replace(cut(10), NOON, rows)
    risen = ((103.0, 1.0), (103.2, 1.0))
    eaten = tuple((100.5 + level, 0.0) for level in range(3))
    assert not book.change(BookStep(11, 11, risen, eaten), NOON + 1_000, rows)
    rows.take()
    assert book.change(BookStep(12, 12, ((104.0, 1.0),), ((103.5, 0.0),)), NOON + 2_000, rows)
    assert not book.is_ready
    assert not len(rows)
    assert book.gaps == 0
    assert book.heal(cut(10))
    assert not book.heal(cut(12, mid=104.2))
    assert not book.change(change(13, 13), NOON + 3_000, rows)
    assert kept(rows)[0] == (103.7, 1.0)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=30),
    st.data(),
)
def test_whatever_is_lost_doubled_or_healed_the_book_is_the_true_one_or_none(drawn, data):
    steps = [
        BookStep(place + 1, place + 1, ((90.0 + price, float(size)),), ())
        for place, (price, size) in enumerate(drawn)
    ]
    truth: dict[int, dict[float, float]] = {0: {80.0: 1.0}}
    for step in steps:
        levels = dict(truth[step.last - 1])
        levels.update(step.bids)
        truth[step.last] = {price: size for price, size in levels.items() if size}
    asks = ((200.0, 1.0),)
    rows, book = RowBuffer("test"), SequencedBook("BTC/USDT:USDT", "test:book")
    book.replace(BookStep(0, 0, tuple(truth[0].items()), asks), NOON, rows)
    rows.take()
    for step in steps:
        fate = data.draw(st.sampled_from(["told", "lost", "doubled"]))
        for _ in range({"told": 1, "lost": 0, "doubled": 2}[fate]):
            if book.change(step, NOON + step.last * 1_000, rows) and data.draw(st.booleans()):
                at = data.draw(st.integers(0, step.last))
                book.heal(BookStep(at, at, tuple(truth[at].items()), asks))
        if frames := rows.take():
            held = frames["order_book"].to_dicts()
            bids = {row["price"]: row["amount"] for row in held if row["side"] == "bid"}
            assert bids == truth[step.last]
