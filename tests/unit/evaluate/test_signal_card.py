"""The scorecard of signals: a planted one is found, a random one is not; what is said of both."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from tests.reference.feature_tables import AT_MS, PER_DAY, lay

from forcedflow.evaluate.scorecard import adjust
from forcedflow.evaluate.signal_card import LEAST_FIRED, POOLED, Scope, score_signals
from forcedflow.evaluate.signal_record import record_of, record_words
from forcedflow.features.grid import lagged
from forcedflow.units import DAY_MS

DAYS = 100
N = DAYS * PER_DAY
SCOPE = Scope("BTC/USDT:USDT", "binance")
SPAN = (AT_MS - 90 * DAY_MS, AT_MS)
HOURS = 12


def _table(warns, seed=0):
    """A wandering price with a fall every other day or so; a signal before each, or at random."""
    rng = np.random.default_rng(seed)
    falls = np.sort(rng.choice(np.arange(8 * PER_DAY, N - 2 * PER_DAY, PER_DAY), 36, replace=False))
    falls = falls + rng.integers(0, PER_DAY, falls.size)
    log_price, left = 0.0005 * rng.normal(size=N).cumsum(), np.zeros(N)
    for fall in falls:
        ramp = np.clip((np.arange(N) - fall) / 6, 0, 1)
        log_price -= 0.05 * ramp
        left -= 0.03 * ramp
    contracts = 1e3 * np.exp(left + 0.001 * np.sin(np.arange(N) / 7))
    hours = np.full(N, 30.0)
    starts = falls - 3 * HOURS if warns else rng.integers(8 * PER_DAY, N, falls.size)
    for start in starts:
        hours[start : start + HOURS] = 1.0
    return lay(
        {
            "price": 100 * np.exp(log_price),
            "open_interest": contracts,
            "oi_change_1h": contracts / lagged(contracts, HOURS) - 1,
            "sigma_day": 0.03 * np.exp(0.1 * np.sin(np.arange(N) / (3 * PER_DAY))),
            "hours_to_event": hours,
            "event_weight": 1.0,
        },
        n=N,
    )


@pytest.fixture(scope="module")
def planted():
    return score_signals([(SCOPE, _table(warns=True))], *SPAN)


@pytest.fixture(scope="module")
def random():
    return score_signals([(SCOPE, _table(warns=False))], *SPAN)


def _row(rows, metric, horizon, baseline="matched", symbol=SCOPE.symbol):
    (row,) = [
        row
        for row in rows
        if (row.metric, row.horizon, row.baseline, row.symbol)
        == (metric, horizon, baseline, symbol)
    ]
    return row


def test_a_signal_that_comes_before_cascades_is_told_from_chance(planted):
    rows, counted = planted
    row = _row(adjust(rows), "cascade_rate", "24h")
    assert row.value > 0.9
    assert row.ci[0] > 0.3
    assert row.p_adj < 0.01
    assert row.pass_
    assert row.n >= LEAST_FIRED
    assert row.baseline_value == pytest.approx(
        counted.cascades[SCOPE.symbol]["followed_within_24h"], abs=0.15
    )


def test_the_same_readings_late_are_worth_less(planted):
    rows, _ = planted
    for late in ("shifted_24h", "shifted_7d"):
        row = _row(rows, "cascade_rate_gain", "24h", late)
        assert row.value > 0.4
        assert row.value > row.baseline_value
        assert row.ci[0] > 0
        assert row.p is None


def test_a_signal_at_random_times_is_not(random):
    rows, _ = random
    for metric, horizon in (("cascade_rate", "24h"), ("abs_move", "4h"), ("abs_move", "24h")):
        row = _row(adjust(rows), metric, horizon)
        assert row.p_adj > 0.05
        assert row.ci[0] <= 0 <= row.ci[1]


def test_firings_inside_a_cascade_are_counted_and_not_scored(random):
    rows, counted = random
    told = counted.fired[SCOPE.symbol]["volatility_window"]
    levels = sum(count for name, count in told.items() if name not in {"fired", "not_scored"})
    assert told["fired"] == told["not_scored"] + levels
    assert told["not_scored"] > 0
    assert _row(rows, "abs_move", "4h").n == levels - told["none"]


def test_a_signal_without_inputs_is_missing_and_has_no_row(planted):
    rows, counted = planted
    assert {row.model for row in rows} == {"volatility_window"}
    missing = [entry["why"] for entry in counted.missing]
    assert "large_cluster is unknown throughout: no inputs held" in missing
    assert "loading is unknown throughout: no inputs held" in missing


def test_a_market_with_few_cascades_has_moves_and_no_rate():
    table = _table(warns=True)
    calm = table.joined({"oi_change_1h": np.full(N, -0.5)})
    rows, counted = score_signals([(SCOPE, calm)], *SPAN)
    assert {row.metric for row in rows} == {"abs_move", "abs_move_gain"}
    assert counted.cascades[SCOPE.symbol]["onsets"] == 0
    assert counted.unstated[SCOPE.symbol] == {
        "4h": {"volatility_window": 0.0},
        "24h": {"volatility_window": 0.0},
    }
    why = counted.missing[-1]["why"]
    assert why.endswith("expected: 4h: volatility_window; 24h: volatility_window")


def test_markets_are_pooled_over_the_same_days():
    other = Scope("ETH/USDT:USDT", "binance")
    tables = [(SCOPE, _table(warns=True)), (other, _table(warns=True, seed=1))]
    rows, _ = score_signals(tables, *SPAN)
    pooled = _row(rows, "cascade_rate", "24h", symbol=POOLED)
    own = [_row(rows, "cascade_rate", "24h", symbol=scope.symbol) for scope, _ in tables]
    assert pooled.n == sum(row.n for row in own)
    assert pooled.value == pytest.approx(
        np.average([row.value for row in own], weights=[row.n for row in own])
    )
    assert pooled.n_days < sum(row.n_days for row in own)


def test_only_the_span_is_scored(planted):
    rows, _ = score_signals([(SCOPE, _table(warns=True))], AT_MS - 70 * DAY_MS, AT_MS)
    row = _row(rows, "abs_move", "4h")
    assert 0 < row.n < _row(planted[0], "abs_move", "4h").n


def test_ids_are_unique_and_rows_are_numbers(planted):
    rows, _ = planted
    assert len({row.id for row in rows}) == len(rows)
    for row in rows:
        assert np.isfinite([row.value, row.baseline_value, row.gain, *row.ci]).all()
        assert row.gain == pytest.approx(row.value - row.baseline_value)


def test_scoring_twice_gives_the_same_bytes(planted):
    rows, _ = score_signals([(SCOPE, _table(warns=True))], *SPAN)
    assert msgspec.json.encode(rows) == msgspec.json.encode(planted[0])


def _record(rows, counted, *, simulated=False):
    fired = {name: told["fired"] for name, told in counted.fired[SCOPE.symbol].items()}
    return record_of(adjust(rows), SCOPE, *SPAN, fired, {"klines": "0"}, simulated=simulated)


def test_a_record_says_what_followed_beside_what_follows_anyway(planted):
    record = _record(*planted)
    words = record_words(record)["volatility_window"]
    figure = next(
        one
        for one in record.figures["volatility_window"]
        if (one.metric, one.horizon) == ("cascade_rate", "24h")
    )
    assert words.startswith("record 2025-11-08 to 2026-02-06: a cascade within 24 h after ")
    assert f"of {figure.n} firings on {figure.n_days} days" in words
    assert f"{100 * figure.matched:.0f} % at moments alike" in words
    assert "chance" not in words


def test_a_record_says_where_nothing_is_told_from_chance(random):
    words = record_words(_record(*random, simulated=True))["volatility_window"]
    assert words.endswith(": not told from chance")
    assert "SIMULATED" in words


def test_a_record_of_few_firings_says_that():
    record = record_of([], SCOPE, *SPAN, {"sweeps": 3}, {}, simulated=False)
    assert record_words(record) == {
        "sweeps": "record 2025-11-08 to 2026-02-06: fired 3 times, too rarely to say"
    }


def test_without_a_rate_of_cascades_the_record_tells_the_move(planted):
    rows, counted = planted
    moves = [row for row in rows if row.metric == "abs_move"]
    words = record_words(_record(moves, counted))["volatility_window"]
    assert "σ moved in 24 h" in words
