"""Messages that come oddly, and the rows that must be left of them all the same."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.venues.fakes import passages, promises
from tests.venues.fakes.exchange import Passage, Wire
from tests.venues.fakes.facts import Bar, BookChange, Fact, Liquidation, OpenInterest, Tape, Trade
from tests.venues.faults import fault
from tests.venues.market_day import (
    BAR,
    TABLES,
    Day,
    assert_prints,
    assert_true_books,
)
from tests.venues.recording import Recording, assert_rows, fake_exchange

INVERSE_TRADES = {
    "binance": "btcusd_perp@aggTrade",
    "bybit": "publicTrade.BTCUSD",
    "okx": "trades-all BTC-USD-SWAP",
}
LEVELS_KEPT = 20


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _record_through(
    venue: str, root: Path, passage: Passage, *kinds: type[Fact]
) -> tuple[Recording, Day]:
    """Record a stretch of a market whose messages take a passage; keep only facts of a kind."""
    with fake_exchange(venue) as fake:
        day = Day(fake, _now_ms())
        day.open()
        tables = [table for table in TABLES if table not in _unsaid(venue)]
        with Recording(root, fake, tables=tables) as run:
            run.wait_for(fake, *(table for table in tables if table != "open_interest"))
            day.start_book(run)
            facts = [fact for fact in day.stretch() if not kinds or isinstance(fact, kinds)]
            day.tell(facts, passage)
            run.settle()
    assert_prints(run, fake, day.told)
    return run, day


@fault("normal day")
def test_a_normal_day_is_recorded_exactly(venue, tmp_path):
    inverse = Tape(11, "inverse")
    with fake_exchange(venue) as fake:
        day = Day(fake, _now_ms())
        day.open()
        symbols = list(promises.TERMS[venue].symbols.values())
        if len(symbols) > 1:
            fake.publish([inverse.mark(day.minute_ms - 240_000)], unsaid=True)
        before = list(fake.history)
        with Recording(tmp_path, fake, tables=TABLES, symbols=symbols, polls_every_s=0.3) as run:
            run.wait_for(fake, *(set(TABLES) - {"open_interest"} - _unsaid(venue)))
            day.start_book(run)
            facts = day.stretch()
            if len(symbols) > 1:
                fake.wait_for(INVERSE_TRADES[venue])
                facts += inverse.trades([day.minute_ms - 500, day.minute_ms - 400])
                facts += inverse.liquidations([day.minute_ms - 300, day.minute_ms - 200])
                facts += [inverse.bar(day.minute_ms)]
            has_references = promises.TERMS[venue].has_reference_bars
            references = _reference_bars(day) if has_references else []
            fake.publish(references, unsaid=True)
            day.tell(facts)
            run.settle()
            _wait_for_polls(run, fake, venue)
    assert_prints(run, fake, day.told)
    reference = [row for row in run.rows("klines", fake) if row["price_type"] != "last"]
    assert_rows(reference, _reference_rows(venue, references), *BAR)
    assert _books_told(venue, day.told) <= set(assert_true_books(run, fake))
    linear = [f for f in before + day.told if getattr(f, "kind", "") == "linear"]
    _assert_funding(venue, run, fake, linear)
    interests = {f.size for f in linear if isinstance(f, OpenInterest)}
    held = [row["open_interest"] for row in run.rows("open_interest", fake)]
    assert held
    # A number of contracts times their size may differ in its last digit.
    assert {round(size, 6) for size in held} <= interests


def _unsaid(venue: str) -> set[str]:
    terms = promises.TERMS[venue]
    liquidations = set() if terms.prints_liquidations else {"liquidations"}
    return liquidations if terms.prints_books else liquidations | {"order_book"}


def _books_told(venue: str, facts: Sequence[Fact]) -> set[int]:
    """Return the times of the books that were told, none where the venue's are not read."""
    if not promises.TERMS[venue].prints_books:
        return set()
    return {fact.time_ms for fact in facts if isinstance(fact, BookChange)}


def _reference_bars(day: Day) -> list[Bar]:
    ends_ms = (day.minute_ms - 60_000, day.minute_ms)
    return [day.tape.bar(end, kind) for end in ends_ms for kind in ("mark", "index")]


def _reference_rows(venue: str, bars: list[Bar]) -> list[promises.Row]:
    symbol = promises.TERMS[venue].symbols["linear"]
    return [
        {
            "symbol": symbol,
            "event_time": bar.end_ms,
            "price_type": bar.price_type,
            "interval_ms": bar.interval_ms,
            "open": bar.open,
            "high": bar.high,
            "low": bar.low,
            "close": bar.close,
            "volume": None,
        }
        for bar in bars
    ]


def _wait_for_polls(run: Recording, fake, venue: str) -> None:
    pages = promises.TERMS[venue].polled
    asked = {page: _asked(fake, page) for page in pages}
    # The second answer from now was asked for after everything had happened; so was read the first.
    run.wait_until(lambda: all(_asked(fake, p) >= asked[p] + 3 for p in pages), "polls")


def _asked(fake, page: str) -> int:
    return sum(name.endswith(page) for name in fake.requests)


def _assert_funding(venue: str, run: Recording, fake, facts: list[Fact]) -> None:
    symbol = promises.TERMS[venue].symbols["linear"]
    rows = [
        row
        for row in run.rows("funding", fake)
        if row["kind"] == "predicted" and row["symbol"] == symbol
    ]
    expected = promises.predicted_funding(venue, facts)
    if venue == "hyperliquid":
        # Contexts bear no time, so the minute is ours and the rest of them is thinned away.
        assert rows
        assert {row["funding_rate"] for row in rows} <= {row["funding_rate"] for row in expected}
        return
    if venue in {"binance", "dydx", "gate", "kucoin", "mexc"}:
        expected = expected[1:]  # the opening was told to nobody
    if venue == "binance":
        rows = [row for row in rows if row["source"] == "binance:markPrice"]
    assert_rows(rows, expected, "symbol", "event_time")


@fault("duplicates")
def test_what_is_told_twice_is_there_once(venue, tmp_path):
    for number, passage in enumerate((passages.doubled, passages.repeated)):
        run, day = _record_through(venue, tmp_path / str(number), passage)
        assert_true_books(run, day.fake)


@fault("reordering")
def test_the_order_of_prints_does_not_matter(venue, tmp_path):
    _record_through(venue, tmp_path, passages.shuffled(5), Trade, Liquidation)


@fault("empty arrays")
def test_messages_without_entries_give_nothing_and_break_nothing(venue, tmp_path):
    with fake_exchange(venue) as fake:
        day = Day(fake, _now_ms())
        day.open()
        tables = [table for table in TABLES if table not in _unsaid(venue)]
        with Recording(tmp_path, fake, tables=tables) as run:
            run.wait_for(fake, *(table for table in tables if table != "open_interest"))
            day.start_book(run)
            facts = day.stretch()
            half = len(facts) // 2
            day.tell(facts[:half])
            for channel, message in fake.empties():
                fake.say(channel, [message])
            day.tell(facts[half:])
            nothing_new = [BookChange(fact.time_ms, (), ()) for fact in day.book(2)]
            day.tell(nothing_new)
            run.settle()
    assert_prints(run, fake, day.told)
    assert _books_told(venue, nothing_new) <= set(assert_true_books(run, fake))
    assert sum(connection.refused for connection in run.venue(fake).connections) == 0


@fault("malformed JSON")
def test_torn_messages_are_counted_and_cost_nothing_else(venue, tmp_path):
    torn: list[bytes] = []

    def tear(messages: list[str]) -> Sequence[Wire]:
        told = passages.with_torn_between(messages)
        torn.extend(str(message).encode() for message in told[::2])
        return told

    run, day = _record_through(venue, tmp_path, tear)
    health = run.venue(day.fake)
    assert len(torn) > 0
    assert sum(connection.refused for connection in health.connections) == len(torn)
    assert Counter(torn) <= Counter(frame.raw for frame in run.raw_frames())
    assert _books_told(venue, day.told) <= set(assert_true_books(run, day.fake))


@fault("unknown fields")
def test_fields_of_tomorrow_are_passed_over(venue, tmp_path):
    run, day = _record_through(venue, tmp_path, passages.grown)
    assert _books_told(venue, day.told) <= set(assert_true_books(run, day.fake))
    assert sum(connection.refused for connection in run.venue(day.fake).connections) == 0


@fault("gzip'd frames")
def test_compressed_messages_are_read_as_plain_ones(venue, tmp_path):
    run, day = _record_through(venue, tmp_path, passages.gzipped)
    assert sum(connection.refused for connection in run.venue(day.fake).connections) == 0


@fault("permessage-deflate")
def test_connections_agree_on_compression(venue, tmp_path):
    _, day = _record_through(venue, tmp_path, list)
    assert day.fake.compressed == day.fake.handshakes > 0


@fault("gap in the book")
def test_a_lost_change_of_the_book_leaves_no_false_book(venue, tmp_path):
    with fake_exchange(venue) as fake:
        day = Day(fake, _now_ms())
        day.open()
        with Recording(tmp_path, fake, tables=["order_book"]) as run:
            run.wait_for(fake, "order_book")
            day.start_book(run)
            day.tell(day.book(5))
            run.settle()
            lost, *after = day.book(4)
            fake.publish([lost], unsaid=True)
            day.tell(after)
            run.settle()
            last = _heal(run, day)
    kept = assert_true_books(run, fake)
    assert lost.time_ms not in kept
    assert last in kept


def _heal(run: Recording, day: Day) -> int:
    """Tell changes until one is kept; return the time of the last. [UTC ms]"""
    before = run.venue(day.fake).rows["order_book"]

    def healed() -> bool:
        if run.venue(day.fake).rows["order_book"] <= before + 2 * LEVELS_KEPT:
            day.tell(day.book(1))
            return False
        return True

    run.wait_until(healed, "book after the gap")
    final = day.book(1)
    day.tell(final)
    run.settle()
    return final[0].time_ms
