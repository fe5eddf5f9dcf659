"""OKX's books: contracts in coins, a gap that empties them, a snapshot that heals them."""

from __future__ import annotations

import pytest
from tests.unit.venues.okx.okx_frames import NOON, frame, message, reader, reply, taken

from forcedflow.errors import FrameError
from forcedflow.venues.row_buffer import RowBuffer

SECOND = 1_000


def level(price, size):
    return [str(price), str(size), "0", "1"]


def book(action, before, number, at, bids=((60_000, 50),), asks=((60_010, 100),), name=None):
    body = {
        "bids": [level(*one) for one in bids],
        "asks": [level(*one) for one in asks],
        "ts": str(at),
        "checksum": 0,
        "prevSeqId": before,
        "seqId": number,
    }
    return frame(message("books", [body], name or "BTC-USDT-SWAP", action=action), "book:1")


def best(rows):
    found = {}
    for row in taken(rows).get("order_book", []):
        if row["level"] == 0:
            found.setdefault(row["event_time"], {})[row["side"]] = row["price"], row["amount"]
    return found


def test_sizes_of_levels_are_contracts():
    okx, rows = reader(), RowBuffer("okx")
    okx.read(book("snapshot", -1, 5, NOON), rows)
    okx.read(book("snapshot", -1, 5, NOON, ((60_000, 300),), ((60_010, 1),), "BTC-USD-SWAP"), rows)
    okx.read(book("snapshot", -1, 5, NOON, ((60_000, 0.5),), ((60_010, 1),), "BTC-USDT"), rows)
    found = [row for row in taken(rows)["order_book"] if row["side"] == "bid"]
    assert [(row["symbol"], row["amount"]) for row in found] == [
        ("BTC/USDT:USDT", 0.5),
        ("BTC/USD:BTC", 0.5),
        ("BTC/USDT", 0.5),
    ]


def test_changes_follow_by_the_number_before_and_a_low_number_after_maintenance_too():
    okx, rows = reader(), RowBuffer("okx")
    okx.read(book("snapshot", -1, 50, NOON), rows)
    okx.read(book("update", 50, 50, NOON + SECOND, (), ()), rows)  # nothing changed for a minute
    okx.read(book("update", 50, 3, NOON + 2 * SECOND, ((60_001, 7),), ()), rows)
    okx.read(book("update", 3, 4, NOON + 3 * SECOND, ((60_001, 0),), ()), rows)
    assert okx.gaps == 0
    assert [one["bid"][0] for one in best(rows).values()] == [60_000, 60_000, 60_001, 60_000]


def test_a_change_delivered_twice_is_passed_over():
    okx, rows = reader(), RowBuffer("okx")
    okx.read(book("snapshot", -1, 5, NOON), rows)
    change = book("update", 5, 8, NOON + SECOND, ((60_001, 7),), ())
    okx.read(change, rows)
    assert okx.read(change, rows) == ()
    assert okx.gaps == 0
    assert len(best(rows)) == 2


def test_a_gap_empties_the_book_and_asks_for_a_snapshot_once_changes_are_held_for_a_second():
    okx, rows = reader(), RowBuffer("okx")
    okx.read(book("snapshot", -1, 5, NOON), rows)
    best(rows)
    asked = [
        okx.read(book("update", 8 + i, 9 + i, NOON + 100 * i, ((60_001, i + 1),), ()), rows)
        for i in range(1, 14)
    ]
    assert okx.gaps == 1
    assert [len(one) for one in asked] == [0] * 10 + [1, 0, 0]
    assert asked[10][0].connection == "rest:books:BTC-USDT-SWAP"
    snapshot = {"bids": [level(60_000, 50)], "asks": [level(60_010, 100)], "ts": str(NOON + 1_350)}
    response = frame(reply([snapshot]), "rest:books:BTC-USDT-SWAP", "response")
    assert okx.read(response, rows) == ()
    assert best(rows) == {}
    okx.read(book("update", 22, 23, NOON + 1_300, ((60_002, 9),), ()), rows)
    assert best(rows) == {}, "a change older than the snapshot may take a level back"
    okx.read(book("update", 23, 24, NOON + 1_400, (), ()), rows)
    assert best(rows) == {NOON + 1_400: {"bid": (60_002, 0.09), "ask": (60_010, 1.0)}}


def test_a_snapshot_older_than_the_changes_held_is_asked_for_again():
    okx, rows = reader(), RowBuffer("okx")
    for i in range(12):
        okx.read(book("update", i, i + 1, NOON + 100 * i), rows)
    stale = {"bids": [level(60_000, 50)], "asks": [level(60_010, 100)], "ts": str(NOON + 500)}
    response = frame(reply([stale]), "rest:books:BTC-USDT-SWAP", "response")
    (request,) = okx.read(response, rows)
    assert request.connection == "rest:books:BTC-USDT-SWAP"
    assert best(rows) == {}


def test_a_snapshot_that_the_stream_sends_heals_the_book_first():
    okx, rows = reader(), RowBuffer("okx")
    okx.read(book("snapshot", -1, 5, NOON), rows)
    okx.read(book("update", 7, 8, NOON + SECOND), rows)
    okx.read(book("snapshot", -1, 9, NOON + 2 * SECOND, ((60_003, 1),)), rows)
    late = {"bids": [level(1, 1)], "asks": [level(2, 1)], "ts": str(NOON + 9 * SECOND)}
    okx.read(frame(reply([late]), "rest:books:BTC-USDT-SWAP", "response"), rows)
    okx.read(book("update", 9, 10, NOON + 3 * SECOND, (), ()), rows)
    assert best(rows)[NOON + 3 * SECOND]["bid"] == (60_003, 0.01)


def test_a_new_connection_forgets_the_book():
    okx, rows = reader(), RowBuffer("okx")
    okx.read(book("snapshot", -1, 5, NOON), rows)
    okx.read(frame(b"", "book:1", "closed"), rows)
    best(rows)
    okx.read(book("update", 5, 6, NOON + SECOND), rows)
    assert best(rows) == {}
    assert okx.gaps == 0


@pytest.mark.parametrize("missing", ["seqId", "prevSeqId", "ts"])
def test_a_change_without_its_numbers_is_refused(missing):
    okx, rows = reader(), RowBuffer("okx")
    body = {"bids": [], "asks": [], "ts": "5", "prevSeqId": 1, "seqId": 2}
    del body[missing]
    with pytest.raises(FrameError, match=missing):
        okx.read(frame(message("books", [body], action="update"), "book:1"), rows)


def test_an_action_of_tomorrow_is_refused():
    with pytest.raises(FrameError, match="neither snapshot nor update"):
        reader().read(book("partial", 1, 2, NOON), RowBuffer("okx"))


def test_a_refused_snapshot_is_an_error_and_leaves_the_book_waiting():
    body = b'{"code":"50011","msg":"Too Many Requests","data":[]}'
    with pytest.raises(FrameError, match="Too Many Requests"):
        reader().read(frame(body, "rest:books:BTC-USDT-SWAP", "response"), RowBuffer("okx"))
