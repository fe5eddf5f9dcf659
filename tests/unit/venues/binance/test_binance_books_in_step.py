"""Books follow the venue's sequence rules, and a gap heals itself."""

import msgspec
import pytest

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.venues.binance import BinanceConnector
from forcedflow.venues.binance.depth_sync import PATIENCE
from forcedflow.venues.row_buffer import RowBuffer

LINEAR = Instrument("binance", "BTC", "USDT", "USDT", 0.1)
INVERSE = Instrument("binance", "BTC", "USD", "BTC", 0.1, 100.0)
NOON = 1_791_374_400_000


class Session:
    """A reader and what came of it."""

    def __init__(self):
        self.reader = BinanceConnector().reader([LINEAR, INVERSE])
        self.asked = []

    def read(self, *frames):
        rows = RowBuffer("binance")
        self.asked = [
            request.connection for frame in frames for request in self.reader.read(frame, rows)
        ]
        found = rows.take().get("order_book")
        levels = [] if found is None else found.to_dicts()
        return {(row["side"], row["price"]): row["amount"] for row in levels}


def update(first, last, before, bids=(), asks=(), at=0, name="BTCUSDT", st=1):
    data = {"e": "depthUpdate", "E": NOON + at, "T": NOON + at, "s": name, "st": st}
    data |= {"U": first, "u": last, "pu": before, "b": bids, "a": asks}
    raw = msgspec.json.encode({"stream": "x", "data": data})
    return Frame(1, "public:0", "message", raw)


def snapshot(last_update, bids=(("99", "1"),), asks=(("101", "1"),), name="um:depth:BTCUSDT"):
    body = {"lastUpdateId": last_update, "E": NOON, "T": NOON, "bids": bids, "asks": asks}
    return Frame(1, f"rest:{name}", "response", msgspec.json.encode(body))


def state(kind):
    return Frame(1, "public:0", kind, b"")


def test_the_first_update_asks_for_a_snapshot_and_the_next_ones_wait():
    session = Session()
    assert session.read(update(10, 12, 9), update(13, 15, 12)) == {}
    assert session.asked == ["rest:um:depth:BTCUSDT"]


def test_waiting_updates_are_applied_from_the_one_that_straddles_the_snapshot():
    session = Session()
    session.read(
        update(1, 5, 0, bids=[["98", "7"]]),  # ends before the snapshot: in it already
        update(6, 12, 5, bids=[["97", "2"]]),
        update(13, 14, 12, asks=[["101", "0"], ["102", "3"]]),
    )
    book = session.read(snapshot(10))
    assert book == {("bid", 99.0): 1.0, ("bid", 97.0): 2.0, ("ask", 102.0): 3.0}
    assert (session.asked, session.reader.gaps) == ([], 0)


def test_the_update_that_ends_with_the_snapshot_is_the_first():
    session = Session()
    session.read(update(8, 10, 7))
    assert session.read(snapshot(10))
    session.read(update(11, 12, 10, at=1000))
    assert (session.asked, session.reader.gaps) == ([], 0)


def test_a_snapshot_older_than_every_waiting_update_is_asked_for_again():
    session = Session()
    session.read(update(20, 22, 19))
    assert session.read(snapshot(10)) == {}
    assert session.asked == ["rest:um:depth:BTCUSDT"]
    assert session.read(snapshot(21))
    assert session.reader.gaps == 0


def test_a_snapshot_newer_than_every_waiting_update_waits_for_the_one_that_straddles_it():
    session = Session()
    session.read(update(1, 3, 0))
    assert session.read(snapshot(10))
    session.read(update(4, 9, 3))
    book = session.read(update(10, 12, 9, bids=[["98", "4"]], at=1000))
    assert book[("bid", 98.0)] == 4.0
    assert session.asked == []


def test_a_gap_forgets_the_book_asks_for_a_snapshot_and_heals():
    session = Session()
    session.read(update(8, 10, 7))
    session.read(snapshot(10))
    assert session.read(update(14, 15, 13, bids=[["98", "4"]], at=1000)) == {}
    assert (session.asked, session.reader.gaps) == (["rest:um:depth:BTCUSDT"], 1)
    assert session.read(update(16, 17, 15, at=2000)) == {}
    book = session.read(snapshot(14))
    assert book == {("bid", 99.0): 1.0, ("bid", 98.0): 4.0, ("ask", 101.0): 1.0}


def test_a_gap_among_waiting_updates_is_a_gap_too():
    session = Session()
    session.read(update(8, 10, 7), update(14, 15, 13))
    assert session.read(snapshot(10)) == {}
    assert (session.asked, session.reader.gaps) == (["rest:um:depth:BTCUSDT"], 1)


def test_a_snapshot_that_comes_late_does_not_set_the_book_back():
    session = Session()
    session.read(update(8, 10, 7))
    session.read(snapshot(10))
    session.read(update(11, 12, 10, bids=[["98", "4"]], at=500))
    session.read(snapshot(9, bids=(("1", "1"),)))
    book = session.read(update(13, 14, 12, at=1000))
    assert book == {("bid", 99.0): 1.0, ("bid", 98.0): 4.0, ("ask", 101.0): 1.0}


def test_a_closed_connection_forgets_its_books():
    session = Session()
    session.read(update(8, 10, 7))
    session.read(snapshot(10))
    assert session.read(state("closed"), state("opened"), update(11, 12, 10, at=1000)) == {}
    assert session.asked == ["rest:um:depth:BTCUSDT"]


def test_a_snapshot_that_never_comes_is_asked_for_again():
    session = Session()
    for number in range(1, PATIENCE + 1):
        session.read(update(number, number, number - 1))
    assert session.asked == []
    session.read(update(PATIENCE + 1, PATIENCE + 1, PATIENCE))
    assert session.asked == ["rest:um:depth:BTCUSDT"]


def test_a_coin_margined_book_is_in_coins():
    session = Session()
    session.read(update(8, 10, 7, name="BTCUSD_PERP", st=2))
    book = session.read(snapshot(10, (("50000", "5"),), (("50001", "10"),), "cm:depth:BTCUSD_PERP"))
    assert book[("bid", 50_000.0)] == 0.01
    levels = [["49999", "0"], ["50000", "10"]]
    changed = update(11, 12, 10, levels, at=1000, name="BTCUSD_PERP", st=2)
    assert session.read(changed)[("bid", 50_000.0)] == 0.02


def test_a_damaged_snapshot_leaves_the_updates_waiting():
    session = Session()
    session.read(update(8, 10, 7))
    bad = Frame(1, "rest:um:depth:BTCUSDT", "response", b'{"lastUpdateId":10,"bids":[["x","1"]]}')
    with pytest.raises(FrameError, match="depth"):
        session.read(bad)
    assert session.read(snapshot(10))
