"""The trial of event timing: three frozen simulated markets of two years, scored as real ones are.

In:  a folder.   Out: `Timed`: the same rows, over markets whose every chance is known to be chance.
Writes lakes into the folder; free of clocks. Simulated markets alone: no claim about a real one.

Prices jump at news and books give way, so cascades exist and scheduled news tells of some. Rows
come through the venue and are read back as of a moment, as those of any other venue.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from forcedflow.asof.features import read_feature_inputs, read_features
from forcedflow.asof.map_features import map_family
from forcedflow.asof.market import read_market
from forcedflow.evaluate.forecast_timing import Timed, score_timing
from forcedflow.evaluate.signal_card import Scope
from forcedflow.features.table import FeatureTable
from forcedflow.forecast.events import C1, C2, C2_ABSOLUTE, EventRule
from forcedflow.instruments import Instrument
from forcedflow.pipeline import build_placebo_features
from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.parameters import Scenario
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, F8, HOUR_MS
from forcedflow.venues.base import Rows

SCENARIO: Scenario = "news-shock"
SEEDS = (1, 2, 3)
TRADERS = 20_000

DAYS, FIT_DAYS, REFIT_DAYS = 760, 365, 100
"""Days simulated, the first of them before the first forecast, and between fits. [d]"""

MAP_STEP_MS = 4 * HOUR_MS
"""How often the map is read: two years of hours would take ten minutes a market. [ms]"""

MAP_SPAN_MS = 380 * DAY_MS
"""What is read of the map at once: a market is read with 400 days of history, and the first twenty
fill the ladder. [ms]"""

_USED = frozenset(
    {
        "klines",
        "open_interest",
        "funding",
        "liquidation_totals",
        "depth_bands",
        "leverage_brackets",
    }
)


def record_years(
    folder: Path, seed: int, n_traders: int = TRADERS, days: int = DAYS
) -> tuple[Lake, Instrument, int]:
    """Simulate a market and write what its venue of complete feeds publishes into a new lake.

    Parameters
    ----------
    folder : Path
        Of the lake.
    seed : int
    n_traders : int
    days : int
        After those in which positions fill up. [d]

    Returns
    -------
    tuple
        The lake, the venue's perpetual, and the end of the simulation, a midnight. [UTC ms]
    """
    market = SandboxMarket(SCENARIO, n_traders, seed)
    end_ms = (market.opened_ms // DAY_MS + days) * DAY_MS
    venue = SandboxVenue(market, market.parameters.venues[0].name)
    tables = sorted(_USED & venue.capabilities.backfilled)
    batches: list[Rows] = [{"calendar_events": market.scheduled_events()}]
    for instrument in venue.instruments():
        batches += venue.backfill(tables, instrument.symbol, START_MS, end_ms)
    lake = Lake(folder, create=True)
    lake.write(join(batches))
    return lake, venue.instruments()[0], end_ms


def read_years(
    lake: Lake, instrument: Instrument, at_ms: int, days: int = DAYS, step_ms: int = MAP_STEP_MS
) -> FeatureTable:
    """Return every feature of a market with the map's and the placebo's.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        Rows known by then. [UTC ms]
    days : int
        Length of the table. [d]
    step_ms : int
        How often the map is read. [ms]
    """
    table = read_features(lake, instrument, at_ms, days)
    found: dict[str, list[F8]] = {}
    ends = [*range(at_ms, int(table.times_ms[0]), -MAP_SPAN_MS)][::-1]
    begin_ms = int(table.times_ms[0])
    for end_ms in ends:
        times = table.times_ms[(table.times_ms >= begin_ms) & (table.times_ms <= end_ms)]
        begin_ms = end_ms + 1
        inputs = read_feature_inputs(lake, instrument, int(times[0]), end_ms)
        read_columns = map_family(lake, instrument, end_ms, step_ms=step_ms)
        market = read_market(lake, instrument, end_ms)
        columns = {
            **read_columns(inputs, times),
            **build_placebo_features(market, times, step_ms),
        }
        for name, column in columns.items():
            found.setdefault(name, []).append(column)
    return table.joined({name: np.concatenate(parts) for name, parts in found.items()})


def score_sandbox(
    folder: Path,
    seeds: tuple[int, ...] = SEEDS,
    rules: tuple[EventRule, ...] = (C2, C2_ABSOLUTE, C1),
    n_traders: int = TRADERS,
    days: int = DAYS,
    fit_days: int = FIT_DAYS,
) -> Timed:
    """Return how good the probabilities of events were on simulated markets.

    Parameters
    ----------
    folder : Path
        For one lake per seed.
    seeds : tuple of int
    rules : tuple of EventRule
    n_traders, days, fit_days : int
        [1, d, d]

    Returns
    -------
    Timed
        Of as many markets as seeds, named after them, and of all pooled. Learning is together,
        from each market's past alone.
    """
    tables: dict[Scope, FeatureTable] = {}
    end_ms = 0
    for seed in seeds:
        lake, instrument, end_ms = record_years(folder / f"seed-{seed}", seed, n_traders, days)
        scope = Scope(f"{instrument.symbol} seed {seed}", instrument.venue)
        tables[scope] = read_years(lake, instrument, end_ms, days)
    fit_to_ms = end_ms - (days - fit_days) * DAY_MS
    return score_timing(tables, fit_to_ms, fit_to_ms, end_ms, rules, refit_ms=REFIT_DAYS * DAY_MS)
