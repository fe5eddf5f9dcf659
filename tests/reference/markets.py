"""Small markets to test with: random paths as Hypothesis strategies, and plain builders.

Prices lie at irrational places inside their bins, so that no test hangs on a rounding at a border.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
from hypothesis import strategies as st

from forcedflow import tables
from forcedflow.positions import Atoms, Bars, Flows, infer_flows
from forcedflow.positions.bars import VOLUME_SOURCES

MINUTE_MS = 60_000
START_MS = 1_760_000_400_000  # a whole number of five minutes
BANDS_OF = {2.0: 0, 5.0: 0, 10.0: 1, 25.0: 2, 50.0: 3}


def atoms_of(leverages, half_lives_days, *, roles=("all",), weights=None, mmr=0.005):
    """Atoms built by hand: every tier with every half-life in every role."""
    n_roles, n_classes, n_tiers = len(roles), len(half_lives_days), len(leverages)
    tiers = np.tile(np.asarray(leverages, dtype=float), n_roles * n_classes)
    weights = np.ones(n_classes * n_tiers) if weights is None else np.asarray(weights, dtype=float)
    return Atoms(
        leverage=tiers,
        offset_long=np.log((1 - 1 / tiers) / (1 - mmr)),
        offset_short=np.log((1 + 1 / tiers) / (1 + mmr)),
        share=np.tile(weights / weights.sum(), n_roles),
        class_of=np.tile(np.repeat(np.arange(n_classes), n_tiers), n_roles),
        role_of=np.repeat(np.arange(n_roles), n_classes * n_tiers),
        band_of=np.array([BANDS_OF[tier] for tier in tiers]),
        half_lives_days=np.asarray(half_lives_days, dtype=float),
        roles=roles,
        maintenance_margin_rate=np.full(tiers.size, mmr),
    )


def bars_of(
    close,
    *,
    low=None,
    high=None,
    open_interest=1000.0,
    change=0.0,
    volume=math.nan,
    taker=math.nan,
    funding=0.0,
    elapsed_ms=5 * MINUTE_MS,
):
    """Bars from lists or single numbers; low and high default to the close."""
    close = np.asarray(close, dtype=float)
    n = close.size

    def column(values, dtype=float):
        return np.broadcast_to(np.asarray(values, dtype=dtype), n).copy()

    elapsed = column(elapsed_ms, np.int64)
    traded = column(volume)
    known = np.where(np.isnan(traded), VOLUME_SOURCES.index("missing"), 0)
    return Bars(
        end_ms=START_MS + np.cumsum(elapsed),
        elapsed_ms=elapsed,
        low=close.copy() if low is None else column(low),
        high=close.copy() if high is None else column(high),
        close=close,
        open_interest=column(open_interest),
        change=column(change),
        volume=traded,
        taker_buy_share=column(taker),
        funding_rate=column(funding),
        volume_source=known,
        mark_from_klines=np.zeros(n, dtype=bool),
    )


def flows_of(opens_long, opens_short):
    """Flows of one role with nothing closed by choice."""
    longs = np.asarray(opens_long, dtype=float)
    shorts = np.asarray(opens_short, dtype=float)
    return Flows(
        longs[:, None], shorts[:, None], 0.0 * longs, 0.0 * shorts, ("all",), ("made by hand",)
    )


def cut_flows(flows, start, stop):
    return replace(
        flows,
        opens_long=flows.opens_long[start:stop],
        opens_short=flows.opens_short[start:stop],
        closes_long=flows.closes_long[start:stop],
        closes_short=flows.closes_short[start:stop],
    )


def one_role(flows):
    return replace(
        flows,
        opens_long=flows.opens_long.sum(axis=1, keepdims=True),
        opens_short=flows.opens_short.sum(axis=1, keepdims=True),
        roles=("all",),
    )


_ROW = st.tuples(
    st.one_of(st.integers(-25, 25), st.integers(-25, 25), st.integers(-900, 900)),  # bins
    st.integers(0, 30),  # bins below
    st.integers(0, 30),  # bins above
    st.one_of(st.none(), st.integers(0, 4000)),  # volume
    st.integers(-300, 300),  # change of open interest
    st.one_of(st.none(), st.integers(0, 20)),  # twentieths bought by takers
    st.one_of(st.just(0), st.just(0), st.integers(-40, 40)),  # funding
    st.sampled_from([1, 5, 5, 5, 15, 60, 360, 2000]),  # minutes
)


@st.composite
def bars(draw, *, width=5e-4, least=1, most=60):
    """Bars with jumps, wicks, unknown volume and taker flow, funding of both signs, gaps."""
    rows = draw(st.lists(_ROW, min_size=least, max_size=most))
    at = math.log(100.0) / width + math.pi / 10
    open_interest = 1000.0
    columns = []
    for bins, below, above, volume, wanted, bought, funding, minutes in rows:
        last, at = at, at + bins
        low, high = min(last, at) - below * 1.0173, max(last, at) + above * 1.0173
        change = max(float(wanted), 10.0 - open_interest)
        open_interest += change
        columns.append(
            {
                "close": math.exp(at * width),
                "low": math.exp(low * width),
                "high": math.exp(high * width),
                "open_interest": open_interest,
                "change": change,
                "volume": math.nan if volume is None else float(volume),
                "taker": math.nan if bought is None else bought / 20,
                "funding": funding * width * math.sqrt(2) / 10,
                "elapsed_ms": minutes * MINUTE_MS,
            }
        )
    return bars_of(**{name: [row[name] for row in columns] for name in columns[0]})


@st.composite
def atoms(draw, *, roles=None):
    """Three to five tiers, two or three half-lives from minutes to days, one or two roles."""
    tiers = st.lists(st.sampled_from(sorted(BANDS_OF)), min_size=3, max_size=5, unique=True)
    lives = st.lists(st.sampled_from([0.004, 0.2, 0.7, 8.0]), min_size=2, max_size=3, unique=True)
    leverages, half_lives = sorted(draw(tiers)), sorted(draw(lives))
    if roles is None:
        roles = draw(st.sampled_from([("all",), ("taker", "maker")]))
    size = len(leverages) * len(half_lives)
    weights = draw(st.lists(st.integers(1, 9), min_size=size, max_size=size))
    return atoms_of(leverages, half_lives, roles=roles, weights=weights)


def flows_for(bars_, atoms_):
    """The inferred flows in the roles that the atoms have."""
    flows = infer_flows(bars_)
    return one_role(flows) if atoms_.roles == ("all",) else flows


def rows_of(table, rows, **constant):
    """A declared table from plain rows; times are UTC ms, available when they happen."""
    filled = [
        {
            "venue": "binance",
            "symbol": "BTC/USDT:USDT",
            "available_time": row["event_time"],
            "source": "test",
            "precedence": 0,
            **constant,
            **row,
        }
        for row in rows
    ]
    schema = tables.TABLES[table].schema
    if not filled:
        return tables.empty(table)
    columns = {name: [row.get(name) for row in filled] for name in schema}
    return tables.check(table, pl.DataFrame(columns, schema=schema))


def open_interest_rows(rows):
    """Rows from (event_time, contracts, mark); a mark of None leaves the value in dollars out."""
    return rows_of(
        "open_interest",
        [
            {
                "event_time": when,
                "open_interest": contracts,
                "open_interest_usd": None if mark is None else contracts * mark,
            }
            for when, contracts, mark in rows
        ],
    )


def kline_rows(rows, price_type):
    """Rows from (event_time, interval_ms, low, high, close, volume, taker_buy_volume)."""
    return rows_of(
        "klines",
        [
            {
                "event_time": when,
                "interval_ms": interval,
                "open": close,
                "low": low,
                "high": high,
                "close": close,
                "volume": volume,
                "taker_buy_volume": bought,
            }
            for when, interval, low, high, close, volume, bought in rows
        ],
        price_type=price_type,
    )


def funding_rows(rows):
    """Rows from (event_time, kind, rate)."""
    return rows_of(
        "funding",
        [
            {"event_time": when, "kind": kind, "funding_rate": rate, "interval_hours": 8.0}
            for when, kind, rate in rows
        ],
    )


def same_bytes(left, right):
    """Whether two arrays are equal in shape, dtype and every byte."""
    return (
        left.shape == right.shape
        and left.dtype == right.dtype
        and np.ascontiguousarray(left).tobytes() == np.ascontiguousarray(right).tobytes()
    )
