"""Depth from recorded books and bands: the fault of a day is seen, and stated errors hold."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from forcedflow.asof import read_depth
from forcedflow.depth.beyond import log_error
from forcedflow.depth.from_bands import fault_of
from forcedflow.depth.from_book import from_book
from forcedflow.instruments import parse_symbol
from forcedflow.units import DAY_MS, MINUTE_MS
from forcedflow.venues.importers.hyperliquid_tape import read_hyperliquid_tape
from forcedflow.venues.importers.options import ImportOptions

pytestmark = pytest.mark.real_data

BTC = parse_symbol("BTC")


def ms(clock):
    return int(datetime.fromisoformat(f"2025-10-10T{clock}").replace(tzinfo=UTC).timestamp() * 1000)


def bands_until(lake, at_ms):
    return lake.read(
        "depth_bands",
        venue="binance",
        symbol=BTC.symbol,
        start_ms=at_ms - DAY_MS,
        available_by_ms=at_ms,
    )


def test_stale_bids_are_refused_from_their_contradiction_on_and_never_before(real_lake):
    whole = bands_until(real_lake, ms("23:59:59"))
    for minute in range(30, 24 * 60, 10):
        at = ms("00:00") + minute * MINUTE_MS
        known = whole.filter(pl.col("available_time").dt.epoch("ms") <= at)
        stale = minute >= 15 * 60 + 26
        assert (fault_of(known, "down") is not None) == stale, f"{minute // 60}:{minute % 60:02}"
        assert fault_of(known, "up") is None, f"{minute // 60}:{minute % 60:02}"
    assert fault_of(bands_until(real_lake, ms("15:25")), "down") is None
    assert fault_of(bands_until(real_lake, ms("15:26")), "down") is not None


def test_depth_before_the_fault_is_the_venues_own_and_after_it_never_the_stale_bids(real_lake):
    one = np.array([-np.log(0.99)])
    sound = read_depth(real_lake, BTC, ms("14:00"))[0]
    assert sound.source.startswith("depth bands")
    assert sound.cumulative(one)[0] == pytest.approx(2.86e8, rel=0.05)
    at_fault = read_depth(real_lake, BTC, ms("20:45"))[0]
    assert "stale reference" in at_fault.source
    assert at_fault.cumulative(one)[0] > 1e8  # the stale bids were 2 million USD


def test_a_days_volume_foretells_the_bands_within_its_stated_error(real_lake):
    at = ms("14:00")
    bands = read_depth(real_lake, BTC, at)
    from_day = read_depth(real_lake, BTC, ms("00:00") - 3 * 60 * MINUTE_MS)
    for seen, foretold in zip(bands, from_day, strict=True):
        assert foretold.source.startswith("no book known")
        miss = np.log(
            seen.cumulative(np.array([0.01]))[0] / foretold.cumulative(np.array([0.01]))[0]
        )
        assert abs(miss) < 2 * foretold.log_sd


@pytest.mark.parametrize(("coin", "reach_bps"), [("BTC", 3.0), ("DOGE", 4.0), ("AVAX", 6.0)])
def test_twenty_levels_reach_a_few_basis_points_and_say_so_in_their_error(
    real_data, coin, reach_bps
):
    (path,) = (real_data / "hyperliquid" / "tape").glob(f"l2_{coin}_*.gz")
    rows = read_hyperliquid_tape(path, path.read_bytes(), ImportOptions()).frames["order_book"]
    noon = rows["event_time"].min() + (rows["event_time"].max() - rows["event_time"].min()) / 2
    known = rows.filter(pl.col("event_time") <= noon)
    for direction in ("down", "up"):
        curve = from_book(known, direction)
        assert curve.measured_to == pytest.approx(reach_bps * 1e-4, rel=0.35)
        # Dispersion comes on top of what is not shown.
        assert curve.log_sd > log_error(0.2, curve.measured_to) > 1.5
        # The error covers what the outer half of the same book would have been foretold as.
        half = np.array([curve.measured_to / 2, curve.measured_to])
        inner, all_of_it = curve.cumulative(half)
        assert abs(np.log(all_of_it / (2 * inner))) < 2 * curve.log_sd
