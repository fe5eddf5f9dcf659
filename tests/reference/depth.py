"""Rows of books, bands and bars for tests, written to be read."""

from __future__ import annotations

import numpy as np
import polars as pl

from forcedflow import tables

SYMBOL = "BTC/USDT:USDT"


def _stamped(table, columns, source, delay_ms=0):
    n = len(columns["event_time"])
    frame = pl.DataFrame(
        {"venue": ["binance"] * n, "symbol": [SYMBOL] * n, "source": [source] * n}
        | {"precedence": [1] * n, **columns}
    ).with_columns(pl.col("event_time").cast(tables.TIME))
    return tables.check(
        table,
        frame.with_columns(
            available_time=pl.col("event_time") + pl.duration(milliseconds=delay_ms)
        ),
    )


def book_rows(snapshots, source="test", delay_ms=0):
    """Rows of (time, bids, asks), levels as (price, amount) from the best outwards."""
    columns = {name: [] for name in ("event_time", "side", "level", "price", "amount")}
    for time, bids, asks in snapshots:
        for side, levels in (("bid", bids), ("ask", asks)):
            for level, (price, amount) in enumerate(levels):
                for name, value in zip(columns, (time, side, level, price, amount), strict=True):
                    columns[name].append(value)
    return _stamped("order_book", columns, source, delay_ms)


def band_rows(snapshots, source="test", delay_ms=0):
    """Rows of (time, {distance in percent: (notional, mean price)})."""
    columns = {name: [] for name in ("event_time", "distance_pct", "notional_usd", "amount")}
    for time, bands in snapshots:
        for pct, (usd, price) in bands.items():
            for name, value in zip(columns, (time, pct, usd, usd / price), strict=True):
                columns[name].append(value)
    return _stamped("depth_bands", columns, source, delay_ms)


def even_bands(time, mid, per_pct, factor=None):
    """One snapshot with the same value in every percent, each side times its factor."""
    of = {"bid": 1.0, "ask": 1.0} | (factor or {})
    bands = {}
    for pct in (1, 2, 3, 4, 5):
        for sign, side in ((-1, "bid"), (1, "ask")):
            mean = mid * (1 + sign * pct / 200)
            bands[float(sign * pct)] = (per_pct * pct * of[side], mean)
    return (time, bands)


def hourly_klines(end_ms, hours, volume=100.0, close=100.0, move=0.01, source="test"):
    """Hourly bars that go up and down by turns, the last ending at a time."""
    end = [end_ms - i * 3_600_000 for i in range(hours)][::-1]
    up = np.arange(hours) % 2 == 0
    opens = np.where(up, close, close * np.exp(move))
    closes = np.where(up, close * np.exp(move), close)
    columns = {
        "event_time": end,
        "price_type": ["last"] * hours,
        "interval_ms": [3_600_000] * hours,
        "open": opens.tolist(),
        "high": np.maximum(opens, closes).tolist(),
        "low": np.minimum(opens, closes).tolist(),
        "close": closes.tolist(),
        "volume": [volume] * hours,
    }
    return _stamped("klines", columns, source)
