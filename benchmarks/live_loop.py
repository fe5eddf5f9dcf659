"""A bar close of followed markets: from rows to the new column, clusters and signals.

In:  nothing.   Out: `Result` rows; the peer reads and builds everything anew, as a command does.
Three simulated venues of one coin stand for ten such coins: coins share nothing, so ten take ten
times as long, and the goal is a tenth of theirs.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from benchmarks.measure import Budget, Result, Timing
from forcedflow import tables
from forcedflow.asof import read_market
from forcedflow.asof.signals import read_signal_table
from forcedflow.features.table import STEP_MS
from forcedflow.live.heat_column import build_column
from forcedflow.live.loop import LiveLoop
from forcedflow.pipeline import build_map
from forcedflow.sandbox.market import Pace, SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.signals.registry import read_signals
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, HOUR_MS

SEED = 3
TRADERS = 2_000
# The month that signals look back on, and as much as ranks of it need.
DAYS = 33
SYMBOLS = 10

CLOSE = "bar close, 3 venues"


def run(budgets: dict[str, Budget], runs: int) -> Iterator[Result]:
    """Yield the time of a bar close beside that of the batch."""
    market = SandboxMarket("calm", TRADERS, SEED, pace=Pace(math.inf))
    venues = [SandboxVenue(market, rules.name) for rules in market.parameters.venues]
    instruments = [venue.instruments()[0] for venue in venues]
    now_ms = market.opened_ms + DAYS * DAY_MS - HOUR_MS
    rows = [{"calendar_events": market.scheduled_events()}]
    for venue in venues:
        for one in venue.instruments():
            given = sorted(venue.capabilities.backfilled - {"order_book"})
            rows += venue.backfill(given, one.symbol, START_MS, now_ms + 2 * HOUR_MS)
    held = join(rows)
    closes, hours = [], []
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder), create=True)
        lake.write(_between(held, 0, now_ms))
        loop = LiveLoop(lake, instruments)
        loop.close_bar(now_ms)
        for step in range(1, max(runs, 5) + 13):
            at_ms = now_ms + step * STEP_MS
            fresh = _between(held, at_ms - STEP_MS, at_ms)
            lake.write(fresh)
            loop.add(fresh)
            started = time.perf_counter()
            loop.close_bar(at_ms)
            taken = time.perf_counter() - started
            (hours if at_ms % HOUR_MS == 0 else closes).append(taken)
        # Once is enough: it takes a hundred times as long.
        batch_s = _batch(lake, instruments, loop.at_ms)
    whole = [SYMBOLS * min(taken) for taken in (closes, hours)]
    yield Result(
        group="live",
        what=CLOSE,
        size=f"1 of {SYMBOLS} symbols × {len(venues)} venues, {DAYS} days held",
        timing=Timing(min(closes), max(closes), len(closes)),
        n_items=len(venues),
        peer="the batch",
        peer_s=batch_s,
        budget=budgets.get(CLOSE),
        notes=(f"{SYMBOLS} symbols: {whole[0]:.2f} s, on the full hour {whole[1]:.2f} s",),
    )


def _batch(lake, instruments, at_ms):
    """Seconds that reading and building everything anew takes."""
    started = time.perf_counter()
    for instrument in instruments:
        mapped = build_map(read_market(lake, instrument, at_ms))
        build_column(mapped, at_ms - STEP_MS)
        mapped.zones()
        read_signals(read_signal_table(lake, instrument, at_ms))
    return time.perf_counter() - started


def _between(rows, after_ms, by_ms):
    known = pl.col("available_time").is_between(
        pl.lit(after_ms, dtype=tables.TIME), pl.lit(by_ms, dtype=tables.TIME), closed="right"
    )
    parts = {table: frame.filter(known) for table, frame in rows.items()}
    return {table: frame for table, frame in parts.items() if frame.height}
