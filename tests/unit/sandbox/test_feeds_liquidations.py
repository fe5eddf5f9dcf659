from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from tests.unit.sandbox.simulated_market import block_with, cut, recorded_market

from forcedflow.sandbox.defects import Defects
from forcedflow.sandbox.feeds import FeedState, tables_of
from forcedflow.sandbox.parameters import parameters
from forcedflow.sandbox.simulate import START_MS
from forcedflow.units import HOUR_MS

FULL, SAMPLED, DARK = 0, 1, 2


def _event(ms, venue, amount, tick=600_000, bankruptcy=590_000, caused=False, trader=7):
    return {
        "ms": ms,
        "venue": venue,
        "amount": amount,
        "tick": tick,
        "bankruptcy": bankruptcy,
        "caused": caused,
        "trader": trader,
    }


def _published(liquidations, defects=None, **rest):
    feed = FeedState(parameters("calm"), 1, defects or Defects())
    return tables_of(block_with(liquidations, **rest), feed)


def test_the_full_feed_prints_every_liquidation_at_the_bankruptcy_price():
    rows = _published([_event(100, FULL, 2_500), _event(200, FULL, -4_000, bankruptcy=612_345)])
    prints = rows["liquidations"]
    assert prints.select("side", "price", "amount", "price_kind").rows() == [
        ("long", 59_000.0, 2.5, "bankruptcy"),
        ("short", 61_234.5, 4.0, "bankruptcy"),
    ]
    assert prints["notional_usd"].to_list() == [147_500.0, 244_938.0]
    assert prints["completeness"].unique().to_list() == ["complete"]
    assert prints["event_time"].dt.epoch("ms").to_list() == [START_MS + 100, START_MS + 200]


def test_two_equal_liquidations_of_one_moment_stay_two():
    prints = _published([_event(100, FULL, 5), _event(100, FULL, 5)])["liquidations"]
    assert prints["event_id"].n_unique() == 2


def test_the_sampled_feed_prints_the_last_of_each_second_at_its_fill():
    rows = _published(
        [
            _event(999, SAMPLED, 7),
            _event(1_000, SAMPLED, 1),
            _event(1_900, SAMPLED, -3, tick=599_000),
            _event(1_400, SAMPLED, 2),
            _event(1_950, FULL, 9),
        ]
    )
    prints = rows["liquidations"].filter(pl.col("venue") == "sandbox-sampled")
    assert prints.select("side", "price", "amount", "price_kind", "event_id").rows() == [
        ("long", 60_000.0, 0.007, "fill", ""),
        ("short", 59_900.0, 0.003, "fill", ""),
    ]
    assert prints["completeness"].unique().to_list() == ["sampled lower bound"]


def test_the_dark_venue_prints_nothing():
    rows = _published([_event(100, DARK, 5)])
    assert rows["liquidations"].is_empty()
    assert "sandbox-dark" not in rows["liquidation_totals"]["venue"]


def test_a_throttled_full_feed_still_calls_itself_complete():
    events = [_event(1_000, FULL, 5), _event(1_500, FULL, 6)]
    prints = _published(events, Defects(throttled=True))["liquidations"]
    assert prints.select("amount", "completeness").rows() == [(0.006, "complete")]


def test_totals_are_the_sums_of_prints_by_hour_and_side_quiet_hours_included():
    last_ms = HOUR_MS - 1
    rows = _published(
        [
            _event(100, FULL, 1_000),
            _event(last_ms, FULL, 500),
            _event(HOUR_MS, FULL, -2_000),
            _event(100, SAMPLED, 3_000),
            _event(200, SAMPLED, 4_000),
        ],
        minutes=180,
    )
    totals = rows["liquidation_totals"].sort("venue", "event_time", "side")
    hours = (totals["event_time"].dt.epoch("ms").to_numpy() - START_MS) // HOUR_MS
    assert totals.height == 2 * 2 * 3
    assert set(hours) == {1, 2, 3}
    full = totals.filter(pl.col("venue") == "sandbox")
    assert full["amount"].to_list() == [1.5, 0.0, 0.0, 2.0, 0.0, 0.0]
    assert full["notional_usd"].to_list() == [88_500.0, 0.0, 0.0, 118_000.0, 0.0, 0.0]
    sampled = totals.filter(pl.col("venue") == "sandbox-sampled")
    assert sampled["amount"].to_list()[:2] == [4.0, 0.0]
    assert sampled["notional_usd"].to_list()[0] == 240_000.0


def test_an_hour_that_began_before_the_feed_has_no_total():
    feed = FeedState(parameters("calm"), 1)
    events = [_event(30 * 60_000, FULL, 1), _event(90 * 60_000, FULL, 2)]
    totals = tables_of(block_with(events, minutes=120, first_minute=20), feed)["liquidation_totals"]
    assert totals["event_time"].dt.epoch("ms").unique().to_list() == [START_MS + 2 * HOUR_MS]
    assert (
        totals.filter(pl.col("venue") == "sandbox", pl.col("side") == "long")["amount"][0] == 0.002
    )


def test_the_full_feed_adds_up_to_what_the_market_closed_by_force():
    market = recorded_market()
    prints = tables_of(market.block, market.feed())["liquidations"]
    full = prints.filter(pl.col("venue") == "sandbox")
    assert full.height > 50
    for s, side in enumerate(("long", "short")):
        printed = full.filter(pl.col("side") == side)["amount"].to_numpy() * 1000
        assert np.rint(printed).sum() == market.block.out.forced[:, FULL, s].sum()
    sampled = prints.filter(pl.col("venue") == "sandbox-sampled")
    seconds = sampled["event_time"].dt.epoch("ms") // 1000
    assert seconds.is_unique().all()
    missed = market.block.out.forced[:, SAMPLED].sum() - np.rint(sampled["amount"] * 1000).sum()
    assert missed > 0


def test_no_row_knows_an_account_or_a_cause():
    market = recorded_market()
    block, n = market.block, int(market.block.out.n_events[0])
    known = tables_of(block, market.feed())
    told = {name.lower() for frame in known.values() for name in frame.columns}
    assert not told & {"account", "trader", "caused", "cause", "deleveraged", "entry", "leverage"}
    assert "positions" not in known
    # Other accounts, causes, entries and margins behind the same prints: the same rows.
    out = block.out._replace(
        **{
            name: np.roll(getattr(block.out, name)[:n], 17)
            for name in ("event_trader", "event_entry", "event_margin", "event_position")
        },
        event_caused=~block.out.event_caused[:n],
        caused=block.out.forced - block.out.caused,
        deleveraged=block.out.deleveraged + 1,
    )
    other = tables_of(type(block)(block.first_minute, out, block.minutes), market.feed())
    for name, frame in known.items():
        assert frame.equals(other[name]), name


@pytest.mark.parametrize("minute", [0, 1, 59, 60, 61, 119, 120])
def test_a_cut_at_any_minute_loses_no_print_and_no_total(minute):
    events = [_event(m * 60_000 + ms, v, 5) for m in range(120) for v in (0, 1) for ms in (1, 900)]
    whole = _published(events, minutes=120)
    block = block_with(events, minutes=120)
    feed = FeedState(parameters("calm"), 1)
    first, second = (tables_of(cut(block, *ends), feed) for ends in ((0, minute), (minute, 120)))
    for name in ("liquidations", "liquidation_totals"):
        joined = pl.concat([first[name], second[name]])
        assert joined.sort(joined.columns).equals(whole[name].sort(joined.columns))
