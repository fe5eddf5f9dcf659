"""The whole way from tables to zones, on markets small enough to reason about."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from tests.reference import markets

from forcedflow.errors import NoDataError
from forcedflow.instruments import parse_symbol
from forcedflow.liquidation_map import Market
from forcedflow.margin import rule_for, schedule_from_rows
from forcedflow.pipeline import build_map
from forcedflow.positions import PriceGrid
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS, SIDES

FIVE = 5 * MINUTE_MS
T0 = 1_760_000_400_000 // DAY_MS * DAY_MS
SCHEDULE = schedule_from_rows(
    "binance",
    "BTC/USDT:USDT",
    0,
    [(50e3, 0.004, 125), (250e3, 0.005, 100), (1e6, 0.01, 50)],
    source="example",
)


def _market(interest, *, mark=(), trade=(), funding=(), late_ms=0):
    rows = markets.open_interest_rows(interest)
    at_ms = interest[-1][0] + late_ms if interest else T0
    return Market(
        instrument=parse_symbol("BTC"),
        at_ms=at_ms,
        open_interest=rows,
        mark_klines=markets.kline_rows(list(mark), "mark"),
        trade_klines=markets.kline_rows(list(trade), "last"),
        funding=markets.funding_rows(list(funding)),
        schedule=SCHEDULE,
        rule=rule_for("binance", "linear", at_ms),
        notes=("a note",),
    )


def _wandering(n=400, seed=3):
    """Two days of five-minute bars with klines, volume, taker flow and funding."""
    rng = np.random.default_rng(seed)
    price = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.002, n)))
    contracts = 1000.0 + np.cumsum(rng.normal(0, 5, n))
    times = T0 + FIVE * np.arange(n)
    interest = list(zip(times.tolist(), contracts.tolist(), price.tolist(), strict=True))
    mark, trade = [], []
    for t in range(1, n):
        low, high = min(price[t - 1 : t + 1]) * 0.999, max(price[t - 1 : t + 1]) * 1.001
        volume = float(rng.gamma(2, 40))
        mark.append((int(times[t]), FIVE, low, high, price[t], None, None))
        trade.append((int(times[t]), FIVE, low, high, price[t], volume, volume * rng.random()))
    funding = [(int(t), "settled", 1e-4) for t in times if t % (8 * HOUR_MS) == 0]
    return _market(interest, mark=mark, trade=trade, funding=funding, late_ms=FIVE)


@pytest.fixture(scope="module")
def wandering():
    return build_map(_wandering(), picture_span_ms=DAY_MS)


def test_a_map_states_the_last_mark_open_interest_and_moment(wandering):
    rows = wandering.market.open_interest
    last = rows.row(-1, named=True)
    assert wandering.mark == pytest.approx(last["open_interest_usd"] / last["open_interest"])
    assert wandering.open_interest_usd == pytest.approx(last["open_interest_usd"])
    assert wandering.known_ms == int(rows["event_time"].dt.epoch("ms").max())


def test_each_side_is_scaled_to_the_open_interest_of_the_moment(wandering):
    for s, side in enumerate(SIDES):
        standing = wandering.ladder.standing(side) * wandering.scale[-1, s]
        assert standing == pytest.approx(wandering.bars.open_interest[-1], rel=1e-9)


def test_no_scaled_side_holds_more_than_the_open_interest_after_a_crash():
    # Everything stands within reach of a fall to a tenth; nothing is opened on the way.
    interest = [
        (T0 + i * FIVE, 1000.0, price) for i, price in enumerate((100.0, 100.0, 10.0, 10.0))
    ]
    result = build_map(_market(interest))
    assert np.isfinite(result.scale).all()
    assert result.scale[-1, 0] == 0.0  # no long is left, and none is made up
    assert result.ladder.standing("long") == pytest.approx(0.0, abs=1e-9)
    assert {zone.side for zone in result.zones()} <= {"short"}


def test_the_pictures_last_column_is_the_ladder_at_the_last_bar(wandering):
    heatmap = wandering.heatmap
    assert heatmap.columns.end_ms[-1] == wandering.known_ms
    for s, side in enumerate(SIDES):
        profile = wandering.profile_usd(heatmap.grid, side)
        np.testing.assert_allclose(
            heatmap.usd[-1, s], profile, rtol=1e-5, atol=1e-5 * profile.max()
        )


def test_no_long_is_shown_above_the_price_and_no_short_below_it(wandering):
    heatmap = wandering.heatmap
    edges = heatmap.grid.edges
    for c, close in enumerate(heatmap.candles[:, 3]):
        assert heatmap.side(0)[c][edges[:-1] > close].sum() == 0
        assert heatmap.side(1)[c][edges[1:] < close].sum() == 0


def test_a_picture_is_painted_only_where_asked_for_and_changes_no_number():
    market = _wandering(60)
    without, painted = build_map(market), build_map(market, picture_span_ms=2 * HOUR_MS)
    assert without.heatmap is None
    assert painted.heatmap.columns.size > 1
    assert without.ladder.state_hash() == painted.ladder.state_hash()
    assert markets.same_bytes(without.scale, painted.scale)
    assert without.zones() == painted.zones()


def test_zones_lie_on_their_side_of_the_price_and_state_a_range_that_holds_them(wandering):
    zones = wandering.zones()
    assert {zone.side for zone in zones} == set(SIDES)
    history_h = (wandering.known_ms - T0) / HOUR_MS
    for zone in zones:
        assert zone.low < zone.peak < zone.high
        assert zone.distance_pct <= 0 if zone.side == "long" else zone.distance_pct >= 0
        assert zone.notional_usd_low <= zone.notional_usd <= zone.notional_usd_high
        assert 0 < zone.share_of_oi < 1
        assert 0 <= zone.age_h <= history_h
        assert math.isfinite(zone.distance_sigma)


def test_the_age_of_a_zone_is_the_time_since_its_contracts_were_opened():
    # Ten days of quiet, a burst six hours before the end, then quiet again.
    n, burst = 10 * 24, 10 * 24 - 6
    times = [T0 + i * HOUR_MS for i in range(n + 1)]
    interest = [(t, 1.0 if i < burst else 1e6, 100.0) for i, t in enumerate(times)]
    zones = build_map(_market(interest)).zones()
    assert zones
    for zone in zones:
        assert zone.age_h == pytest.approx(6.0, abs=0.1)


def test_contracts_that_stood_before_the_first_bar_are_as_old_as_the_history():
    interest = [(T0 + i * HOUR_MS, 1000.0, 100.0) for i in range(25)]
    result = build_map(_market(interest))
    for zone in result.zones():
        assert zone.age_h == pytest.approx(24.0)
    unseen = result.assumptions()["unseen_entries_share"]
    assert unseen == {"long": 1.0, "short": 1.0}


def test_assumptions_say_everything_the_estimate_rests_on(wandering):
    stated = wandering.assumptions()
    assert json.loads(json.dumps(stated, allow_nan=False)) == stated
    assert sum(tier["share"] for tier in stated["leverage_prior"]) == pytest.approx(1, abs=0.01)
    assert stated["inputs"] == list(wandering.flows.inputs)
    assert stated["maintenance_margin"]["brackets"] == "example"
    assert stated["notes"] == ["a note"]
    assert stated["calibrated"] is False
    assert "not a forecast" in stated["estimate"]


def test_freshness_states_the_age_of_every_input(wandering):
    ages = wandering.freshness()
    assert ages["age_s"] == 300.0
    assert ages["input_age_s"]["open_interest"] == 300.0
    assert ages["input_age_s"]["mark_klines"] == 300.0
    assert ages["history_days"] == pytest.approx(398 * 5 / 1440, abs=0.01)
    nothing = build_map(_market([(T0, 1.0, 100.0), (T0 + FIVE, 1.0, 100.0)])).freshness()
    assert nothing["input_age_s"] == {
        "open_interest": 0.0,
        "mark_klines": None,
        "trade_klines": None,
        "funding": None,
    }


def test_one_observation_is_not_enough():
    with pytest.raises(NoDataError, match="two moments"):
        build_map(_market([(T0, 1.0, 100.0)]))


def test_the_window_around_the_mark_is_as_wide_as_asked_for(wandering):
    grid = wandering.grid(0.1)
    assert isinstance(grid, PriceGrid)
    assert grid.step == 1
    assert grid.edges[0] <= wandering.mark * 0.9 < grid.edges[1]
    assert grid.edges[-2] <= wandering.mark * 1.1 <= grid.edges[-1]
