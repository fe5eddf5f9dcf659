"""Frozen cases and onsets: even stages worked out by hand, and what recorded crashes say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from docs.crash_onset import crash
from tests.reference.stages import stage_of
from tests.unit.evaluate.evaluated_market import START, klines, ms, open_interest

from forcedflow.cascade.waves import WaveRules
from forcedflow.cli.app import run as run_command
from forcedflow.errors import NoDataError
from forcedflow.evaluate.cascade_frozen import explained_share, measure_fall
from forcedflow.evaluate.cascade_onset import find_onset
from forcedflow.evaluate.path_only import market_bars
from forcedflow.evaluate.realised import Realised
from forcedflow.units import HOUR_MS

BINS = 400


def bars_of(low, high):
    market = open_interest(days=1)
    bars = market_bars(market, klines([], [], []), HOUR_MS)
    bars = replace(bars, low=np.full(bars.size, 100.0), high=np.full(bars.size, 100.0))
    for bar, price in low.items():
        bars.low[bar] = price
    for bar, price in high.items():
        bars.high[bar] = price
    return bars


def hours(n, longs):
    usd = np.zeros((n, 2))
    for hour, value in longs.items():
        usd[hour, 0] = value
    return Realised(ms(START) + HOUR_MS * (np.arange(n) + 1), usd)


def test_a_fall_is_the_further_way_and_counts_until_the_hour_that_went_there():
    # Bar 29 ends two and a half hours after the start, inside the third hour.
    bars = bars_of({29: 90.0, 200: 91.0}, {40: 104.0})
    fall = measure_fall(
        100.0,
        ms(START) + HOUR_MS,
        ms(START) + 23 * HOUR_MS,
        bars,
        hours(24, {0: 1.0, 1: 2.0, 2: 4.0, 3: 8.0}),
    )
    assert fall.side == "long"
    assert fall.distance == pytest.approx(np.log(100 / 90))
    assert fall.furthest_ms == int(bars.end_ms[29])
    assert fall.forced_usd == 6.0
    assert fall.span_ms == 22 * HOUR_MS


def test_a_case_without_prices_or_liquidations_after_it_is_not_scored():
    at_ms, to_ms = ms(START) + HOUR_MS, ms(START) + 23 * HOUR_MS
    with pytest.raises(NoDataError, match="no mark price"):
        measure_fall(
            100.0, at_ms + 30 * HOUR_MS, to_ms + 30 * HOUR_MS, bars_of({}, {}), hours(2, {})
        )
    with pytest.raises(NoDataError, match="never left"):
        measure_fall(100.0, at_ms, to_ms, bars_of({}, {}), hours(24, {}))
    with pytest.raises(NoDataError, match="no liquidations"):
        measure_fall(100.0, at_ms, to_ms, bars_of({100: 90.0}, {}), hours(2, {}))


@pytest.mark.parametrize("number", [0.0, 0.25, 0.5])
def test_on_an_even_stage_the_share_explained_is_the_branching_number(number):
    stage = stage_of(np.full(BINS, number * 1e6), np.full(BINS, 1e6))
    assert explained_share(stage, 0.05) == pytest.approx(number, abs=1e-3)


def test_a_ladder_that_carries_the_move_by_itself_explains_all_of_it():
    assert explained_share(stage_of(np.full(BINS, 2e6), np.full(BINS, 1e6)), 0.05) == 1.0


def rules(fund, latency_s=3.0):
    return WaveRules(
        (latency_s,),
        (fund,),
        (0.001,),
        mark_half_life_s=0.0,
        arbitrage_half_life_s=np.inf,
        refill_half_life_s=np.inf,
    )


def test_the_first_order_comes_a_latency_after_the_mark_has_met_the_ladder():
    forced = np.zeros(BINS)
    forced[20:22] = 1e5
    stage = stage_of(forced, np.full(BINS, 1e9))
    # One bin a second: bin 20 is entered in the 21st second, its order comes three later.
    path = np.arange(1, 61) * stage.width
    found = find_onset(stage, rules(np.inf), path)
    assert found.first_order_s == 24.0
    assert found.first_deleveraged_s is None
    assert found.delay_s is None


def test_an_empty_fund_deleverages_once_price_has_passed_bankruptcy():
    forced = np.zeros(BINS)
    forced[20:22] = 1e5
    stage = stage_of(forced, np.full(BINS, 1e5))
    path = np.arange(1, 61) * stage.width
    empty, rich = (find_onset(stage, rules(fund), path) for fund in (0.0, 1e12))
    assert empty.first_deleveraged_s is not None
    assert empty.delay_s >= 0
    assert rich.first_deleveraged_s is None


def test_a_path_that_meets_nothing_has_no_onset():
    found = find_onset(stage_of(np.zeros(BINS), np.full(BINS, 1e6)), rules(0.0), np.full(30, 0.02))
    assert (found.first_order_s, found.first_deleveraged_s) == (None, None)


@pytest.mark.real_data
@pytest.mark.slow
def test_the_crash_of_october_deleverages_later_than_was_printed_whatever_is_stated(real_data):
    grid, printed = crash(real_data)
    delays = [one.onset.delay_s for one in grid if one.onset.delay_s is not None]
    assert printed == pytest.approx(61.7, abs=0.05)
    # With the book that stood before there is hardly any deleveraging; a book that is gone comes
    # close, and never earlier: the fall is taken to have been even, and was not.
    assert min(delays) == pytest.approx(66.0, abs=5.0)
    assert min(delays) > printed
    stood = [one.onset.delay_s for one in grid if one.depth_share == 1.0]
    assert stood.count(None) > len(stood) / 2
    gone = [one.onset.delay_s for one in grid if one.depth_share < 1.0]
    assert None not in gone


@pytest.mark.real_data
@pytest.mark.slow
def test_the_fall_of_february_is_compared_with_what_stood_at_the_freeze(
    real_data, tmp_path, capsys
):
    lake = tmp_path / "lake"
    for kind, path in (
        ("binance-vision", "binance-vision/data/futures/um"),
        ("coinglass", "coinglass/coinglass_BTC_1h.csv"),
        ("coinglass", "coinglass/coinglass_BTC_liquidation_1h.csv"),
        ("candles", "candles"),
    ):
        assert run_command(["import", kind, str(real_data / path), "--lake", str(lake)]) == 0
    assert (
        run_command(
            ["train", "map", "--symbol", "BTC", "--fit-to", "2026-01-26", "--lake", str(lake)]
        )
        == 0
    )
    capsys.readouterr()
    case = ["--from", "2026-02-05T12:00Z", "--to", "2026-02-06T12:00Z", "--lake", str(lake)]
    assert run_command(["scorecard", "cascade", "--symbol", "BTC", *case, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {row["metric"]: row for row in found["results"]}
    assert all(row["n"] == 1 and row["p"] is None for row in found["results"])
    assert rows["critical_shock"]["baseline_value"] == pytest.approx(0.16046, abs=1e-4)
    # Nobody held the book, so thin and deep are far apart, and it says so.
    low, high = rows["share_explained"]["ci"]
    assert 0 < low < rows["share_explained"]["value"] < high <= 1
    assert high > 3 * low
    assert rows["share_explained_by_prints"]["value"] < 0.2
    assert any("not scored" in missing["why"] for missing in found["data"]["missing"])
    # Nothing later than the freeze stands behind what was said then.
    frozen = datetime(2026, 2, 5, 12, tzinfo=UTC).isoformat()[:16]
    ranges = found["data"]["ranges"]["BTC/USDT:USDT"]
    for name in ("open_interest", "mark_klines", "trade_klines", "funding"):
        assert all(end[:16] <= frozen for end in ranges[name])
