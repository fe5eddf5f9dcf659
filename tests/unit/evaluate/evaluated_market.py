"""A small market in tables: a random path, and liquidations that its excursions caused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from forcedflow import tables

START = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)
HOUR = timedelta(hours=1)


def ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _rows(table, times, **columns):
    frame = pl.DataFrame(
        {
            "venue": ["simulated"] * len(times),
            "symbol": ["BTC/USDT:USDT"] * len(times),
            "event_time": times,
            "available_time": times,
            **columns,
            "source": ["test"] * len(times),
            "precedence": [0] * len(times),
        }
    )
    return tables.check(
        table,
        frame.with_columns(pl.col("event_time", "available_time").cast(tables.TIME)),
    )


def open_interest(days=12, seed=0):
    rng = np.random.default_rng(seed)
    n = days * 288 + 1
    close = 100 * np.exp(np.cumsum(rng.standard_t(4, n)) * 1e-3)
    coins = 1e4 * np.exp(np.cumsum(rng.standard_normal(n)) * 1e-3)
    times = [START + i * STEP for i in range(n)]
    return _rows("open_interest", times, open_interest=coins, open_interest_usd=coins * close)


def totals(market, *, share=0.05, interval=HOUR, seed=1):
    """A noisy share of how far each hour fell below, or rose above, its first mark."""
    rng = np.random.default_rng(seed)
    mark = (market["open_interest_usd"] / market["open_interest"]).to_numpy()
    usd = market["open_interest_usd"].to_numpy()
    k = interval // STEP
    times, sides, amounts = [], [], []
    for i in range(0, len(mark) - k, k):
        hour = np.log(mark[i : i + k + 1])
        for side, moved in (("long", hour[0] - hour.min()), ("short", hour.max() - hour[0])):
            times.append(START + (i + k) * STEP)
            sides.append(side)
            amounts.append(usd[i] * share * moved * rng.gamma(4.0, 0.25))
    n = len(times)
    return _rows(
        "liquidation_totals",
        times,
        side=sides,
        interval_ms=[interval // timedelta(milliseconds=1)] * n,
        notional_usd=amounts,
        completeness=["complete"] * n,
    )


def prints(rows):
    """Single liquidations from (time, side, USD)."""
    times, sides, usd = zip(*rows, strict=True)
    n = len(times)
    return _rows(
        "liquidations",
        list(times),
        side=list(sides),
        price=[100.0] * n,
        price_kind=["fill"] * n,
        amount=[u / 100 for u in usd],
        notional_usd=list(usd),
        event_id=[str(i) for i in range(n)],
        completeness=["complete"] * n,
    )


def klines(times, low, high, *, interval=HOUR, price_type="spot"):
    n = len(times)
    return _rows(
        "klines",
        list(times),
        price_type=[price_type] * n,
        interval_ms=[interval // timedelta(milliseconds=1)] * n,
        open=high,
        high=high,
        low=low,
        close=low,
    )
