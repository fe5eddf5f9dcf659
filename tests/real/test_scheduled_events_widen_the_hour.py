"""What the weights of scheduled events rest on: how much wider an hour is that holds one."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from forcedflow.econ_calendar.event import CPI, FOMC, KINDS, PAYROLLS
from forcedflow.econ_calendar.expiries import expiries
from forcedflow.econ_calendar.published import published_events

_HOUR = 3_600_000
_WEEKS = 4


@pytest.fixture(scope="module", params=["BTC", "ETH", "SOL"])
def widening(request, real_data):
    """Return, per event, the range of its hour over the median of that hour in nearby weeks."""
    bars = pl.read_csv(real_data / "candles" / f"{request.param}USDT_spot_1h.csv")
    starts = _starts_ms(bars)
    ranges = np.log(bars["high"].to_numpy() / bars["low"].to_numpy())
    place = {int(start): row for row, start in enumerate(starts)}
    events = [event for event in published_events() if event.local_time is not None]
    found: dict[str, list[float]] = {}
    for event in [*events, *expiries(int(starts[0]), int(starts[-1]))]:
        start = event.event_ms // _HOUR * _HOUR
        weeks = [week for week in range(-_WEEKS, _WEEKS + 1) if week]
        others = [place.get(start + week * 168 * _HOUR) for week in weeks]
        if start in place and None not in others:
            usual = np.median(ranges[others])
            found.setdefault(event.name, []).append(float(ranges[place[start]] / usual))
    return {name: np.array(ratios) for name, ratios in found.items()}


def _starts_ms(bars):
    return bars["timestamp"].str.to_datetime("%Y-%m-%d %H:%M:%S%z").dt.epoch("ms").to_numpy()


@pytest.mark.real_data
def test_the_heaviest_events_widen_their_hour_by_half_at_least(widening):
    for name in (FOMC, CPI, PAYROLLS):
        assert KINDS[name].weight == 1.0
        assert widening[name].size >= 15
        assert np.median(widening[name]) > 1.5, name


@pytest.mark.real_data
def test_an_expiry_does_not_widen_its_hour_and_weighs_little(widening):
    for name in ("weekly expiry", "monthly expiry", "quarterly expiry"):
        assert KINDS[name].weight <= 0.1
        assert np.median(widening[name]) < 1.3, name
