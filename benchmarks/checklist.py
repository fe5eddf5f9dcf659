"""The checklist of a market whose tables are in memory.

In:  nothing.   Out: `Result` rows.
The market is simulated: nine days of bars, a cascade of few scenarios. What is read from the lake
and built once for every surface, the map and the cascade, is not timed; the eight readings are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import Budget, Result, measure
from forcedflow.asof.situation import read_situation
from forcedflow.instruments import parse_symbol
from forcedflow.playbook.checklist import Checklist, fill
from forcedflow.playbook.situation import Situation
from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.signals.registry import read_signals
from forcedflow.store import Lake
from forcedflow.units import DAY_MS

SEED = 20261124
TRADERS = 300
DAYS = 9
SCENARIOS = 400

FILLED = "checklist from warm tables"


def simulated_situation() -> Situation:
    """Return the situation of a simulated market, its lake gone."""
    market = SandboxMarket("calm", TRADERS, SEED)
    end_ms = market.opened_ms + DAYS * DAY_MS
    venue = SandboxVenue(market, "sandbox")
    instrument = parse_symbol("SIM", "sandbox")
    with tempfile.TemporaryDirectory(prefix="forcedflow-checklist-") as folder:
        lake = Lake(Path(folder) / "lake", create=True)
        tables = sorted(venue.capabilities.backfilled)
        rows = venue.backfill(tables, instrument.symbol, START_MS, end_ms)
        lake.write(join([{"calendar_events": market.scheduled_events()}, *rows]))
        return read_situation(lake, instrument, end_ms, scenarios=SCENARIOS)


def fill_anew(situation: Situation) -> Checklist:
    """Return the checklist of a situation, its signals judged again."""
    judged = replace(situation, readings=read_signals(situation.features))
    return fill(judged, equity_usd=10_000.0, risk_pct=1.0)


def run(budgets: dict[str, Budget], runs: int) -> Iterator[Result]:
    """Yield the checklist of one market at one moment."""
    situation = simulated_situation()
    lines = fill_anew(situation).checks
    yield Result(
        group="checklist",
        what=FILLED,
        size=f"{len(lines)} lines, {situation.features.size:,} moments",
        timing=measure(lambda: situation, fill_anew, runs),
        n_items=len(lines),
        budget=budgets[FILLED],
    )
