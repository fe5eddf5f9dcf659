"""Features equal their readable twins, written one moment at a time."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import feature_markets as markets
from tests.reference import features as readable

from forcedflow.econ_calendar import next_window, windows_at
from forcedflow.features import calendar, depth, funding, grid
from forcedflow.features.rows import Rows
from forcedflow.features.sweeps import sweeps
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

FEW = settings(deadline=None, max_examples=25)
SEEDS = st.integers(0, 2**32 - 1)
FIVE = 5 * MINUTE_MS
T0 = markets.MONDAY_MS


def _column(rng, n, unknown=0.1):
    column = rng.integers(-5, 6, n) / 2.0
    column[rng.random(n) < unknown] = np.nan
    return column


@FEW
@given(SEEDS)
def test_the_newest_known_row_equals_its_twin(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    rows = [
        (int(event), int(event + rng.choice([0, FIVE, 2 * HOUR_MS])), float(i))
        for i, event in enumerate(T0 + rng.choice(200, n, replace=False) * MINUTE_MS)
    ]
    held = pl.DataFrame(rows, schema=["event_time", "available_time", "value"], orient="row")
    held = held.with_columns(pl.col("event_time", "available_time").cast(pl.Datetime("ms")))
    times = grid.lay_times(T0, T0 + 6 * HOUR_MS)
    found = grid.newest_known(Rows(held), "value", times, HOUR_MS).value
    expected = [readable.newest_known(rows, int(t), HOUR_MS) for t in times]
    np.testing.assert_array_equal(found, expected)


@FEW
@given(SEEDS, st.integers(1, 70))
def test_trailing_windows_equal_their_twins(seed, window):
    rng = np.random.default_rng(seed)
    column = _column(rng, int(rng.integers(1, 120)))
    here = range(column.size)
    np.testing.assert_allclose(
        grid.trailing_sum(column, window),
        [readable.trailing_sum(column, i, window) for i in here],
        atol=1e-12,
    )
    for pick, twin in ((np.fmax, max), (np.fmin, min)):
        np.testing.assert_array_equal(
            grid.trailing_extreme(column, window, pick),
            [readable.trailing_extreme(column, i, window, twin) for i in here],
        )


@FEW
@given(SEEDS)
def test_a_trailing_rank_equals_its_twin(seed):
    rng = np.random.default_rng(seed)
    column = _column(rng, 2600, unknown=0.05)
    window, least = 8 * DAY_MS // FIVE, 7 * DAY_MS // FIVE
    found = grid.trailing_rank(column, 8 * DAY_MS)
    for i in [*range(2000, 2140), *rng.integers(0, 2600, 20)]:
        expected = readable.trailing_rank(column, i, window, least)
        np.testing.assert_allclose(found[i], expected, rtol=1e-14)


@FEW
@given(SEEDS)
def test_totals_of_bars_equal_their_twin(seed):
    rng = np.random.default_rng(seed)
    rows = []
    for interval, share in ((FIVE, 0.93), (HOUR_MS, 0.9), (DAY_MS, 1.0)):
        ends = np.arange(T0 + interval, T0 + DAY_MS + 1, interval)
        kept = ends[rng.random(ends.size) < share]
        rows += [(int(end), interval, float(rng.integers(0, 100))) for end in kept]
    held = markets.frame(
        "klines",
        [
            {"event_time": end, "interval_ms": interval, "volume": value}
            | dict.fromkeys(("open", "high", "low", "close"), 1.0)
            for end, interval, value in rows
        ],
        price_type="last",
    )
    times = grid.lay_times(T0, T0 + DAY_MS)
    found = grid.trailing_total(Rows(held), "volume", times, 4 * HOUR_MS)
    for i in range(0, times.size, 7):
        expected = readable.total(rows, int(times[i]), 4 * HOUR_MS)
        np.testing.assert_allclose(found[i], expected, rtol=1e-12)


@FEW
@given(SEEDS, st.booleans())
def test_sweeps_equal_their_twin(seed, hourly):
    rng = np.random.default_rng(seed)
    n = 900
    # A price that keeps coming back, so that it pokes what it left.
    steps = rng.integers(-3, 4, n)
    price = np.zeros(n)
    for i in range(1, n):
        price[i] = 0.98 * price[i - 1] + steps[i]
    if hourly:
        price = np.repeat(price[::12], 12)
    price[rng.random(n) < 0.01] = np.nan
    low = price - rng.integers(0, 8, n) / 2
    wait = np.where(rng.random(n) < 0.5, 6, 12)
    found = sweeps(-low, -price, wait).tolist()
    assert found == readable.swept_lows(low.tolist(), price.tolist(), wait.tolist())


@FEW
@given(SEEDS, st.booleans())
def test_durations_of_funding_equal_their_twins(seed, whole):
    rng = np.random.default_rng(seed)
    runs = rng.choice([12, 96, 192, 288, 289, 400, 3000], 14)
    rates = np.concatenate([np.full(k, rng.choice([-1e-4, 0.0, 1e-4])) for k in runs])
    if not whole:
        rates[rng.integers(0, rates.size, 3)] = np.nan
    times = T0 + FIVE * np.arange(rates.size)
    inputs = markets.inputs_of(
        int(times[-1]),
        funding=markets.frame(
            "funding",
            [
                {"event_time": int(t), "funding_rate": float(rate)}
                for t, rate in zip(times, rates, strict=True)
                if not np.isnan(rate)
            ],
            interval_hours=8.0,
            kind="settled",
        ),
    )
    columns = funding.compute(inputs, times)
    held = columns["funding_8h"].tolist()
    for i in rng.integers(0, times.size, 40).tolist():
        for name, twin in (
            ("funding_same_sign_hours", readable.same_sign_hours),
            ("funding_flip_hours", readable.flip_hours),
        ):
            np.testing.assert_allclose(columns[name][i], twin(held, i), rtol=1e-12)


@FEW
@given(SEEDS)
def test_slippage_equals_its_twin(seed):
    rng = np.random.default_rng(seed)
    distances = (0.2, 1.0, 2.0, 5.0)
    usd = np.sort(rng.lognormal(11, 1.5, (2, 4)), axis=1)
    if rng.random() < 0.2:
        usd[0] = usd[0][::-1]  # a wider band that holds less
    inputs = markets.inputs_of(
        T0,
        depth_bands=markets.frame(
            "depth_bands",
            [
                {
                    "event_time": T0,
                    "distance_pct": sign * distance,
                    "amount": usd[s, k] / (100 + sign),
                    "notional_usd": usd[s, k],
                }
                for s, sign in enumerate((-1, 1))
                for k, distance in enumerate(distances)
            ],
        ),
    )
    found = depth.compute(inputs, np.array([T0]))["slippage_100k_bps"][0]
    sides = [
        readable.slippage_bps(list(zip(distances, side, strict=True)), 100_000.0) for side in usd
    ]
    np.testing.assert_allclose(found, np.maximum(*sides), rtol=1e-12)


@FEW
@given(SEEDS)
def test_the_next_event_is_the_one_the_calendar_names(seed):
    rng = np.random.default_rng(seed)
    events = markets.events_of(rng, T0, T0 + 6 * DAY_MS)
    times = grid.lay_times(T0, T0 + 7 * DAY_MS)
    inputs = markets.inputs_of(int(times[-1]), calendar_events=events)
    columns = calendar.compute(inputs, times)
    for i in rng.integers(0, times.size, 60).tolist():
        at = int(times[i])
        expected = next_window(windows_at(events, at), at, horizon_ms=100 * DAY_MS)
        if expected is None:
            assert np.isnan(columns["hours_to_event"][i])
            assert calendar.next_event(inputs, at) is None
        else:
            hours = max(expected.start_ms - at, 0) / HOUR_MS
            assert columns["hours_to_event"][i] == hours
            assert columns["event_weight"][i] == expected.weight
            assert calendar.next_event(inputs, at) == f"{expected.event} (US)"
