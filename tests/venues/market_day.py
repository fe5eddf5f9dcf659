"""What the fault tests let happen: a stretch of an ordinary market, and what must be left of it.

In:  a fake exchange, a seed, the present moment. [UTC ms]   Out: facts; assertions about rows.
Free of the connectors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

import pytest
from tests.venues.fakes import promises
from tests.venues.fakes.exchange import FakeExchange, Passage
from tests.venues.fakes.facts import MINUTE_MS, Fact, Tape
from tests.venues.recording import Recording, assert_rows

LEVELS = 20
"""Levels of each side that a kept book holds."""

TABLES = ("trades", "liquidations", "klines", "open_interest", "funding", "order_book")

TRADE = ("symbol", "event_time", "trade_id")
LIQUIDATION = ("symbol", "event_time", "side", "price", "amount")
BAR = ("symbol", "event_time", "price_type", "interval_ms")
POSITION = ("symbol", "event_time", "account", "side")


@dataclass
class Day:
    """Facts of the linear market around a moment.

    Parameters
    ----------
    fake : FakeExchange
    now_ms : int
        The present. [UTC ms]
    seed : int
    """

    fake: FakeExchange
    now_ms: int
    seed: int = 7
    told: list[Fact] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tape = Tape(self.seed)
        self.minute_ms = self.now_ms - self.now_ms % MINUTE_MS
        self._book_ms = self.minute_ms - 4 * MINUTE_MS

    def open(self) -> None:
        """Let there be a market before anyone listens: a trade, a book, a price, open interest."""
        start_ms = self._book_ms
        opening = [
            *self.tape.trades([start_ms]),
            self.tape.mark(start_ms),
            self.tape.open_interest(start_ms),
            self.tape.opening_book(start_ms),
        ]
        self.fake.publish(opening, unsaid=True)

    def stretch(self, minutes: int = 3) -> list[Fact]:
        """Return the facts of some minutes up to the present one, in order of time."""
        tape, facts = self.tape, []
        for back in range(minutes - 1, -1, -1):
            end_ms = self.minute_ms - back * MINUTE_MS
            facts += [tape.mark(end_ms), tape.open_interest(end_ms), tape.bar(end_ms)]
            times_ms = [end_ms - 20_000 + 700 * i for i in range(20)]
            facts += tape.trades(times_ms)
            facts += tape.liquidations(times_ms[::4])
            facts += self.book(5)
        return facts

    def book(self, changes: int) -> list[Fact]:
        """Return changes of the book, a second apart, so that each is kept."""
        times_ms = [self._book_ms + 1_000 * (i + 1) for i in range(changes)]
        self._book_ms = times_ms[-1]
        return list(self.tape.book_changes(times_ms, 50_000.0))

    def tell(self, facts: list[Fact], passage: Passage = list) -> None:
        """Let facts happen and be told."""
        self.told += facts
        self.fake.publish(facts, passage)

    def start_book(self, run: Recording) -> None:
        """Tell a change at a time until the book is kept: its first need a snapshot.

        Where a venue's books are not read, nothing has to be waited for.
        """
        if not promises.TERMS[self.fake.venue].prints_books:
            return

        def kept() -> bool:
            self.fake.publish(self.book(1))
            run.settle()
            return self._is_kept(run)

        run.wait_until(kept, "book in the lake")

    def _is_kept(self, run: Recording) -> bool:
        return run.venue(self.fake).rows.get("order_book", 0) > 0


def assert_prints(run: Recording, fake: FakeExchange, facts: list[Fact]) -> None:
    """Hold trades, liquidations and bars of the last price to be these and no others."""
    venue = fake.venue
    assert_rows(run.rows("trades", fake), promises.trades(venue, facts), *TRADE)
    assert_liquidations(run, fake, facts)
    bars = [row for row in run.rows("klines", fake) if row["price_type"] == "last"]
    assert_rows(bars, promises.klines(venue, facts), *BAR)


def assert_liquidations(run: Recording, fake: FakeExchange, facts: list[Fact]) -> None:
    """Hold liquidations to be these and no others; never one on the wrong side."""
    expected = promises.liquidations(fake.venue, facts)
    assert_rows(run.rows("liquidations", fake), expected, *LIQUIDATION)


def assert_true_books(run: Recording, fake: FakeExchange) -> list[int]:
    """Hold every kept book to be the true one of its moment, and return those. [UTC ms]"""
    rows = run.rows("order_book", fake)
    rows.sort(key=lambda row: (row["event_time"], row["side"], row["level"]))
    truth = fake.books["linear"].past
    kept = []
    for (time_ms, side), levels in groupby(rows, lambda row: (row["event_time"], row["side"])):
        assert isinstance(time_ms, int)
        bids, asks = truth[time_ms]
        expected = (bids if side == "bid" else asks)[:LEVELS]
        found = list(levels)
        assert [row["price"] for row in found] == [price for price, _ in expected]
        # A number of contracts times their size may differ in its last digit.
        sizes = [size for _, size in expected]
        assert [row["amount"] for row in found] == pytest.approx(sizes, rel=1e-9)
        if side == "bid":
            kept.append(time_ms)
    return kept
