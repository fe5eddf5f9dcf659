"""The cascade from tables to chains, both ways."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.reference import markets

from forcedflow.cascade.record_bound import PastPrices
from forcedflow.cascade.start import Start
from forcedflow.cascade.waves import assumed_rules
from forcedflow.depth.curve import DepthCurve
from forcedflow.depth.resilience import MEASURED, SIMULATED
from forcedflow.errors import NoDataError
from forcedflow.instruments import parse_symbol
from forcedflow.liquidation_map import Market
from forcedflow.margin import rule_for, schedule_from_rows
from forcedflow.pipeline import HORIZONS_MS, build_cascade, build_map
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

FIVE = 5 * MINUTE_MS
T0 = 1_760_000_400_000 // DAY_MS * DAY_MS


def _map(n, source="test", seed=3):
    rng = np.random.default_rng(seed)
    price = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.002, n)))
    contracts = 1e5 + np.cumsum(rng.normal(0, 500, n))
    times = T0 + FIVE * np.arange(n)
    interest = list(zip(times.tolist(), contracts.tolist(), price.tolist(), strict=True))
    rows = markets.open_interest_rows(interest)
    market = Market(
        instrument=parse_symbol("BTC"),
        at_ms=int(times[-1]) + FIVE,
        open_interest=rows.with_columns(source=markets.pl.lit(source)),
        mark_klines=markets.kline_rows([], "mark"),
        trade_klines=markets.kline_rows([], "last"),
        funding=markets.funding_rows([]),
        schedule=schedule_from_rows(
            "binance", "BTC/USDT:USDT", 0, [(1e6, 0.01, 50)], source="example"
        ),
        rule=rule_for("binance", "linear", int(times[-1])),
        notes=(),
    )
    return build_map(market)


def _books(mapped, usd_per_pct=2e5):
    edges = np.array([0.0, 0.01, 0.05])
    down, up = (
        DepthCurve(way, edges, np.diff(edges) / 0.01 * usd_per_pct, 0.05, 0.3, "by hand", at_ms)
        for way, at_ms in (
            ("down", mapped.market.at_ms - 60_000),
            ("up", mapped.market.at_ms - 30_000),
        )
    )
    return down, up


@pytest.fixture(scope="module")
def mapped():
    return _map(1_600)


@pytest.fixture(scope="module")
def cascade(mapped):
    return build_cascade([mapped], [_books(mapped)], seed=5, scenarios=400)


def test_both_ways_come_with_every_horizon(cascade):
    assert (cascade.down.direction, cascade.up.direction) == ("down", "up")
    for chain in (cascade.down, cascade.up):
        assert tuple(found.horizon_ms for found in chain.structural) == HORIZONS_MS
        assert chain.simulation.horizon_ms == 4 * HOUR_MS
        bound = chain.simulation.bound
        assert chain.simulation.size == round(bound.kept * 400)
        assert bound.past.source == "these bars"
        assert chain is cascade.chain(chain.direction)


def test_dominoes_are_the_zones_of_the_map(cascade, mapped):
    zones = mapped.zones()
    assert zones
    for chain, side in ((cascade.down, "long"), (cascade.up, "short")):
        expected = [zone.low for zone in zones if zone.side == side]
        np.testing.assert_allclose([domino.low for domino in chain.dominoes], expected)
        assert {domino.side for domino in chain.dominoes} <= {side}


def test_the_same_seed_gives_the_same_answer(cascade, mapped):
    again = build_cascade([mapped], [_books(mapped)], seed=5, scenarios=400)
    assert [d.row() for d in again.down.dominoes] == [d.row() for d in cascade.down.dominoes]
    assert again.asymmetry() == cascade.asymmetry()


def test_asymmetry_says_which_way_more_would_be_forced(cascade):
    found = cascade.asymmetry()
    down, up = (chain.expected_forced_usd() for chain in (cascade.down, cascade.up))
    assert found.forced == pytest.approx((down - up) / (down + up))
    assert -1 <= found.structural <= 1


def test_base_rates_cover_both_ways_and_both_spans(cascade, mapped):
    seen = {(rate.direction, rate.within_ms) for rate in cascade.base_rates}
    assert seen == {(way, span) for way in ("down", "up") for span in (HOUR_MS, 4 * HOUR_MS)}
    assert all(rate.to_ms == mapped.known_ms for rate in cascade.base_rates)


def test_everything_it_rests_on_is_said_in_plain_values(cascade):
    said = json.loads(json.dumps(cascade.assumptions(), allow_nan=False))
    assert said["label"] == "structural, uncalibrated"
    assert said["start"] == "price stands at the mark"
    assert "by hand" in said["forced_flow"]["down"][0]
    assert said["maps"][0]["model"] == "prior"


def test_the_older_side_of_a_book_is_its_age(cascade):
    assert cascade.freshness()["depth_age_s"] == {"binance": 60.0}
    assert cascade.freshness()["maps"][0]["age_s"] == FIVE / 1000


def test_an_unusual_horizon_stands_beside_the_usual_ones(mapped):
    found = build_cascade([mapped], [_books(mapped)], seed=5, scenarios=40, horizon_ms=2 * HOUR_MS)
    assert [s.horizon_ms for s in found.up.structural] == sorted({2 * HOUR_MS, *HORIZONS_MS})
    assert found.up.simulation.horizon_ms == 2 * HOUR_MS


def test_books_that_behave_otherwise_stand_beside_those_assumed(cascade):
    sooner, later, leaving = cascade.down.alternatives
    assert sooner.words == "books refill by half in 15 s, not 130"
    assert later.words == "books refill by half in 1200 s, not 130"
    assert leaving.words.startswith("makers leave with ω")
    for found in (sooner, later, leaving):
        assert 0 < found.structural.n <= 100
        assert len(found.p_reach) == len(cascade.down.dominoes)
    usual = cascade.down.structural[1].simulated
    assert sooner.structural.value <= usual.value + 3 * usual.standard_error


def test_a_longer_record_bounds_how_far_scenarios_go(mapped, cascade):
    bars = mapped.bars
    again = [np.concatenate([values] * 3) for values in (bars.low, bars.high, bars.close)]
    end_ms = bars.end_ms[-1] - FIVE * np.arange(3 * bars.size)[::-1]
    longer = PastPrices(*again, end_ms, "three times as long")
    found = build_cascade([mapped], [_books(mapped)], seed=5, scenarios=400, past=longer)
    bound = found.down.simulation.bound
    assert bound.past.source == "three times as long"
    assert bound.past.n > cascade.down.simulation.bound.past.n
    assert "three times as long" in found.assumptions()["record_bound"]["down"]
    if bound.held:
        assert found.down.simulation.p_reach(bound.distance * 1.000001).value <= bound.limit


def test_draws_that_a_short_record_contradicts_do_not_come_back_over_longer_spans(cascade):
    for chain in (cascade.down, cascade.up):
        sizes = [at.simulated.n for at in chain.structural]
        assert all(n <= 400 for n in sizes)
        assert sizes[-1] <= 100


def test_stated_rules_and_resilience_are_used(mapped, cascade):
    rules = tuple(
        replace(assumed_rules(chain.stage), refill_half_life_s=60.0, source="stated")
        for chain in (cascade.down, cascade.up)
    )
    still = replace(MEASURED, omega=0.0)
    found = build_cascade(
        [mapped], [_books(mapped)], seed=5, scenarios=40, rules=rules, resilience=still
    )
    assert (found.down.simulation.least_left == 1).all()
    assert "stated" in found.assumptions()["waves"]
    assert "in 60 s" in found.assumptions()["refill"]


def test_a_start_pushes_one_way(mapped, cascade):
    start = Start.from_move(-0.03)
    found = build_cascade([mapped], [_books(mapped)], seed=5, scenarios=400, start=start)
    assert found.down.expected_forced_usd() > cascade.down.expected_forced_usd()
    assert found.up.expected_forced_usd() <= cascade.up.expected_forced_usd()
    assert "-3.00 %" in found.assumptions()["start"]


def test_two_venues_stand_on_one_stage(mapped):
    found = build_cascade([mapped, mapped], [_books(mapped)] * 2, seed=5, scenarios=40)
    one = build_cascade([mapped], [_books(mapped)], seed=5, scenarios=40)
    np.testing.assert_allclose(
        [d.notional_usd for d in found.down.dominoes],
        [2 * d.notional_usd for d in one.down.dominoes],
    )
    assert [d.low for d in found.down.dominoes] == [d.low for d in one.down.dominoes]


def test_simulated_rows_make_a_simulated_cascade(cascade):
    made = _map(1_600, source="sandbox:made")
    found = build_cascade([made], [_books(made)], seed=5, scenarios=20)
    assert found.simulated
    assert found.assumptions()["simulated"] is True
    assert found.resilience is SIMULATED
    assert not cascade.simulated
    assert cascade.resilience is MEASURED


def test_too_short_a_history_is_refused():
    short = _map(300)
    with pytest.raises(NoDataError, match="simulating paths"):
        build_cascade([short], [_books(short)], seed=5)


def test_maps_and_books_that_do_not_match_are_refused(mapped):
    books = _books(mapped)
    with pytest.raises(ValueError, match="one pair of depth curves per map"):
        build_cascade([mapped], [], seed=5)
    with pytest.raises(ValueError, match="one pair of depth curves per map"):
        build_cascade([], [], seed=5)
    with pytest.raises(ValueError, match="not of it"):
        build_cascade([mapped], [books[::-1]], seed=5)


def test_no_depth_at_all_is_said_and_not_hidden(mapped):
    down, up = (replace(curve, usd=np.zeros(2)) for curve in _books(mapped))
    found = build_cascade([mapped], [(down, up)], seed=5, scenarios=40)
    assert found.down.simulation.exhausted.any()
    assert not all(domino.absorbed for domino in found.down.dominoes)
