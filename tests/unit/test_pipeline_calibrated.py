"""A map made with learned weights: the same rules, and bands that say what was learned."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from tests.reference import markets
from tests.reference.trained import trained_on

from forcedflow.cascade.forced_flow import forced_flow
from forcedflow.cascade.stage import lay_edges
from forcedflow.errors import DataError
from forcedflow.instruments import parse_symbol
from forcedflow.liquidation_map import Market
from forcedflow.margin import rule_for, schedule_from_rows
from forcedflow.pipeline import build_map
from forcedflow.positions import prior_atoms
from forcedflow.positions.bands import AS_TOLD, MODEL_ERROR
from forcedflow.report.terminal import zone_table
from forcedflow.units import DAY_MS, MINUTE_MS, SIDES

FIVE = 5 * MINUTE_MS
T0 = 1_760_000_400_000 // DAY_MS * DAY_MS
SCHEDULE = schedule_from_rows(
    "binance",
    "BTC/USDT:USDT",
    0,
    [(50e3, 0.004, 125), (250e3, 0.005, 100), (1e6, 0.01, 50)],
    source="example",
)
ATOMS = prior_atoms(SCHEDULE, rule_for("binance", "linear", T0))


def _market(n=600, seed=5):
    rng = np.random.default_rng(seed)
    price = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.002, n)))
    contracts = 1000.0 + np.cumsum(rng.normal(0, 5, n))
    times = T0 + FIVE * np.arange(n)
    interest = list(zip(times.tolist(), contracts.tolist(), price.tolist(), strict=True))
    trade = [(int(t), FIVE, p, p, p, 40.0, None) for t, p in zip(times[1:], price[1:], strict=True)]
    return Market(
        instrument=parse_symbol("BTC"),
        at_ms=int(times[-1]),
        open_interest=markets.open_interest_rows(interest),
        mark_klines=markets.kline_rows([], "mark"),
        trade_klines=markets.kline_rows(trade, "last"),
        funding=markets.funding_rows([]),
        schedule=SCHEDULE,
        rule=rule_for("binance", "linear", T0),
    )


@pytest.fixture(scope="module")
def market():
    return _market()


@pytest.fixture(scope="module")
def calibrated(market):
    return build_map(market, DAY_MS, trained_on(ATOMS))


def test_each_side_still_holds_the_open_interest(calibrated):
    everywhere = calibrated.ladder.extent()
    for s, side in enumerate(SIDES):
        standing = calibrated.ladder.standing(side) * calibrated.scale[-1, s]
        assert standing == pytest.approx(calibrated.bars.open_interest[-1], rel=1e-9)
        mass = calibrated.mass(everywhere, side)
        contracts = (mass.by_atom_usd / everywhere.prices).sum()
        assert contracts == pytest.approx(calibrated.bars.open_interest[-1], rel=1e-9)
        assert mass.held_share.sum() == pytest.approx(1.0)


def test_the_picture_and_the_profile_are_of_the_same_weights(calibrated):
    heatmap = calibrated.heatmap
    for s, side in enumerate(SIDES):
        profile = calibrated.profile_usd(heatmap.grid, side)
        by_atom = calibrated.mass(heatmap.grid, side).by_atom_usd.sum(axis=0)
        np.testing.assert_allclose(profile.sum(axis=0), by_atom, rtol=1e-9, atol=1e-6)
        np.testing.assert_allclose(
            heatmap.usd[-1, s], profile, rtol=1e-5, atol=1e-5 * profile.max()
        )


def test_hot_longs_stand_nearer_to_the_mark_than_under_the_prior_and_cold_shorts_farther(
    market, calibrated
):
    prior = build_map(market)

    def within(mapped, side, reach=0.05):
        grid = mapped.grid(reach)
        return mapped.profile_usd(grid, side).sum() / mapped.open_interest_usd

    assert within(calibrated, "long") > 1.05 * within(prior, "long")
    assert within(calibrated, "short") < 0.95 * within(prior, "short")


def test_weights_that_are_the_priors_shares_give_the_priors_map(market):
    same = trained_on(ATOMS, weight=np.tile(ATOMS.share, (2, 1)) * 0.003, informed=0.0, events=1e18)
    found, prior = build_map(market, trained=same), build_map(market)
    np.testing.assert_allclose(found.scale, prior.scale, rtol=1e-9)
    for ours, theirs in zip(found.zones(), prior.zones(), strict=True):
        assert ours.notional_usd == pytest.approx(theirs.notional_usd)
        # Only learned weights claim a coverage, so only their bands carry the model's error.
        low = min(theirs.notional_usd, MODEL_ERROR.low * theirs.notional_usd_low)
        high = max(theirs.notional_usd, MODEL_ERROR.high * theirs.notional_usd_high)
        assert (ours.notional_usd_low, ours.notional_usd_high) == pytest.approx((low, high))
        assert ours.prior_share == pytest.approx(1.0)


def test_every_zone_has_a_band_that_fewer_events_widen(market, calibrated):
    few = build_map(market, trained=trained_on(ATOMS, events=2.0))
    zones, wider = calibrated.zones(), few.zones()
    assert {zone.side for zone in zones} == set(SIDES)
    for zone, wide in zip(zones, wider, strict=True):
        assert wide.notional_usd == zone.notional_usd
        assert wide.notional_usd_low < zone.notional_usd_low < zone.notional_usd
        assert wide.notional_usd_high >= zone.notional_usd_high >= zone.notional_usd
        assert zone.prior_share == pytest.approx(0.1)


def test_the_answer_says_what_the_weights_rest_on(calibrated):
    stated = calibrated.assumptions()
    assert json.loads(json.dumps(stated, allow_nan=False)) == stated
    assert (stated["model"], stated["calibrated"]) == ("calibrated", True)
    assert stated["mixture"]["targets"] == "example liquidation_totals"
    assert stated["mixture"]["borrowed_from"] is None
    assert stated["mixture"]["card"] == ["made by hand"]
    assert stated["prior_share"] == {"long": 0.1, "short": 0.1}
    assert "widened by the model error measured on the simulated exchange" in stated["range"]
    error = stated["model_error"]
    assert (error["low_factor"], error["high_factor"]) == (MODEL_ERROR.low, MODEL_ERROR.high)
    assert "applies to standing notional only" in error["source"]
    assert calibrated.range_words == "10–90 % incl. model error"
    assert calibrated.range_words in zone_table(calibrated.zones(), calibrated).title.plain
    for side in SIDES:
        shares = stated["leverage_fitted"][side]
        assert sum(tier["share"] for tier in shares) == pytest.approx(1, abs=0.01)
    assert calibrated.freshness()["fit_age_s"] == calibrated.market.at_ms / 1000


def test_a_stated_prior_carries_no_model_error(market):
    prior = build_map(market)
    assert prior.range_words == "range over stated priors"
    assert "model_error" not in prior.assumptions()
    assert {prior.mass(prior.grid(), side).model_error for side in SIDES} == {AS_TOLD}


def test_what_a_feed_would_show_carries_no_model_error(calibrated, monkeypatch):
    found = calibrated.what_if(0.97 * calibrated.mark)
    monkeypatch.setattr("forcedflow.liquidation_map.MODEL_ERROR", AS_TOLD)
    as_told = calibrated.what_if(0.97 * calibrated.mark)
    assert found.sides[0].feed == as_told.sides[0].feed
    assert found.sides[0].standing.low < as_told.sides[0].standing.low


def test_weights_of_another_venue_are_said_to_be_borrowed(market):
    lent = build_map(market, trained=trained_on(ATOMS, venue="bybit"))
    assert lent.borrowed_from == "bybit BTC/USDT:USDT"
    assert "borrowed from bybit" in lent.model_words
    assert lent.assumptions()["mixture"]["borrowed_from"] == "bybit BTC/USDT:USDT"


def test_a_map_of_simulated_weights_is_simulated(market):
    assert not build_map(market, trained=trained_on(ATOMS)).simulated
    assert build_map(market, trained=trained_on(ATOMS, simulated=True)).simulated


def test_weights_from_the_future_are_refused(market):
    build_map(market, trained=trained_on(ATOMS, fit_to_ms=market.at_ms))
    with pytest.raises(DataError, match="after the moment"):
        build_map(market, trained=trained_on(ATOMS, fit_to_ms=market.at_ms + 1))


@pytest.mark.parametrize(("side", "away"), [("long", 0.97), ("short", 1.03)])
def test_a_move_sweeps_what_stands_between_the_mark_and_the_price(calibrated, side, away):
    s = SIDES.index(side)
    found = calibrated.what_if(calibrated.mark * away)
    assert found.move == pytest.approx(away - 1)
    here, other = found.sides[s], found.sides[1 - s]
    grid = calibrated.grid(0.2)
    usd = calibrated.profile_usd(grid, side).sum(axis=0)
    low, high = sorted([found.from_price, found.to_price])
    inside = usd[(grid.edges[:-1] >= low) & (grid.edges[1:] <= high)].sum()
    touched = usd[(grid.edges[1:] >= low) & (grid.edges[:-1] <= high)].sum()
    assert inside <= here.standing.usd <= touched
    assert here.standing.low < here.standing.usd <= here.standing.high
    assert other.standing.usd == 0.0
    assert here.feed.usd > here.background_usd > other.feed.usd > 0


def test_what_a_feed_would_show_is_in_the_units_of_the_fit_and_follows_its_level(market):
    """Weights times unit sweeps, as the fit had them: shares of opens must not matter."""
    trained = trained_on(ATOMS)
    mapped = build_map(market, trained=trained)
    found = mapped.what_if(mapped.mark * 0.97).sides[0]
    swept = found.standing.usd / mapped.scale[-1, 0] * trained.mixture.weight[0].sum()
    assert found.feed.usd == pytest.approx(swept + found.background_usd)
    doubled = build_map(market, trained=replace(trained, level=2.0)).what_if(mapped.mark * 0.97)
    assert doubled.sides[0].feed.usd == pytest.approx(2 * found.feed.usd)
    assert doubled.sides[0].standing == found.standing


def test_a_prior_map_knows_no_feed(market):
    found = build_map(market).what_if(90.0)
    assert found.length_ms is None
    assert [side.feed for side in found.sides] == [None, None]


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan])
def test_what_is_no_price_is_refused(calibrated, price):
    with pytest.raises(ValueError, match="positive"):
        calibrated.what_if(price)


def test_a_mixture_that_states_a_complete_feed_is_believed_about_forced_flow(market):
    trained = trained_on(ATOMS)
    edges = lay_edges()
    part, whole = (
        forced_flow(
            build_map(market, trained=replace(trained, complete_feed=stated)), "long", edges
        )
        for stated in (False, True)
    )
    assert "a lower bound" in part.words
    assert "a lower bound" not in whole.words
    assert whole.usd.sum() < part.usd.sum()
    assert whole.log_sd < part.log_sd
