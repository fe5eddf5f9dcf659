"""A small simulated market, recorded once, made ready for trials of the map."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import polars as pl

from forcedflow.evaluate.map_trial import Prepared, prepare
from forcedflow.evaluate.path_only import scored_bars
from forcedflow.evaluate.realised import Realised, realised_liquidations
from forcedflow.margin import rule_for, schedule_from_rows
from forcedflow.positions import Atoms, Bars, Flows, bin_width, infer_flows, prior_atoms
from forcedflow.sandbox.feeds import FeedState, tables_of
from forcedflow.sandbox.parameters import parameters
from forcedflow.sandbox.published import PERPETUAL
from forcedflow.sandbox.simulate import START_MS, burn_in, simulate
from forcedflow.sandbox.state import open_market
from forcedflow.units import DAY_MS, HOUR_MS

DAYS, FIT_DAYS, TRADERS, SEED = 40, 24, 12_000, 1
_USED = ("klines", "open_interest", "funding", "liquidation_totals", "liquidations")


@dataclass(frozen=True)
class Recorded:
    """What a trial is made of."""

    bars: Bars
    flows: Flows
    realised: Realised
    atoms: Atoms
    width: float
    rows: dict[str, pl.DataFrame]

    @property
    def fit_to_ms(self) -> int:
        return int(self.bars.end_ms[0]) // DAY_MS * DAY_MS + FIT_DAYS * DAY_MS


@cache
def recorded(days=DAYS, n_traders=TRADERS, seed=SEED) -> Recorded:
    """Return the venue with the full feed. Shared: change nothing in it."""
    chosen = parameters("calm")
    venue = chosen.venues[0]
    state = open_market(chosen, n_traders, seed)
    burn_in(state)
    feed = FeedState(chosen, seed)
    parts = {name: [] for name in _USED}
    for block in simulate(state, days * 1440):
        for name, frame in tables_of(block, feed).items():
            if name in parts:
                parts[name].append(frame.filter(pl.col("venue") == venue.name))
    rows = {name: pl.concat(frames) for name, frames in parts.items()}
    klines = rows["klines"].filter(pl.col("symbol") == PERPETUAL)
    bars = scored_bars(
        rows["open_interest"],
        klines,
        klines.filter(pl.col("price_type") == "last"),
        rows["funding"],
        HOUR_MS,
    )
    flows = infer_flows(bars).joined()
    schedule = schedule_from_rows(venue.name, PERPETUAL, START_MS, venue.brackets, source="sandbox")
    atoms = prior_atoms(schedule, rule_for(venue.name, "linear", START_MS), roles=flows.roles)
    return Recorded(
        bars,
        flows,
        realised_liquidations(rows["liquidation_totals"], HOUR_MS),
        atoms,
        bin_width(float(bars.close[0]), 0.1),
        {**rows, "mark_klines": klines.filter(pl.col("price_type") == "mark")},
    )


@cache
def prepared() -> Prepared:
    """Return the same with every design and the placebos'. Shared: change nothing in it."""
    r = recorded()
    return prepare(r.bars, r.flows, r.realised, HOUR_MS, r.atoms, r.width, placebos=True)
