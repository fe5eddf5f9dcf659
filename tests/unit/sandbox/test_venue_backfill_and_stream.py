"""The sandbox behind the venue protocol: history, live, and the seam between them."""

from __future__ import annotations

import asyncio
import contextlib
import math

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from forcedflow import tables
from forcedflow.errors import UsageError
from forcedflow.sandbox.market import Pace, SandboxMarket
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.venues.base import Venue

NAMES = ("sandbox", "sandbox-sampled", "sandbox-dark")
SYMBOL = "SIM/USDT:USDT"


class Clock:
    """A clock that only sleeping moves, and what it was asked for."""

    def __init__(self):
        self.seconds = 0.0
        self.slept = []

    def __call__(self):
        return self.seconds

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


def _market(seed=3, speed=60.0, clock=None, n_traders=800):
    clock = clock or Clock()
    return SandboxMarket("calm", n_traders, seed, pace=Pace(speed, clock, clock.sleep))


def _venues(market):
    return [SandboxVenue(market, name) for name in NAMES]


def _backfill(venue, start_ms, end_ms, symbol=SYMBOL):
    return list(venue.backfill(sorted(venue.capabilities.backfilled), symbol, start_ms, end_ms))


async def _live(market, until_ms):
    """Rows of all three venues from now on, up to a moment, by venue."""
    got = {name: [] for name in NAMES}
    async with contextlib.AsyncExitStack() as stack:
        streams = {
            venue.name: await stack.enter_async_context(
                contextlib.aclosing(venue.stream(sorted(venue.capabilities.streamed), SYMBOL))
            )
            for venue in _venues(market)
        }
        # What became known at the very end is cut off; one minute more brings all before it.
        while market.now_ms <= until_ms:
            for name, stream in streams.items():
                got[name].append(await anext(stream))
        for name, stream in streams.items():
            got[name].append(await anext(stream))
    before = pl.col("available_time") < pl.lit(until_ms, dtype=tables.TIME)
    return {
        name: [{t: frame.filter(before) for t, frame in rows.items()} for rows in batches]
        for name, batches in got.items()
    }


def _joined(batches):
    """One frame per table, in the order of the key: how rows were batched is not compared."""
    names = sorted({name for rows in batches for name in rows})
    frames = {name: pl.concat([rows[name] for rows in batches if name in rows]) for name in names}
    return {
        name: frame.sort(*tables.TABLES[name].key, "available_time")
        for name, frame in frames.items()
        if not frame.is_empty()
    }


def _assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert_frame_equal(one[name], other[name])


@pytest.fixture(scope="module")
def market():
    return _market()


def test_every_sandbox_venue_is_a_venue(market):
    for venue in _venues(market):
        assert isinstance(venue, Venue)
        assert venue.instruments()[0].symbol == SYMBOL
        assert venue.instruments()[0].venue == venue.name
        assert (venue.instruments()[0].tick_size, venue.instruments()[0].contract_size) == (
            0.1,
            0.001,
        )
        assert not venue.capabilities.public_positions


def test_each_venue_states_what_its_liquidation_feed_is_worth(market):
    stated = {venue.name: venue.capabilities.liquidations for venue in _venues(market)}
    assert stated == dict(zip(NAMES, ("complete", "sampled lower bound", "none"), strict=True))
    dark = _venues(market)[2].capabilities
    assert "liquidations" not in dark.backfilled | dark.streamed
    assert "open_interest" in dark.backfilled & dark.streamed


def test_a_backfill_holds_the_venues_own_rows_of_every_table_it_promises(market):
    end_ms = market.opened_ms + 2 * DAY_MS
    for venue in _venues(market):
        got = _joined(_backfill(venue, START_MS, end_ms))
        assert got.keys() == venue.capabilities.backfilled
        for name, frame in got.items():
            assert_frame_equal(frame, tables.check(name, frame))
            assert frame["venue"].unique().to_list() == [venue.name]
            assert frame["symbol"].unique().to_list() == [SYMBOL]
            assert all(tables.is_simulated(source) for source in frame["source"].unique())
            known = frame["available_time"].dt.epoch("ms")
            assert known.min() >= START_MS
            assert known.max() < end_ms


def test_spot_is_listed_by_the_first_venue_alone(market):
    first, *others = _venues(market)
    got = _joined(
        list(first.backfill(["klines"], "SIM/USDT", START_MS, market.opened_ms + HOUR_MS))
    )
    assert got["klines"]["price_type"].unique().to_list() == ["spot"]
    for venue in others:
        with pytest.raises(UsageError, match="does not list 'SIM/USDT'"):
            venue.backfill(["klines"], "SIM/USDT", START_MS, market.opened_ms + HOUR_MS)


def test_two_backfills_that_meet_are_one(market):
    start_ms, middle_ms, end_ms = (
        market.opened_ms,
        market.opened_ms + 7 * HOUR_MS + 12_345,
        market.opened_ms + DAY_MS,
    )
    for venue in _venues(market):
        whole = _joined(_backfill(venue, start_ms, end_ms))
        parts = _backfill(venue, start_ms, middle_ms) + _backfill(venue, middle_ms, end_ms)
        _assert_same(whole, _joined(parts))


@pytest.mark.parametrize(("history_min", "live_min"), [(1440, 73), (1507, 8), (0, 61)])
def test_history_then_live_is_the_same_as_more_history(history_min, live_min):
    whole, parted = _market(), _market()
    seam_ms = whole.opened_ms + history_min * MINUTE_MS
    end_ms = seam_ms + live_min * MINUTE_MS
    past = {v.name: _backfill(v, START_MS, seam_ms) for v in _venues(parted)}
    live = asyncio.run(_live(parted, end_ms))
    for venue in _venues(whole):
        expected = _joined(_backfill(venue, START_MS, end_ms))
        # Brackets stand from the beginning: with no history at all they were never asked for.
        if history_min == 0:
            del expected["leverage_brackets"]
            past[venue.name] = [
                {t: f for t, f in rows.items() if t != "leverage_brackets"}
                for rows in past[venue.name]
            ]
        _assert_same(_joined(past[venue.name] + live[venue.name]), expected)


def test_another_seed_is_another_market(market):
    other = _market(seed=4)
    start_ms, end_ms = market.opened_ms, market.opened_ms + HOUR_MS
    one, two = (
        _joined(_backfill(SandboxVenue(m), start_ms, end_ms))["klines"] for m in (market, other)
    )
    assert one.shape == two.shape
    assert not one.equals(two)


def test_a_stream_brings_a_minute_each_time_the_clock_has_passed_one():
    clock = Clock()
    market = _market(speed=30.0, clock=clock)

    async def follow():
        stream = SandboxVenue(market).stream(["klines"], SYMBOL)
        async with contextlib.aclosing(stream):
            return [(clock.seconds, await anext(stream)) for _ in range(4)]

    got = asyncio.run(follow())
    # Read before its first row comes, each clock shows when the row before it came.
    assert [seconds for seconds, _ in got] == [0.0, 2.0, 4.0, 6.0]
    for number, (_, rows) in enumerate(got, 1):
        ends = rows["klines"]["event_time"].dt.epoch("ms").unique().to_list()
        assert ends == [market.opened_ms + number * MINUTE_MS]
    assert clock.seconds == 8.0


def test_a_clock_that_ran_ahead_is_caught_up_without_losing_a_minute():
    clock = Clock()
    market = _market(speed=60.0, clock=clock)

    async def follow():
        stream = SandboxVenue(market).stream(["klines"], SYMBOL)
        async with contextlib.aclosing(stream):
            first = await anext(stream)
            clock.seconds += 10.0
            return [first] + [await anext(stream) for _ in range(10)]

    got = asyncio.run(follow())
    assert clock.seconds == 11.0
    ends = pl.concat([rows["klines"] for rows in got])["event_time"].dt.epoch("ms").unique()
    expected = [market.opened_ms + MINUTE_MS * n for n in range(1, 12)]
    assert ends.sort().to_list() == expected


def test_rows_published_late_come_when_they_are_known():
    market = _market()

    async def follow():
        stream = SandboxVenue(market, "sandbox-sampled").stream(["klines", "open_interest"], SYMBOL)
        async with contextlib.aclosing(stream):
            came = []
            for _ in range(20):
                rows = await anext(stream)
                if "open_interest" in rows:
                    came.append((market.now_ms, rows["open_interest"]))
            return came

    came = asyncio.run(follow())
    assert len(came) >= 2
    for now_ms, rows in came:
        assert rows["available_time"].dt.epoch("ms").to_list() == [now_ms]
        assert rows["event_time"].dt.epoch("ms").to_list() == [now_ms - 5 * MINUTE_MS]


def test_a_closed_stream_is_not_served_any_more():
    market = _market(speed=math.inf)

    async def follow():
        gone, kept = (SandboxVenue(market).stream(["klines"], SYMBOL) for _ in range(2))
        await anext(gone)
        await anext(kept)
        assert len(market._subscribers) == 2
        await gone.aclose()
        assert len(market._subscribers) == 1
        await kept.aclose()

    asyncio.run(follow())
    assert market._subscribers == []


def test_live_minutes_are_history_to_whoever_asks_later():
    market = _market()
    seam_ms = market.opened_ms
    live = asyncio.run(_live(market, seam_ms + 130 * MINUTE_MS))
    again = _joined(_backfill(SandboxVenue(market), seam_ms, seam_ms + 130 * MINUTE_MS))
    _assert_same(again, _joined(live["sandbox"]))
    # Joined as they age, so that a long watch does not fill the memory with tiny frames.
    assert len(market._recent) < 60


def test_the_scheduled_events_are_known_before_anything_happens():
    market = _market()
    events = market.scheduled_events()
    assert events.height > 100
    assert events["available_time"].dt.epoch("ms").unique().to_list() == [START_MS]
    assert market.scheduled_events().equals(events)


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan])
def test_a_market_that_stands_still_or_runs_backwards_is_refused(speed):
    with pytest.raises(ValueError, match="speed must be above zero"):
        Pace(speed)


def test_a_venue_that_the_market_does_not_have_is_refused(market):
    with pytest.raises(UsageError, match="no sandbox venue 'binance'\nhint: one of sandbox, "):
        SandboxVenue(market, "binance")


def test_a_scenario_that_does_not_exist_is_refused():
    with pytest.raises(UsageError, match="no scenario 'storm'"):
        SandboxMarket("storm", 500, 0)
