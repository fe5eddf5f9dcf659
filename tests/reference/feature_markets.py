"""Markets to compute features of: rows of every table, some late, some missing, some empty."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import polars as pl

from forcedflow import tables
from forcedflow.features.inputs import FeatureInputs
from forcedflow.instruments import parse_symbol
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

BTC = parse_symbol("BTC")
MONDAY_MS = 1_769_990_400_000  # 2026-02-02 00:00 UTC
FIVE_MS = 5 * MINUTE_MS
TABLE_OF = {
    "trade_klines": "klines",
    "mark_klines": "klines",
    "spot_klines": "klines",
    "open_interest": "open_interest",
    "funding": "funding",
    "long_short_ratio": "long_short_ratio",
    "liquidation_totals": "liquidation_totals",
    "depth_bands": "depth_bands",
    "calendar_events": "calendar_events",
}


def frame(table, rows, delay_ms=0, **constant):
    """Checked rows of a table from dicts with ``event_time`` in milliseconds."""
    if not rows:
        return tables.empty(table)
    head = {"venue": "binance", "symbol": BTC.symbol, "source": "hand", "precedence": 1}
    made = pl.DataFrame([{**head, **constant, **row} for row in rows], infer_schema_length=None)
    if "available_time" not in made.columns:
        made = made.with_columns(available_time=pl.col("event_time") + delay_ms)
    times = [name for name, dtype in tables.TABLES[table].schema.items() if dtype == tables.TIME]
    made = made.with_columns(
        pl.col(name).cast(pl.Int64).cast(tables.TIME) for name in times if name in made.columns
    )
    return tables.check(table, made)


def inputs_of(at_ms, **frames):
    """Inputs that hold these frames and nothing else."""
    held = {name: tables.empty(table) for name, table in TABLE_OF.items()}
    return FeatureInputs(instrument=BTC, at_ms=at_ms, **(held | frames))


def klines(end_ms, close, interval_ms, price_type="last", spread=0.0, **columns):
    """Bars that end then; highs and lows ``spread`` beyond the close, relative."""
    rows = [
        {
            "event_time": int(end),
            "open": price,
            "high": price * (1 + spread),
            "low": price * (1 - spread),
            "close": price,
            **{name: values[i] for name, values in columns.items()},
        }
        for i, (end, price) in enumerate(zip(end_ms, np.asarray(close).tolist(), strict=True))
    ]
    return frame("klines", rows, price_type=price_type, interval_ms=interval_ms)


def interest(end_ms, contracts, mark=None, delay_ms=0):
    rows = [
        {
            "event_time": int(end),
            "open_interest": float(held),
            "open_interest_usd": None if mark is None else float(held * mark[i]),
        }
        for i, (end, held) in enumerate(zip(end_ms, contracts, strict=True))
    ]
    return frame("open_interest", rows, delay_ms)


def random_inputs(seed, days, start_ms=MONDAY_MS):
    """A market with everything in it: gaps, late rows, bars of several lengths, both sides."""
    rng = np.random.default_rng(seed)
    end = start_ms + days * DAY_MS
    fives = np.arange(start_ms, end + 1, FIVE_MS)
    hours = np.arange(start_ms, end + 1, HOUR_MS)
    path = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.002, fives.size)))
    hourly = path[:: HOUR_MS // FIVE_MS]

    def some(times, share=0.97):
        return np.sort(rng.permutation(times.size)[: int(times.size * share)])

    def volumes(n):
        volume = rng.lognormal(3, 1, n)
        return {
            "volume": volume.tolist(),
            "taker_buy_volume": (volume * rng.uniform(0.3, 0.7, n)).tolist(),
        }

    at, ah = some(fives), some(hours)
    half = at[: at.size // 2]
    trades = pl.concat(
        [
            klines(hours[ah], hourly[ah], HOUR_MS, spread=0.003, **volumes(ah.size)),
            klines(fives[half], path[half], FIVE_MS, spread=0.001, **volumes(half.size)),
        ]
    )
    settle = np.arange(start_ms, end + 1, 8 * HOUR_MS)
    liquidated = rng.lognormal(10, 2, (hours.size, 2)) * (rng.random((hours.size, 2)) < 0.8)
    depth = rng.lognormal(15, 0.5, (hours.size, 2))
    found = inputs_of(
        end,
        trade_klines=trades,
        mark_klines=klines(fives[half[:500]], path[half[:500]], FIVE_MS, "mark", 0.0005),
        spot_klines=klines(
            hours,
            hourly * np.exp(rng.normal(0, 1e-3, hours.size)),
            HOUR_MS,
            "spot",
            **volumes(hours.size),
        ),
        open_interest=interest(fives[at], rng.lognormal(7, 0.1, at.size), path[at], FIVE_MS),
        funding=frame(
            "funding",
            [
                {"event_time": int(t), "funding_rate": float(rate), "interval_hours": 8.0}
                for t, rate in zip(settle, rng.normal(0, 1e-4, settle.size), strict=True)
            ],
            kind="settled",
        ),
        long_short_ratio=frame(
            "long_short_ratio",
            [
                {"event_time": int(t), "kind": kind, "ratio": float(rng.lognormal(0, 0.3))}
                for t in hours[ah]
                for kind in ("accounts", "top_positions", "taker_volume")
            ],
            FIVE_MS,
            interval_ms=HOUR_MS,
        ),
        liquidation_totals=frame(
            "liquidation_totals",
            [
                {"event_time": int(t), "side": side, "notional_usd": float(liquidated[i, s])}
                for i, t in enumerate(hours)
                for s, side in enumerate(("long", "short"))
            ],
            interval_ms=HOUR_MS,
            completeness="complete",
        ),
        depth_bands=frame(
            "depth_bands",
            [
                {
                    "event_time": int(t + 7_000),
                    "distance_pct": float(sign * k),
                    "amount": float(depth[i, s] * k),
                    "notional_usd": float(depth[i, s] * k * (100 + sign * k / 2)),
                }
                for i, t in enumerate(hours)
                for s, sign in enumerate((-1, 1))
                for k in (1, 2, 5)
            ],
        ),
        calendar_events=events_of(rng, start_ms, end),
    )
    return replace(
        found, **{name: delayed(getattr(found, name), rng) for name in ("open_interest", "funding")}
    )


def events_of(rng, start_ms, end_ms, n=12):
    """Scheduled events with windows of any length, some withdrawn, some known late."""
    times = rng.integers(start_ms, end_ms, n)
    return frame(
        "calendar_events",
        [
            {
                "event_time": int(t),
                "available_time": int(t - rng.integers(-HOUR_MS, 5 * DAY_MS)),
                "event": f"event {i}",
                "weight": [None, 0.25, 1.0][rng.integers(3)],
                "before_ms": [None, 0, HOUR_MS][rng.integers(3)],
                "after_ms": [None, 0, 6 * HOUR_MS][rng.integers(3)],
                "withdrawn_time": [None, int(t - rng.integers(-HOUR_MS, DAY_MS))][rng.integers(2)],
            }
            for i, t in enumerate(times)
        ],
        symbol="US",
        venue="macro",
        status="scheduled",
        source_url="-",
        read_on="-",
    )


def delayed(rows, rng, share=0.05):
    """Some rows known later than they should be, some by hours, so that order is not kept."""
    late = rng.random(rows.height) < share
    by = np.where(late, rng.integers(0, 3 * HOUR_MS, rows.height), 0)
    return rows.with_columns(
        available_time=pl.col("available_time") + pl.Series(by).cast(pl.Duration("ms"))
    )


def known_by(inputs, at_ms, start_ms=None):
    """The inputs as they were at an earlier moment, with rows from ``start_ms`` on."""
    since = -(10**15) if start_ms is None else start_ms
    frames = {
        field.name: getattr(inputs, field.name).filter(
            pl.col("available_time").dt.epoch("ms") <= at_ms,
            pl.col("event_time").dt.epoch("ms") >= since,
        )
        for field in fields(inputs)
        if field.name in TABLE_OF
    }
    return replace(inputs, at_ms=at_ms, **frames)
