"""A symbol's year from Parquet to an encoded picture, beside reading it, and beside other ways.

In:  nothing; a made-up year of five-minute bars in a temporary lake.   Out: `Result` rows.
The picture is what the server sends: one byte a cell, with its header.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.incumbent_loop import incumbent_picture
from benchmarks.measure import Budget, Result, measure, measure_both
from forcedflow import tables
from forcedflow.answers.heatmap import pack, tile
from forcedflow.asof import read_market
from forcedflow.instruments import parse_symbol
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.pipeline import build_map
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

SEED = 20261123
DAYS = 365
STEP_MS = 5 * MINUTE_MS
BARS = DAYS * DAY_MS // STEP_MS
START_MS = 1_735_689_600_000  # 2025-01-01 00:00 UTC
END_MS = START_MS + BARS * STEP_MS
TABLES = ("open_interest", "klines", "funding")

WHOLE = "symbol-year, Parquet to encoded picture"
PLOTLY = "picture to bytes"
INCUMBENT = "symbol-year, rows in memory to picture"

_BTC = parse_symbol("BTC")


def run(budgets: dict[str, Budget], runs: int) -> Iterator[Result]:
    """Yield the whole way, and two parts of it beside what others do for them."""
    with tempfile.TemporaryDirectory(prefix="forcedflow-bench-") as folder:
        lake = Lake(Path(folder) / "lake", create=True)
        lake.write(_year(SEED))
        held = sorted(Path(folder).rglob("*.parquet"))
        size = sum(path.stat().st_size for path in held)
        ours, reading = measure_both(
            lambda: None, lambda _: _whole(lake), lambda _: _read_all(held), runs
        )
        mapped = _map(lake)
        cells = tile(mapped)[0]
        yield Result(
            group="image",
            what=WHOLE,
            size=f"{BARS:,} bars; {len(held)} files, {size / 2**20:.1f} MiB; "
            f"{len(cells['end_ms']):,} columns",
            timing=ours,
            n_items=BARS,
            peer="polars.read_parquet of the same files",
            peer_s=reading.best_s,
            budget=budgets.get(WHOLE),
        )
        yield _against_incumbent(lake, budgets, runs)
        yield _against_plotly(mapped, budgets, runs)


def _against_incumbent(lake: Lake, budgets: dict[str, Budget], runs: int) -> Result:
    market = read_market(lake, _BTC, END_MS)
    built = build_map(market)
    ours = measure(lambda: None, lambda _: build_map(market, DAYS * DAY_MS), runs)
    theirs = measure(lambda: None, lambda _: incumbent_picture(built.bars), min(runs, 3))
    return Result(
        group="image",
        what=INCUMBENT,
        size=f"{BARS:,} bars",
        timing=ours,
        n_items=BARS,
        peer="the published rule, a NumPy loop over bars",
        peer_s=theirs.best_s,
        budget=budgets.get(INCUMBENT),
        notes=(
            (
                "theirs: four tiers, three entries, no closing, no sides, bins of 0.05 %; "
                f"ours: {built.ladder.atoms.size} atoms, closing, sides, bands"
            ),
        ),
    )


def _against_plotly(mapped: LiquidationMap, budgets: dict[str, Budget], runs: int) -> Result:
    import plotly.graph_objects as go  # noqa: PLC0415 - an extra, wanted here alone

    picture = mapped.heatmap
    assert picture is not None
    usd = picture.usd.sum(axis=(1, 2)).T.astype(np.float64)

    def figure() -> bytes:
        times = picture.columns.end_ms
        drawn = go.Figure(go.Heatmap(z=usd, x=times, y=picture.grid.prices))
        return drawn.to_json().encode()

    def ours() -> bytes:
        return pack(*tile(mapped))

    mine, theirs = measure_both(lambda: None, lambda _: ours(), lambda _: figure(), runs)
    return Result(
        group="image",
        what=PLOTLY,
        size=f"{usd.shape[1]:,} × {usd.shape[0]:,} cells",
        timing=mine,
        n_items=usd.size,
        peer="plotly, figure to JSON",
        peer_s=theirs.best_s,
        budget=budgets.get(PLOTLY),
        notes=(f"{len(ours()) / 2**20:.2f} MiB here, {len(figure()) / 2**20:.2f} MiB there",),
    )


def _whole(lake: Lake) -> bytes:
    return pack(*tile(_map(lake)))


def _map(lake: Lake) -> LiquidationMap:
    return build_map(read_market(lake, _BTC, END_MS), picture_span_ms=DAYS * DAY_MS)


def _read_all(files: list[Path]) -> int:
    return sum(pl.read_parquet(path, hive_partitioning=False).height for path in files)


def _year(seed: int) -> dict[str, pl.DataFrame]:
    """A random walk with open interest and volume about as bitcoin has them."""
    rng = np.random.default_rng(seed)
    end = START_MS + STEP_MS * np.arange(1, BARS + 1)
    step = rng.standard_t(4, BARS) * 0.0011
    close = 60_000.0 * np.exp(np.cumsum(step - step.mean()))
    opened = np.concatenate([[60_000.0], close[:-1]])
    spread = np.abs(rng.normal(0, 0.0006, (2, BARS)))
    bars = {
        "event_time": end,
        "available_time": end,
        "interval_ms": np.full(BARS, STEP_MS),
        "open": opened,
        "high": np.maximum(opened, close) * (1 + spread[0]),
        "low": np.minimum(opened, close) * (1 - spread[1]),
        "close": close,
    }
    volume = rng.lognormal(5.5, 0.7, BARS)
    contracts = 80_000 * np.exp(np.cumsum(rng.normal(0, 0.0012, BARS)) * 0.3)
    paid = end[end % (8 * HOUR_MS) == 0]
    klines = [
        pl.DataFrame({**bars, "price_type": "mark"}),
        pl.DataFrame(
            {
                **bars,
                "price_type": "last",
                "volume": volume,
                "quote_volume": volume * close,
                "taker_buy_volume": volume * rng.beta(20, 20, BARS),
            }
        ),
    ]
    return {
        "klines": _checked("klines", pl.concat(klines, how="diagonal")),
        "open_interest": _checked(
            "open_interest",
            pl.DataFrame(
                {
                    "event_time": end,
                    "available_time": end,
                    "open_interest": contracts,
                    "open_interest_usd": contracts * close,
                }
            ),
        ),
        "funding": _checked(
            "funding",
            pl.DataFrame(
                {
                    "event_time": paid,
                    "available_time": paid,
                    "kind": "settled",
                    "funding_rate": rng.normal(1e-4, 5e-5, paid.size),
                    "interval_hours": 8.0,
                }
            ),
        ),
    }


def _checked(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    head = {"venue": _BTC.venue, "symbol": _BTC.symbol, "source": "benchmark"}
    named = rows.with_columns(
        *(pl.lit(value).alias(name) for name, value in head.items()),
        precedence=pl.lit(1, dtype=tables.TABLES[table].schema["precedence"]),
    )
    times = [pl.col(name).cast(tables.TIME) for name in ("event_time", "available_time")]
    return tables.check(table, named.with_columns(times))
