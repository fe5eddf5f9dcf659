"""Websockets that break, die or are refused: what is lost is said, what can be had is fetched."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.venues.fakes import promises
from tests.venues.fakes.exchange import FakeExchange
from tests.venues.fakes.facts import Fact
from tests.venues.faults import fault
from tests.venues.market_day import BAR, TRADE, Day, assert_liquidations
from tests.venues.recording import Recording, assert_rows, fake_exchange

HALF = 2_500
MISSED = 300
# Longer than a busy machine holds back what is said: nobody is to be called dead too soon.
SILENCE_S = 1.5


def _burst(day: Day, count: int) -> list[Fact]:
    """Return liquidations of this moment, with a trade to each nine; or only trades."""
    now_ms = time.time_ns() // 1_000_000
    times_ms = [now_ms - 200 + number % 200 for number in range(count)]
    if not promises.TERMS[day.fake.venue].prints_liquidations:
        return list(day.tape.trades(times_ms))
    prints: list[Fact] = list(day.tape.liquidations(times_ms[count // 10 :]))
    # Ids of trades rise with time.
    for place, trade in enumerate(day.tape.trades([now_ms] * (count // 10))):
        prints.insert(place * 10, trade)
    return prints


def _break(
    root, venue: str, break_: Callable[[FakeExchange, Recording], None], silence_s: float | None
) -> tuple[Recording, Day, list[Fact]]:
    """Record a burst that is broken half way, and what follows; return what was missed besides."""
    prints = promises.TERMS[venue].prints_liquidations
    tables = ["trades", "liquidations"] if prints else ["trades"]
    with fake_exchange(venue) as fake:
        day = Day(fake, time.time_ns() // 1_000_000)
        day.open()
        with Recording(root, fake, tables=tables, silence_s=silence_s) as run:
            run.wait_for(fake, *tables)
            day.tell(_burst(day, HALF))
            break_(fake, run)
            missed = _burst(day, MISSED)
            fake.publish(missed)
            fake.refuse_sockets(None)
            run.wait_for(fake, *tables)
            day.tell(_burst(day, HALF))
            run.settle()
            run.wait_until(
                lambda: (
                    {table for gap in run.venue(fake).gaps for table in gap.tables} >= set(tables)
                ),
                "gaps reported",
            )
    return run, day, missed


def _cut(fake: FakeExchange, run: Recording) -> None:
    fake.refuse_sockets(503)
    fake.cut()
    run.wait_until(
        lambda: any(not one.connected for one in run.venue(fake).connections), "broken connection"
    )


def _go_silent(fake: FakeExchange, run: Recording) -> None:
    run.settle()
    fake.go_silent()


def _assert_held(run: Recording, day: Day, missed: list[Fact]) -> None:
    fake, venue = day.fake, day.fake.venue
    health = run.venue(fake)
    terms = promises.TERMS[venue]
    told_after = missed if terms.repairs_liquidations else fake.recalled
    assert_liquidations(run, fake, [*day.told, *(one for one in missed if one in told_after)])
    lost = {table for gap in health.gaps if not gap.repaired for table in gap.tables}
    repaired = {table for gap in health.gaps if gap.repaired for table in gap.tables}
    trades = run.rows("trades", fake)
    prints = {"liquidations"} if terms.prints_liquidations else set()
    never_repaired = set() if terms.repairs_liquidations else prints
    if not terms.repairs_trades:
        # The last few trades can be asked for, which is no repair of three hundred.
        assert (lost, repaired) == (never_repaired | {"trades"}, set()), health.gaps
        asked = {row["trade_id"] for row in promises.trades(venue, missed)}
        recent = [row for row in trades if row["source"] == "hyperliquid:recentTrades"]
        assert {row["trade_id"] for row in recent} <= asked | _ids(venue, day.told)
        trades = [row for row in trades if row["trade_id"] not in asked]
        assert_rows(trades, promises.trades(venue, day.told), *TRADE)
        return
    assert (lost, repaired) == (never_repaired, {"trades"} | prints - never_repaired), health.gaps
    assert_rows(trades, promises.trades(venue, [*day.told, *missed]), *TRADE)


def _ids(venue: str, facts: list[Fact]) -> set[object]:
    return {row["trade_id"] for row in promises.trades(venue, facts)}


@fault("disconnect mid-burst")
def test_a_cut_connection_loses_only_what_nobody_heard(venue, tmp_path):
    run, day, missed = _break(tmp_path, venue, _cut, None)
    _assert_held(run, day, missed)
    assert sum(one.reconnects for one in run.venue(day.fake).connections) >= 1


@fault("half-open socket")
def test_a_dead_connection_is_noticed_and_made_anew(venue, tmp_path):
    run, day, missed = _break(tmp_path, venue, _go_silent, SILENCE_S)
    _assert_held(run, day, missed)
    reasons = {gap.reason for gap in run.venue(day.fake).gaps}
    assert any(f"no byte for {SILENCE_S} s" in reason for reason in reasons), reasons


def test_trades_that_the_venue_holds_no_more_are_said_to_be_lost_and_bars_are_repaired(tmp_path):
    tables = ["trades", "klines"]
    with fake_exchange("bybit") as fake:
        day = Day(fake, time.time_ns() // 1_000_000)
        day.open()
        with Recording(tmp_path, fake, tables=tables) as run:
            run.wait_for(fake, *tables)
            day.tell(_burst(day, 10))
            run.settle()
            _cut(fake, run)
            now_ms = time.time_ns() // 1_000_000
            bar = day.tape.bar(now_ms)
            # One more than its last thousand, which is all that it tells.
            fake.publish([*day.tape.trades([now_ms] * 1_001), bar])
            fake.refuse_sockets(None)
            run.wait_for(fake, *tables)
            run.wait_until(lambda: len(run.venue(fake).gaps) >= 2, "gaps reported")
    gaps = {gap.tables: gap for gap in run.venue(fake).gaps}
    assert gaps["klines",].repaired
    assert not gaps["trades",].repaired
    assert_rows(run.rows("trades", fake), promises.trades("bybit", day.told), *TRADE)
    assert_rows(run.rows("klines", fake), promises.klines("bybit", [bar]), *BAR)
