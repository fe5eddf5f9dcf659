"""Rows held in memory are those of the lake, whatever came late, twice or out of order."""

import numpy as np
import polars as pl
import pytest

from forcedflow import tables
from forcedflow.errors import SchemaError
from forcedflow.live.held_rows import HeldRows
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, MINUTE_MS

VENUE, SYMBOL = "binance", "BTC/USDT:USDT"
T0 = 20_000 * DAY_MS
DAYS = 60
PRICES = ("last", "mark", "index", None)


def _bars(rng, start_ms, size, symbol=SYMBOL):
    """Bars in no order, some of them known late, some of one key."""
    event = start_ms + 5 * MINUTE_MS * rng.integers(1, 40, size)
    low = rng.uniform(90.0, 110.0, size)
    rows = pl.DataFrame(
        {
            "venue": VENUE,
            "symbol": symbol,
            "event_time": event,
            "available_time": event + MINUTE_MS * rng.integers(0, 3, size),
            "price_type": rng.choice(["last", "mark", "index"], size),
            "interval_ms": 5 * MINUTE_MS,
            "open": low,
            "high": low + 1.0,
            "low": low,
            "close": low,
            "source": rng.choice(["a", "b"], size),
            "precedence": rng.integers(0, 2, size),
        },
        schema_overrides={"precedence": pl.Int8},
    )
    times = ("event_time", "available_time")
    rows = rows.with_columns(pl.col(name).cast(tables.TIME) for name in times)
    return tables.check("klines", rows)


def _assert_same(held, lake, start_ms, at_ms):
    for price_type in PRICES:
        wanted = {
            "venue": VENUE,
            "symbol": SYMBOL,
            "start_ms": start_ms,
            "available_by_ms": at_ms,
            "price_type": price_type,
        }
        assert held.read("klines", **wanted).equals(lake.read("klines", **wanted))


@pytest.mark.parametrize("seed", range(3))
def test_bars_of_one_price_are_those_of_the_lake_after_every_addition(tmp_path, seed):
    rng = np.random.default_rng(seed)
    lake = Lake(tmp_path / "lake", create=True)
    lake.write({"klines": _bars(rng, T0, 200)})
    held = HeldRows(lake)
    _assert_same(held, lake, T0, T0 + DAY_MS)
    now = T0
    for step in range(12):
        # Days of new bars, so that what is held apart is trimmed; some come late.
        late = step % 3 == 2
        now += 0 if late else int(rng.integers(0, 2 * DAYS // 12 + 1)) * DAY_MS
        start = now - int(rng.integers(0, 3)) * DAY_MS if late else now
        other = _bars(rng, start, 5, symbol="BTC/USDT")
        rows = {"klines": pl.concat([_bars(rng, start, 30), other]).sample(fraction=1.0, seed=step)}
        lake.write(rows)
        held.add(rows)
        for start_ms in (None, now - 40 * DAY_MS, now - 7 * DAY_MS, now):
            _assert_same(held, lake, start_ms, now + DAY_MS // 12)


def test_rows_that_are_newer_are_told_from_their_first_event(tmp_path):
    rng = np.random.default_rng(0)
    lake = Lake(tmp_path / "lake", create=True)
    lake.write({"klines": _bars(rng, T0, 20)})
    held = HeldRows(lake)
    held.read("klines", venue=VENUE, symbol=SYMBOL)
    fresh = _bars(rng, T0 + DAY_MS, 20)
    (change,) = held.add({"klines": fresh})
    assert (change.event_ms, change.known_ms) == (
        fresh["event_time"].dt.epoch("ms").min(),
        fresh["available_time"].dt.epoch("ms").min(),
    )
    assert held.add({"klines": fresh}) == []


def test_a_table_without_prices_refuses_to_pick_one(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    lake.write({"klines": _bars(np.random.default_rng(0), T0, 20)})
    for source in (lake, HeldRows(lake)):
        with pytest.raises(SchemaError, match="price_type"):
            source.read("funding", venue=VENUE, symbol=SYMBOL, price_type="mark")
