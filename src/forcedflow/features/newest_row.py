"""The newest row of the feature table, from the rows of the last days and the columns held.

In:  a `FeatureTable` up to the moment before, `FeatureInputs`, one moment. [UTC ms]   Out: a row.
Pure: frames in, values out; no I/O, no clock, no global state.

`forcedflow.features.registry.extend` computes every family over its whole warm-up, which is right
for many moments and wasteful for one. Here each family is computed over the days that its own
windows reach; ranks, runs and the exponential memory, which reach further, are taken from columns
that the table holds already. The bytes are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import polars as pl

from forcedflow.features import (
    basis,
    calendar,
    depth,
    flow,
    funding,
    liquidations,
    open_interest,
    price,
    ratios,
    sweeps,
    volatility,
)
from forcedflow.features.feature import RANK_MS
from forcedflow.features.grid import event_ms, lay_times, newest_rank, steps, trailing_total
from forcedflow.features.growing_columns import GrowingColumns
from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.registry import WARM_UP_MS, Compute, ages_at, first_known_ms, labels_at
from forcedflow.features.table import STEP_MS, FeatureTable
from forcedflow.units import DAY_MS, F8, HOUR_MS
from forcedflow.volatility.ewma import EwmaMemory

# How far each family looks back for all but what is taken from held columns, rounded up.
_REACHES_MS: Final[tuple[tuple[Compute, int], ...]] = (
    (open_interest.changes, DAY_MS + HOUR_MS),
    (funding.lately, 3 * DAY_MS + HOUR_MS),
    (basis.compute, HOUR_MS),
    (flow.flows, 4 * HOUR_MS + HOUR_MS),
    (depth.shown, DAY_MS + HOUR_MS),
    (liquidations.compute, 4 * HOUR_MS + HOUR_MS),
    (ratios.compute, 4 * HOUR_MS + HOUR_MS),
    (calendar.compute, 0),
)

# Price, volatility and sweeps are of one path of the price, which sweeps follow the furthest.
_PATH_MS: Final = sweeps.REACH_MS + 2 * HOUR_MS
_WEEK_MS: Final = 7 * DAY_MS + 2 * HOUR_MS

# A row may be so much older than the first moment at which it counts.
_OLDER_MS: Final = 6 * HOUR_MS

_TABLE_REACH_MS: Final = {
    "klines": _WEEK_MS + _OLDER_MS,
    "open_interest": _PATH_MS + DAY_MS,
    "long_short_ratio": DAY_MS,
    "depth_bands": 2 * DAY_MS,
}

_RANKED: Final = {
    "sigma_rank_30d": "sigma_24h",
    "oi_change_4h_rank_30d": "oi_change_4h",
    "oi_rank_30d": "open_interest",
    "funding_rank_30d": "funding_8h",
    "basis_rank_30d": "basis",
    "perp_volume_share_rank_30d": "perp_volume_share_4h",
    "depth_rank_30d": "depth_1pct_usd",
    "slippage_rank_30d": "slippage_100k_bps",
    "liq_long_rank_30d": "liq_long_1h",
    "liq_short_rank_30d": "liq_short_1h",
    "accounts_ratio_rank_30d": "accounts_ratio",
}
"""Ranks, by the column that is ranked."""

_HELD: Final = steps(RANK_MS) + steps(DAY_MS)
"""Moments that the table must hold before the newest, where there are so many."""


@dataclass(slots=True)
class PriceMemory:
    """The exponential memory behind the expected deviation, up to a moment.

    Parameters
    ----------
    epoch : int
        Which of the fixed spans the memory was begun for.
    at_ms : int
        The last moment taken in. [UTC ms]
    memory : EwmaMemory
    volumes : ndarray
        The perpetual's volume of the last hour, at the moments that ranks look back on. [base]
    columns : GrowingColumns
        Of the table that rows are appended to.
    """

    epoch: int
    at_ms: int
    memory: EwmaMemory
    volumes: F8
    columns: GrowingColumns = field(default_factory=GrowingColumns)

    @staticmethod
    def of(inputs: FeatureInputs, at_ms: int) -> PriceMemory:
        """Return the memory of everything known up to a moment."""
        times = lay_times(at_ms - WARM_UP_MS, at_ms)
        found = price.observe(inputs, times).value
        epoch, begin_ms = volatility.epoch_of(at_ms)
        kept = (times >= begin_ms) & ~np.isnan(found)
        memory = EwmaMemory()
        memory.extend(found[kept], times[kept])
        # An hour more, so that the first volume of the month is whole.
        month = lay_times(at_ms - RANK_MS - HOUR_MS, at_ms)
        volumes = trailing_total(inputs.rows("trade_klines"), "volume", month, HOUR_MS)
        return PriceMemory(epoch, at_ms, memory, volumes[-steps(RANK_MS) :])


def reach_ms(table: FeatureTable, at_ms: int) -> Mapping[str, int]:
    """Return how far back rows are needed to append a moment, by table; of the others all. [ms]

    Parameters
    ----------
    table : FeatureTable
        Up to the moment before.
    at_ms : int
        The moment. [UTC ms]
    """
    if table.size < _HELD:
        return {}  # whether it may be appended to depends on when anything was first known
    if at_ms % HOUR_MS == 0:
        # What this hour usually trades is taken anew, from four weeks.
        return {name: reach for name, reach in _TABLE_REACH_MS.items() if name != "klines"}
    return _TABLE_REACH_MS


def can_append(table: FeatureTable, inputs: FeatureInputs, memory: PriceMemory | None) -> bool:
    """Return whether the inputs' moment is the table's next, and the table holds enough.

    Parameters
    ----------
    table : FeatureTable
    inputs : FeatureInputs
    memory : PriceMemory or None
        Up to the table's last moment.
    """
    at_ms = inputs.at_ms
    if memory is None or not memory.at_ms == table.at_ms == at_ms - STEP_MS:
        return False
    if memory.epoch != volatility.epoch_of(at_ms)[0]:
        return False
    return table.size >= _HELD or int(table.times_ms[0]) <= first_known_ms(inputs) + STEP_MS


def append(table: FeatureTable, inputs: FeatureInputs, memory: PriceMemory) -> FeatureTable:
    """Return a table with the row of the next moment, where `can_append`.

    Parameters
    ----------
    table : FeatureTable
        As `forcedflow.features.registry.build_features` or this returned it; columns of other
        families get no figure.
    inputs : FeatureInputs
        Of the next moment, as for `extend`.
    memory : PriceMemory
        Brought to the moment.

    Returns
    -------
    FeatureTable
        The same bytes as `forcedflow.features.registry.extend`.
    """
    at_ms = table.at_ms + STEP_MS
    near = _since(inputs, at_ms - _PATH_MS - _OLDER_MS)
    row = _of_path(near, at_ms)
    for compute, reach_ms in _REACHES_MS:
        found = compute(near, lay_times(at_ms - reach_ms, at_ms))
        row.update({name: float(column[-1]) for name, column in found.items()})
    _remember(row, table, memory, at_ms)
    _take_from_held(row, table, inputs, memory, at_ms)
    columns = {
        # What others compute is laid anew by them, not grown.
        name: memory.columns.grown(name, table[name], row[name])
        if name in row
        else np.append(table[name], np.nan)
        for name in {**table.columns, **row}
    }
    return FeatureTable(
        times_ms=np.append(table.times_ms, at_ms),
        columns=columns,
        input_age_ms=_ages(table, inputs, at_ms),
        simulated=table.simulated or inputs.simulated,
        labels=labels_at(inputs, at_ms),
    )


def _ages(table: FeatureTable, inputs: FeatureInputs, at_ms: int) -> dict[str, int | None]:
    """Ages of the inputs; what has no row as near as that is older by a step than before."""
    ages = ages_at(inputs, at_ms)
    for name, before_ms in table.input_age_ms.items():
        if ages[name] is None and before_ms is not None:
            ages[name] = before_ms + STEP_MS
    return ages


def _of_path(inputs: FeatureInputs, at_ms: int) -> dict[str, float]:
    """Figures of the price's own path, followed once."""
    times = lay_times(at_ms - _PATH_MS, at_ms)
    path = price.follow(inputs, times)
    week = lay_times(at_ms - _WEEK_MS, at_ms)
    lately = path.tail(week.size)
    found = {
        **price.told_of(inputs, lately, week),
        **volatility.measured(lately),
        **sweeps.swept_of(path, times),
    }
    return {name: float(column[-1]) for name, column in found.items()}


def _remember(row: dict[str, float], table: FeatureTable, memory: PriceMemory, at_ms: int) -> None:
    """Set what rests on the expected deviation of the coming day."""
    now, memory.at_ms = row["price"], at_ms
    row["sigma_day"] = np.nan
    if not np.isnan(now):
        rate = memory.memory.extend(np.array([now]), np.array([at_ms], dtype=np.int64))
        known = _tail(table, "price", now, 2 * steps(DAY_MS))
        if np.count_nonzero(~np.isnan(known)) >= steps(DAY_MS):
            row["sigma_day"] = float(np.sqrt(rate * DAY_MS)[0])
    four_hours = row["sigma_day"] * np.sqrt(4 / 24)
    row["sideways_4h"] = float(np.abs(row["return_4h"]) / four_hours) if four_hours > 0 else np.nan
    window = steps(flow.WINDOW_MS)
    log_ratio = np.log1p(_tail(table, "basis", row["basis"], window + 1))
    lead = float(log_ratio[-1] - log_ratio[0]) if log_ratio.size > window else np.nan
    row["perp_lead_4h"] = lead / float(four_hours) if four_hours > 0 else np.nan


def _take_from_held(
    row: dict[str, float],
    table: FeatureTable,
    inputs: FeatureInputs,
    memory: PriceMemory,
    at_ms: int,
) -> None:
    """Set what looks back for a month, from columns that are held."""
    window = steps(RANK_MS)
    for name, ranked in _RANKED.items():
        row[name] = newest_rank(_tail(table, ranked, row[ranked], window))
    times = lay_times(at_ms - 2 * HOUR_MS, at_ms)
    volume = trailing_total(inputs.rows("trade_klines"), "volume", times, HOUR_MS)
    memory.volumes = np.append(memory.volumes, volume[-1])[-window:]
    row["volume_1h_rank_30d"] = newest_rank(memory.volumes)
    rates = _tail(table, "funding_8h", row["funding_8h"], _HELD)
    for name, column in funding.runs(rates).items():
        row[name] = float(column[-1])
    shown = _tail(table, "depth_1pct_usd", row["depth_1pct_usd"], _HELD)
    times = lay_times(at_ms - (shown.size - 1) * STEP_MS, at_ms)
    row["depth_surprise"] = depth.newest_surprise(shown, times)
    # The same within the hour.
    row["volume_profile"] = table.last("volume_profile")
    if at_ms % HOUR_MS == 0:
        times = lay_times(at_ms - _HELD * STEP_MS, at_ms)
        klines = inputs.rows("trade_klines")
        row["volume_profile"] = float(depth.volume_profile(klines, times)[-1])


def _tail(table: FeatureTable, name: str, newest: float, size: int) -> F8:
    return np.append(table[name][max(0, table.size - size + 1) :], newest)


def _since(inputs: FeatureInputs, start_ms: int) -> FeatureInputs:
    """Rows of events from a moment on; of funding and the calendar all."""

    def cut(rows: pl.DataFrame) -> pl.DataFrame:
        # Rows stand in the order of their events, as they are read.
        return rows[int(np.searchsorted(event_ms(rows), start_ms)) :]

    return replace(
        inputs,
        trade_klines=cut(inputs.trade_klines),
        mark_klines=cut(inputs.mark_klines),
        spot_klines=cut(inputs.spot_klines),
        open_interest=cut(inputs.open_interest),
        long_short_ratio=cut(inputs.long_short_ratio),
        liquidation_totals=cut(inputs.liquidation_totals),
        depth_bands=cut(inputs.depth_bands),
    )
