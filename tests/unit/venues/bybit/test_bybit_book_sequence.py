"""Bybit's book follows its sequence, empties at a gap and is healed by a snapshot."""

from __future__ import annotations

import pytest
from tests.unit.venues.bybit.hand_written import NOON, Answers, frame, plain, reader, reply, topic

from forcedflow.errors import FrameError
from forcedflow.venues.row_buffer import RowBuffer

BIDS = [["99.9", "1"], ["99.5", "2"]]
ASKS = [["100.1", "1"], ["100.5", "2"]]


def book(update, at, *, sort="delta", bids=(), asks=(), symbol="BTCUSDT", connection="linear"):
    data = {"s": symbol, "b": list(bids), "a": list(asks), "u": update, "seq": update * 5}
    shown = topic(f"orderbook.1000.{symbol}", data, at + 2, sort, cts=at)
    return frame(shown, f"{connection}-book:1")


def snapshot(update=10, at=NOON, bids=BIDS, asks=ASKS):
    return book(update, at, sort="snapshot", bids=bids, asks=asks)


def healing(update, bids=BIDS, asks=ASKS):
    body = reply({"s": "BTCUSDT", "b": bids, "a": asks, "u": update, "seq": 1, "ts": NOON})
    return frame(body, "rest:orderbook:linear:BTCUSDT", "response")


class Book:
    """A reader and what it wrote."""

    def __init__(self, *frames):
        self.reader, self.rows = reader(), RowBuffer("bybit")
        self.asked = [request for one in frames for request in self.reader.read(one, self.rows)]

    def read(self, one):
        return self.reader.read(one, self.rows)

    def levels(self):
        """Return the best levels of the last kept snapshot: (side, price, amount)."""
        found = plain(self.rows.take()["order_book"])
        last = max(row["event_time"] for row in found)
        return [
            (row["side"], row["price"], row["amount"]) for row in found if row["event_time"] == last
        ]


def test_a_snapshot_and_the_change_after_it_make_the_book():
    seen = Book(
        snapshot(),
        book(11, NOON + 1_000, bids=[["99.9", "0"], ["99.7", "3"]], asks=[["100.1", "4"]]),
    )
    assert seen.asked == []
    assert seen.levels() == [
        ("bid", 99.7, 3.0),
        ("bid", 99.5, 2.0),
        ("ask", 100.1, 4.0),
        ("ask", 100.5, 2.0),
    ]


def test_books_are_kept_at_the_matching_engines_time():
    rows = plain(Book(snapshot()).rows.take()["order_book"])
    assert {(row["event_time"], row["available_time"]) for row in rows} == {(NOON, NOON)}
    assert {row["source"] for row in rows} == {"bybit:orderbook"}


def test_an_inverse_book_is_written_in_dollars():
    shown = book(
        5,
        NOON,
        sort="snapshot",
        bids=[["50000", "100000"]],
        asks=[["50010", "50010"]],
        symbol="BTCUSD",
        connection="inverse",
    )
    assert Book(shown).levels() == [("bid", 50_000.0, 2.0), ("ask", 50_010.0, 1.0)]


def test_a_gap_empties_the_book_is_counted_and_asks_for_a_snapshot():
    seen = Book(snapshot(), book(12, NOON + 1_000))
    assert [request.connection for request in seen.asked] == ["rest:orderbook:linear:BTCUSDT"]
    assert seen.reader.gaps == 1
    seen.rows.take()
    assert seen.read(book(13, NOON + 2_000)) == ()
    assert not len(seen.rows)


def test_the_request_asks_for_as_many_levels_as_the_stream_has():
    seen = Book(snapshot(), book(12, NOON + 1_000))
    http = Answers(b"body")
    assert seen.asked[0].send(http) == b"body"
    assert http.asked == [
        (
            "http://bybit.test/v5/market/orderbook",
            {"category": "linear", "symbol": "BTCUSDT", "limit": 1000},
        )
    ]


def test_a_snapshot_over_http_heals_the_book_with_the_changes_that_came_meanwhile():
    seen = Book(
        snapshot(),
        book(12, NOON + 1_000, bids=[["99.8", "7"]]),
        book(13, NOON + 1_200, bids=[["99.6", "9"]]),
    )
    seen.rows.take()
    assert seen.read(healing(12, [["99.8", "7"]], [["100.2", "5"]])) == ()
    seen.read(book(14, NOON + 3_000, asks=[["100.3", "6"]]))
    assert seen.levels() == [
        ("bid", 99.8, 7.0),
        ("bid", 99.6, 9.0),
        ("ask", 100.2, 5.0),
        ("ask", 100.3, 6.0),
    ]


def test_a_snapshot_newer_than_all_changes_waits_for_the_one_that_follows_it():
    seen = Book(snapshot(), book(12, NOON + 1_000))
    seen.read(healing(20))
    seen.rows.take()
    assert seen.read(book(20, NOON + 2_000)) == ()
    assert not len(seen.rows)
    seen.read(book(21, NOON + 3_000))
    assert len(seen.rows)
    assert seen.reader.gaps == 1


def test_a_snapshot_older_than_the_first_change_is_asked_for_again():
    seen = Book(snapshot(), book(15, NOON + 1_000))
    assert [request.connection for request in seen.read(healing(13))] == [
        "rest:orderbook:linear:BTCUSDT"
    ]
    assert seen.read(healing(14)) == ()


def test_a_snapshot_of_the_stream_heals_first_and_the_one_over_http_is_left_alone():
    seen = Book(snapshot(), book(12, NOON + 1_000), snapshot(30, NOON + 2_000))
    assert seen.read(healing(12, [["1", "1"]], [["2", "1"]])) == ()
    seen.read(book(31, NOON + 3_000))
    assert seen.levels()[0] == ("bid", 99.9, 1.0)


def test_a_snapshot_that_does_not_come_is_asked_for_again_after_a_while():
    seen = Book(snapshot(), book(12, NOON + 1_000))
    asked = [len(seen.read(book(13 + step, NOON + 1_200 + 200 * step))) for step in range(120)]
    assert sum(asked) == 2
    assert asked.index(1) == 49


def test_a_gap_while_waiting_forgets_the_changes_before_it():
    seen = Book(snapshot(), book(12, NOON + 1_000), book(15, NOON + 1_200))
    assert len(seen.read(healing(12))) == 1
    assert seen.read(healing(14)) == ()
    assert seen.reader.gaps == 1


def test_a_restart_of_the_service_is_a_snapshot_whatever_it_calls_itself():
    seen = Book(snapshot(900), book(1, NOON + 1_000, bids=[["98", "1"]], asks=[["99", "1"]]))
    assert seen.asked == []
    assert seen.levels() == [("bid", 98.0, 1.0), ("ask", 99.0, 1.0)]


def test_a_change_delivered_twice_changes_nothing():
    change = book(11, NOON + 1_000, bids=[["99.9", "5"]])
    seen = Book(snapshot(), change, change, book(12, NOON + 2_000))
    assert seen.asked == []
    assert seen.levels()[0] == ("bid", 99.9, 5.0)


@pytest.mark.parametrize("kind", ["closed", "opened"])
def test_a_book_does_not_outlive_its_connection(kind):
    seen = Book(snapshot(), frame(b"", "linear-book:1", kind))
    seen.rows.take()
    assert len(seen.read(book(11, NOON + 1_000))) == 1
    assert not len(seen.rows)
    assert seen.reader.gaps == 0


def test_changes_before_the_first_snapshot_ask_for_one():
    assert len(Book(book(11, NOON)).asked) == 1


@pytest.mark.parametrize("levels", [[["99"]], [["0", "1"]], [["99", "-1"]], [["nan", "1"]]])
def test_a_bad_level_is_refused_and_the_book_stays(levels):
    seen = Book(snapshot())
    with pytest.raises(FrameError, match="orderbook"):
        seen.read(book(11, NOON + 1_000, bids=levels))
    assert seen.read(book(11, NOON + 1_000, bids=[["99.95", "1"]])) == ()
    assert seen.levels()[0] == ("bid", 99.95, 1.0)


def test_a_refused_snapshot_is_an_error_in_the_venues_words():
    body = b'{"retCode":10001,"retMsg":"params error","result":{},"time":1}'
    seen = Book(snapshot(), book(12, NOON + 1_000))
    with pytest.raises(FrameError, match="params error"):
        seen.read(frame(body, "rest:orderbook:linear:BTCUSDT", "response"))
