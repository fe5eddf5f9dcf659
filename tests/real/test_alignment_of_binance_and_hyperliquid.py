"""How Binance's modelled ladder and Hyperliquid's measured one align, beside both nulls."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import numpy as np
import pytest
from tests.real.measured_alignment import read_pairs

from forcedflow.asof import read_market
from forcedflow.evaluate.alignment_trial import contrast
from forcedflow.features.grid import lay_times
from forcedflow.instruments import parse_symbol
from forcedflow.pipeline import build_map_features
from forcedflow.units import DAY_MS
from forcedflow.zones.alignment import TOLERANCE, TOLERANCE_SIGMA

pytestmark = [pytest.mark.real_data, pytest.mark.slow]


def _ms(*day):
    return int(datetime(*day, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
def test_agreement_is_counted_beside_a_stale_and_a_mirrored_ladder(real_lake, coin, capsys):
    at_ms, own, other, sample = read_pairs(real_lake, coin, _ms(2026, 2, 3), _ms(2026, 2, 13))
    accounts = len(set().union(*(rows["account"].to_list() for rows in sample)))
    assert at_ms.size > 40
    assert accounts > 200
    sigma = TOLERANCE_SIGMA * float(np.mean([ladder.sigma_day for ladder in own]))
    for within in (TOLERANCE, sigma):
        rows = contrast(own, other, at_ms, DAY_MS, within)
        with capsys.disabled():
            print(f"\n{coin}: {at_ms.size} moments, {accounts} accounts, within {within:.4f}")
            for row in rows:
                print(
                    f"  {row.measure:8}{row.side:6}{row.null:9} n {row.n:3} on {row.n_days:2} d: "
                    f"{row.value:.3f} against {row.null_value:.3f}, "
                    f"{row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}]"
                )
        # What the page says of it: no more alike than with the other venue's ladder of a day ago.
        stale = [r for r in rows if r.null == "stale" and r.measure == "overlap" and r.n_days > 1]
        assert stale
        assert all(row.low <= 0 <= row.high for row in stale)
        assert all(0 <= row.value < 0.6 for row in stale)


def test_a_hundred_days_of_hourly_maps_are_read_in_half_a_minute(real_lake, capsys):
    at_ms = _ms(2026, 3, 14) + 23 * 3_600_000
    market = read_market(real_lake, parse_symbol("BTC"), at_ms)
    times = lay_times(at_ms - 100 * DAY_MS, at_ms)
    build_map_features(market, times[-2:])  # compiled before the clock starts
    began = time.process_time()  # of this process alone: neighbours on the machine are no slowness
    columns = build_map_features(market, times)
    took = time.process_time() - began
    with capsys.disabled():
        print(f"\nmap features of {times.size} moments, read hourly: {took:.1f} s")
    assert not np.isnan(columns["mass_below_3pct"]).any()
    assert np.isnan(columns["cluster_above_pct"]).mean() < 0.02
    assert took < 30
