"""A situation's trigger levels and its second leg: what is known, what is not, and why no trade."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tests.reference import feature_tables, markets

from forcedflow.depth.curve import DepthCurve
from forcedflow.features.table import STEP_MS
from forcedflow.instruments import parse_symbol
from forcedflow.liquidation_map import Market
from forcedflow.margin import rule_for, schedule_from_rows
from forcedflow.pipeline import build_map
from forcedflow.playbook.ignition import find_ignitions
from forcedflow.playbook.leg_outcome import TAKER_BPS
from forcedflow.playbook.leg_reading import read_second_leg
from forcedflow.playbook.past_legs import PastLegs
from forcedflow.playbook.price_series import series_of_market
from forcedflow.playbook.situation import Situation
from forcedflow.playbook.triggers import find_triggers, missing_triggers
from forcedflow.units import DAY_MS, MINUTE_MS
from forcedflow.zones import Zone

FIVE = 5 * MINUTE_MS
AT_MS = feature_tables.AT_MS
LEVELS = {
    "range_low_24h": 98.0,
    "range_high_24h": 103.0,
    "vwap_day": 99.0,
    "vwap_week": 101.0,
    "prior_day_low": 97.0,
    "prior_day_high": 104.0,
}


def book(direction, usd=(1e6, 2e6, 3e6)):
    return DepthCurve(
        direction, np.array([0.0, 0.005, 0.02, 0.06]), np.array(usd), 0.06, 0.1, "hand", AT_MS
    )


def prices(n=900, seed=3, ends=()):
    """Three days of five-minute marks that end with these moves, and open interest that falls."""
    rng = np.random.default_rng(seed)
    move = rng.normal(0, 0.0004, n)
    move[n - len(ends) :] = ends
    interest = 1000.0 + np.cumsum(rng.normal(0, 1, n))
    return 100.0 * np.exp(np.cumsum(move)), interest


def situation_of(price, interest, zones=(), depth=True, columns=None, at_ms=AT_MS):
    times = at_ms - FIVE * np.arange(price.size - 1, -1, -1)
    rows = markets.open_interest_rows(
        list(zip(times.tolist(), interest.tolist(), price.tolist(), strict=True))
    ).with_columns(available_time=pl.col("event_time"))
    mapped = build_map(
        Market(
            instrument=parse_symbol("BTC"),
            at_ms=at_ms,
            open_interest=rows,
            mark_klines=markets.kline_rows([], "mark"),
            trade_klines=markets.kline_rows([], "last"),
            funding=markets.funding_rows([]),
            schedule=schedule_from_rows(
                "binance", "BTC/USDT:USDT", 0, [(1e6, 0.01, 50)], source="example"
            ),
            rule=rule_for("binance", "linear", at_ms),
        )
    )
    table = feature_tables.lay({"price": 100.0, **(LEVELS if columns is None else columns)})
    return Situation(
        mapped=mapped,
        zones=zones,
        features=table,
        readings=(),
        cascade=None,
        depth=(book("down"), book("up")) if depth else None,
    )


def zone(side, low, high, major=True):
    border = high if side == "long" else low
    middle = (low + high) / 2
    return Zone(side, low, high, middle, 2e7, 1e7, 3e7, border - 100, 1.0, 5.0, 0.03, 1, major)


@pytest.fixture(scope="module")
def at_hundred():
    price, interest = prices()
    return situation_of(
        100.0 * price / price[-1],
        interest,
        zones=(
            zone("long", 97.8, 97.9, major=False),
            zone("long", 96.0, 96.5),
            zone("short", 104.5, 105.0),
        ),
    )


def test_every_level_is_a_trigger_the_way_it_is_lost_or_gained_nearest_first(at_hundred):
    found = find_triggers(at_hundred)
    away = [abs(t.distance_pct) for t in found]
    assert away == sorted(away)
    assert {t.kind for t in found} == set(LEVELS)
    ways = {t.kind: t.direction for t in found}
    assert (ways["vwap_day"], ways["vwap_week"]) == ("down", "up")
    assert not any(t.passed for t in found)
    assert all(t.at_ms == AT_MS for t in found)


def test_the_path_goes_from_the_level_to_the_next_major_cluster(at_hundred):
    low = next(t for t in find_triggers(at_hundred) if t.kind == "range_low_24h")
    assert low.next_zone == zone("long", 96.0, 96.5)
    assert low.path_pct == pytest.approx(100 * (98.0 / 96.5 - 1))
    assert low.forced_usd == 2e7
    ways = np.log(np.array([100 / 98, 100 / 96.5]))
    held = np.diff(book("down").cumulative(ways))[0]
    assert low.between_usd == pytest.approx(held)
    assert low.thinness == pytest.approx((1e6 / 0.005) / (held / (ways[1] - ways[0])))
    assert low.thinness > 1


def test_a_minor_cluster_is_next_only_where_none_is_major(at_hundred):
    minor = zone("long", 97.8, 97.9, major=False)
    alone = replace(at_hundred, zones=(minor,))
    low = next(t for t in find_triggers(alone) if t.kind == "range_low_24h")
    assert low.next_zone == minor


def test_without_clusters_or_depth_the_path_is_unknown_and_the_level_stays(at_hundred):
    bare = replace(at_hundred, zones=(), depth=None)
    found = find_triggers(bare)
    assert len(found) == 6
    assert {(t.next_zone, t.path_pct, t.between_usd, t.thinness) for t in found} == {
        (None, None, None, None)
    }


def test_a_level_behind_the_mark_is_passed_and_says_since_when(at_hundred):
    price = np.full(feature_tables.NINE_DAYS, 100.0)
    price[-7:] = 96.8
    lost = replace(at_hundred, features=feature_tables.lay({**LEVELS, "price": price}))
    by_kind = {t.kind: t for t in find_triggers(lost)}
    # The map's own mark is what distance is from; the table says how long it has been so.
    assert by_kind["prior_day_low"].since_ms == AT_MS - 6 * STEP_MS
    assert by_kind["prior_day_high"].since_ms is None


def test_a_level_that_is_not_known_is_named_as_missing(at_hundred):
    fewer = {name: level for name, level in LEVELS.items() if not name.startswith("vwap")}
    table = feature_tables.lay({"price": 100.0, **fewer})
    assert missing_triggers(table) == ("vwap_day", "vwap_week")
    assert len(find_triggers(replace(at_hundred, features=table))) == 4


def test_without_an_impulse_there_is_no_leg_and_no_trade(at_hundred):
    reading = read_second_leg(at_hundred)
    assert (reading.leg, reading.state, reading.is_open) == (None, "idle", False)
    assert reading.verdict.no_trade
    assert reading.verdict.reason == "no leg is under way"
    assert reading.closes_only


FALL = (-0.004, -0.02, -0.012, 0.002, 0.006)


@pytest.fixture(scope="module")
def falling():
    """A fall through clusters that pauses, and how its leg reads."""
    price, interest = prices(ends=FALL)
    return situation_of(price, interest)


def test_a_running_leg_is_read_with_its_plan_and_its_costs(falling):
    reading = read_second_leg(falling, size_usd=1e5)
    assert reading.is_open
    assert reading.state in {"bounce", "rejection"}
    assert reading.plan is not None
    assert reading.plan.direction == "down"
    assert reading.plan.target < reading.plan.entry < reading.plan.invalidation
    # A tenth of what an even half percent holds: 2.5 bps on average, the same both ways.
    assert reading.slippage_bps == pytest.approx(2.5)
    assert reading.round_trip_bps == pytest.approx(5.0 + 2 * TAKER_BPS)
    assert reading.since_ignition_ms == falling.at_ms - reading.leg.ignition.impulse_ms
    assert reading.verdict.no_trade
    assert "no record" in reading.verdict.reason


def test_without_depth_slippage_is_unknown(falling):
    reading = read_second_leg(replace(falling, depth=None))
    assert (reading.slippage_bps, reading.round_trip_bps) == (None, None)


def test_the_impulse_was_seen_in_the_prices_the_situation_holds(falling):
    series = series_of_market(falling.mapped.market)
    assert find_ignitions(series)[-1] == read_second_leg(falling).ignitions[-1]


def past(net_bps, known_ms):
    n = 40
    at = known_ms - DAY_MS * np.arange(n, 0, -1)
    return PastLegs(at, at, np.zeros(n, dtype=np.int64), np.full(n, net_bps), 1e4)


def test_a_record_that_gained_with_its_whole_interval_lifts_no_trade_and_a_loss_does_not(falling):
    gained = read_second_leg(falling, past(12.0, AT_MS))
    assert not gained.verdict.no_trade
    assert (gained.n_past, gained.past_of, gained.share_bottomed) == (40, "legs", 1.0)
    assert read_second_leg(falling, past(-3.0, AT_MS)).verdict.no_trade


def test_a_record_of_later_days_is_not_seen(falling):
    later = read_second_leg(falling, past(12.0, AT_MS + 60 * DAY_MS))
    assert later.n_past == 0
    assert later.verdict.no_trade
    assert later.share_bottomed is None


def test_without_a_record_the_share_is_of_the_impulses_of_the_history(falling):
    reading = read_second_leg(falling)
    assert reading.past_of == "impulses"
    assert reading.share_bottomed is None  # too few in three days
