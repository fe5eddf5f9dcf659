"""Print when 10 October 2025 begins to deleverage, over everything that was not published.

In:  ``FORCEDFLOW_REAL_DATA``.   Out: a Markdown table for ``docs/scorecard.md``, standard output.
"""
# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from forcedflow.cli.app import run
from forcedflow.depth.curve import DepthCurve
from forcedflow.depth.from_bands import from_bands
from forcedflow.evaluate.cascade_onset import Stated, onset_grid
from forcedflow.instruments import parse_symbol
from forcedflow.liquidation_map import Market
from forcedflow.margin import default_schedules, rule_for
from forcedflow.store import Lake
from forcedflow.tables import empty

FELL = datetime(2025, 10, 10, 21, 15, tzinfo=UTC)
BOOK_BEFORE = datetime(2025, 10, 10, 15, tzinfo=UTC)
"""From about then on the published bids were measured from a stale price."""

FILES = {"binance-vision": ["binance-vision/data/futures/um/daily"], "candles": ["candles"]}
STEPS = 300
GRID = {
    "open_interests_usd": (2e9, 5e9, 10e9),
    "depth_shares": (1.0, 0.1, 0.02),
    "path_shares": (0.5, 1.0),
    "fund_shares": (1e-4, 1e-3, 1e-2),
}
"""What is stated. Depth fell by more than nine tenths on that day, by press reports."""


def crash(data: Path) -> tuple[list[Stated], float]:
    """Return the grid's onsets, and the printed time from first liquidation to first ADL. [s]"""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "lake"
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
            for kind, paths in FILES.items():
                files = [str(data / path) for path in paths]
                if status := run(["import", kind, *files, "--lake", str(root)]):
                    raise SystemExit(status)
        market, curve, distance = _before(Lake(root))
    printed = json.loads((data / "crash_2025_10_10/cascade_timing_results.json").read_text())
    grid = onset_grid(market, curve, distance, STEPS, **GRID)
    return grid, float(printed["delay_seconds"])


def _before(lake: Lake) -> tuple[Market, DepthCurve, float]:
    instrument, at_ms = parse_symbol("BTC", "binance"), round(FELL.timestamp() * 1000)
    own = {"venue": instrument.venue, "symbol": instrument.symbol}
    klines = lake.read("klines", **own, available_by_ms=at_ms)
    recent = klines.filter(pl.col("event_time") > datetime(2025, 9, 30, tzinfo=UTC))
    bands = lake.read("depth_bands", **own, available_by_ms=round(BOOK_BEFORE.timestamp() * 1000))
    schedules = [s for s in default_schedules("binance") if s.symbol in {instrument.symbol, "*"}]
    market = Market(
        instrument=instrument,
        at_ms=at_ms,
        open_interest=empty("open_interest"),
        mark_klines=recent.filter(
            pl.col("price_type") == "mark", pl.col("interval_ms") == 1000 * STEPS
        ),
        trade_klines=recent.filter(pl.col("price_type") == "last"),
        funding=empty("funding"),
        schedule=min(schedules, key=lambda s: s.effective_ms),
        rule=rule_for("binance", "linear", at_ms),
    )
    # Read after the freeze, to know how far it fell: the fall is given, its onset is asked for.
    fell = lake.read(
        "klines", **own, start_ms=at_ms + 1, available_by_ms=at_ms + 1000 * STEPS
    ).filter(pl.col("price_type") == "mark")
    mark = float(market.mark_klines.sort("event_time")["close"][-1])
    return market, from_bands(bands, "down"), float(np.log(mark / fell["low"].min()))


def main() -> int:
    """Print the table."""
    named = os.environ.get("FORCEDFLOW_REAL_DATA")
    if not named:
        sys.stderr.write("FORCEDFLOW_REAL_DATA is not set; there is nothing to score\n")
        return 3
    grid, printed = crash(Path(named))
    sys.stdout.write(table(grid, printed))
    return 0


def table(grid: list[Stated], printed: float) -> str:
    """Return the onsets by book and share of the fall, over open interest and funds."""
    lines = [
        f"| depth over 15:00's | fall given | s to the first ADL ({printed:.1f}) | never |",
        "| --- | --- | --- | --- |",
    ]
    for depth_share in GRID["depth_shares"]:
        for path_share in GRID["path_shares"]:
            own = [
                one.onset.delay_s
                for one in grid
                if (one.depth_share, one.path_share) == (depth_share, path_share)
            ]
            known = sorted(delay for delay in own if delay is not None)
            span = f"{known[0]:.0f} … {known[-1]:.0f}" if known else "–"
            lines.append(
                f"| {depth_share:g} | {path_share:g} | {span} | {len(own) - len(known)} of "
                f"{len(own)} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
