"""Rows of inputs for every forecast: what is known at each hour, free of a coin's own scale.

In:  a `FeatureTable`, with the map's columns where there are any.   Out: `Rows`; `Standard`.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

A model learned on some coins is asked about others, and about months with another level of
everything. So no column is a level: each is a ratio to the coin's own expected volatility, a rank
among its own trailing days, or a share of its own open interest, and each is clipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from forcedflow.features.grid import COVERED, steps, trailing, trailing_count, trailing_sum
from forcedflow.features.table import FeatureTable
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, F8x2

HORIZONS_H: tuple[int, ...] = (1, 4, 8, 24)
"""Hours ahead that every forecast speaks of. [h]"""

CLIP = 4.0
"""Standardised inputs are cut there: one wild hour must not carry a fit. [spreads]"""

_LEAST_LIQUIDATED = 1e-6
_LEAST_REACHED = 1e-6
_WEEK_H = 168
_MEANS_H = (1, 4, 24)

Bools: TypeAlias = np.ndarray[tuple[int], np.dtype[np.bool_]]

_SIDES = ("long", "short")
_WAYS = ("below", "above")

FAMILIES: dict[str, tuple[str, ...]] = {
    "clock": ("day_sin", "day_cos", "half_day_sin", "half_day_cos", "weekend", "us_session"),
    "volatility": (
        "sigma_1h",
        "sigma_24h",
        "sigma_7d",
        "range_4h",
        "range_24h",
        "sigma_level",
        "sigma_rank",
        "move_1h",
        "move_4h",
        "move_24h",
    ),
    "liquidations": (
        *(f"liq_{side}_{name}" for side in _SIDES for name in ("1h", "4h", "24h", "rank")),
        "liq_imbalance",
    ),
    "market": (
        "return_4h",
        "return_24h",
        "oi_change_1h",
        "oi_change_4h",
        "oi_change_24h",
        "oi_rank",
        "oi_change_rank",
        "sideways",
        "funding",
        "funding_rank",
        "funding_streak",
        "basis_rank",
        "perp_lead",
        "perp_share_rank",
        "volume_rank",
        "depth_rank",
        "depth_surprise",
        "slippage_rank",
        "accounts_rank",
        "sweeps_high",
        "sweeps_low",
        "event_near",
    ),
    "map": (
        *(f"cluster_{way}_{name}" for way in _WAYS for name in ("near", "share")),
        *(f"mass_{way}_{pct}pct" for way in _WAYS for pct in (1, 3)),
        "map_asymmetry",
        *(f"reach_{side}_{h}h" for side in _SIDES for h in HORIZONS_H),
        *(f"touch_{way}_{h}h" for way in _WAYS for h in HORIZONS_H),
        "critical_shock_down",
        "critical_shock_up",
    ),
    "placebo": (
        *(f"placebo_reach_{side}_{h}h" for side in _SIDES for h in HORIZONS_H),
        *(f"placebo_touch_{way}_{h}h" for way in _WAYS for h in HORIZONS_H),
    ),
}
"""Inputs by what they are made of. The placebo's are the map's with the same price history and no
open interest in it; they only ever stand in for the map's, never beside them."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Inputs of one market at ``n`` moments.

    Parameters
    ----------
    symbol, venue : str
    times_ms : ndarray of int, shape (n,)
        Moments, increasing. [UTC ms]
    columns : mapping of str to ndarray, shape (n,)
        By the names in `FAMILIES`; NaN where unknown. [1]
    simulated : bool
    """

    symbol: str
    venue: str
    times_ms: I8
    columns: Mapping[str, F8]
    simulated: bool

    @property
    def size(self) -> int:
        """Return the number of moments."""
        return self.times_ms.size

    def matrix(self, names: Sequence[str]) -> F8x2:
        """Return the named columns side by side, shape (n, len(names)); NaN where unknown."""
        unknown = np.full(self.size, np.nan)
        found = [self.columns.get(name, unknown) for name in names]
        return np.stack(found, axis=1) if found else np.zeros((self.size, 0))

    def cut(self, chosen: Bools) -> Rows:
        """Return the chosen moments."""
        places = np.flatnonzero(chosen)
        return Rows(
            self.symbol,
            self.venue,
            self.times_ms[places],
            {name: column[places] for name, column in self.columns.items()},
            self.simulated,
        )


def lay_rows(table: FeatureTable, symbol: str, venue: str) -> Rows:
    """Return the inputs at every whole hour.

    Parameters
    ----------
    table : FeatureTable
        With the map's columns where they are known; what is missing is NaN.
    symbol, venue : str

    Returns
    -------
    Rows
    """
    hours = np.flatnonzero(table.times_ms % HOUR_MS == 0)
    # Means run through every moment; all else is known of each moment by itself.
    asked = table.cut(hours).joined(_mean_hours(table, hours))
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = {
            **_clock(asked),
            **_volatility(asked),
            **_liquidations(asked),
            **_market(asked),
            **_map(asked),
        }
    return Rows(
        symbol,
        venue,
        asked.times_ms,
        # One NaN alone: which of its bytes arithmetic leaves hangs on the length of the column.
        {name: np.where(np.isnan(own), np.nan, own) for name, own in columns.items()},
        table.simulated,
    )


def names_of(families: Sequence[str]) -> tuple[str, ...]:
    """Return the inputs of families, in their order."""
    return tuple(name for family in families for name in FAMILIES[family])


@dataclass(frozen=True, slots=True)
class Standard:
    """How inputs are brought to one scale, as learned on the fit.

    Parameters
    ----------
    names : tuple of str, length k
    centre, spread : ndarray, shape (k,)
        Median, and the 16–84 % half-width (1 where a column never changes).
    """

    names: tuple[str, ...]
    centre: F8
    spread: F8

    def apply(self, rows: Rows) -> F8x2:
        """Return standardised inputs, shape (n, k): clipped, the centre where unknown."""
        scaled = (rows.matrix(self.names) - self.centre) / self.spread
        return np.clip(np.nan_to_num(scaled), -CLIP, CLIP)

    def to_plain(self) -> dict[str, Any]:
        """Return it as lists."""
        return {
            "names": list(self.names),
            "centre": self.centre.tolist(),
            "spread": self.spread.tolist(),
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Standard:
        """Return what `to_plain` wrote."""
        return Standard(
            tuple(plain["names"]),
            np.array(plain["centre"], dtype=np.float64),
            np.array(plain["spread"], dtype=np.float64),
        )


def standardise(rows: Sequence[Rows], names: Sequence[str]) -> Standard:
    """Return the scale of inputs on the rows of a fit.

    Parameters
    ----------
    rows : sequence of Rows
        Of every market in the fit.
    names : sequence of str

    Returns
    -------
    Standard
        A column that is never known has centre 0 and spread 1, so that it says nothing.
    """
    together = np.concatenate([own.matrix(names) for own in rows])
    centre, spread = np.zeros(len(names)), np.ones(len(names))
    for k in range(len(names)):
        known = together[~np.isnan(together[:, k]), k]
        if known.size:
            low, middle, high = np.quantile(known, [0.16, 0.5, 0.84])
            # A yes or no that is rarely yes has no such width; its deviation has.
            width = 0.5 * (high - low) or float(known.std())
            centre[k], spread[k] = middle, width if width > 0 else 1.0
    return Standard(tuple(names), centre, spread)


def _clock(table: FeatureTable) -> dict[str, F8]:
    hour = (table["hour_of_week"] % 24) * (2 * np.pi / 24)
    return {
        "day_sin": np.sin(hour),
        "day_cos": np.cos(hour),
        "half_day_sin": np.sin(2 * hour),
        "half_day_cos": np.cos(2 * hour),
        "weekend": np.where(table["hour_of_week"] >= 5 * 24, 1.0, 0.0),
        "us_session": np.where(table["session"] == 2, 1.0, 0.0),
    }


def _volatility(table: FeatureTable) -> dict[str, F8]:
    sigma = table["sigma_day"]

    def ratio(name: str, hours: float = 24) -> F8:
        usual = sigma * np.sqrt(hours / 24)
        found: F8 = np.clip(np.log(_positive(table[name]) / usual), -5, 5)
        return found

    return {
        "sigma_1h": ratio("sigma_1h"),
        "sigma_24h": ratio("sigma_24h"),
        "sigma_7d": ratio("sigma_7d"),
        "range_4h": ratio("range_4h", 4),
        "range_24h": ratio("range_24h"),
        # The one column with a level: what a coin's hours are worth in absolute moves hangs on it.
        "sigma_level": np.log(np.clip(sigma, 0.002, 0.3) / 0.03),
        "sigma_rank": table["sigma_rank_30d"] - 0.5,
        **{f"move_{h}h": np.abs(_in_sigma(table, h)) for h in (1, 4, 24)},
    }


def _liquidations(table: FeatureTable) -> dict[str, F8]:
    columns: dict[str, F8] = {"liq_imbalance": table["liq_imbalance_4h"]}
    for side in _SIDES:
        usual = table[_mean_of(side, _WEEK_H)]
        for hours in _MEANS_H:
            mean = table[_mean_of(side, hours)]
            ratio = (mean + _LEAST_LIQUIDATED) / (usual + _LEAST_LIQUIDATED)
            columns[f"liq_{side}_{hours}h"] = np.log(ratio)
        columns[f"liq_{side}_rank"] = table[f"liq_{side}_rank_30d"] - 0.5
    return columns


def _market(table: FeatureTable) -> dict[str, F8]:
    def centred(name: str) -> F8:
        return table[name] - 0.5

    return {
        "return_4h": _in_sigma(table, 4),
        "return_24h": _in_sigma(table, 24),
        **{f"oi_change_{h}h": np.clip(100 * table[f"oi_change_{h}h"], -20, 20) for h in (1, 4, 24)},
        "oi_rank": centred("oi_rank_30d"),
        "oi_change_rank": centred("oi_change_4h_rank_30d"),
        "sideways": np.clip(table["sideways_4h"], 0, 5),
        # Basis points per eight hours; a rate beyond thirty says no more than thirty does.
        "funding": np.clip(1e4 * table["funding_8h"], -30, 30),
        "funding_rank": centred("funding_rank_30d"),
        "funding_streak": np.clip(table["funding_same_sign_hours"], -240, 240) / 240,
        "basis_rank": centred("basis_rank_30d"),
        "perp_lead": np.clip(table["perp_lead_4h"], -5, 5),
        "perp_share_rank": centred("perp_volume_share_rank_30d"),
        "volume_rank": centred("volume_1h_rank_30d"),
        "depth_rank": centred("depth_rank_30d"),
        "depth_surprise": np.clip(table["depth_surprise"], -3, 3),
        "slippage_rank": centred("slippage_rank_30d"),
        "accounts_rank": centred("accounts_ratio_rank_30d"),
        "sweeps_high": np.clip(table["sweeps_high_24h"], 0, 5),
        "sweeps_low": np.clip(table["sweeps_low_24h"], 0, 5),
        "event_near": table["event_weight"] * np.exp2(-table["hours_to_event"] / 6),
    }


def _map(table: FeatureTable) -> dict[str, F8]:
    columns: dict[str, F8] = {"map_asymmetry": table["map_asymmetry"]}
    for way in _WAYS:
        mass = table[f"mass_{way}_3pct"]
        known = ~np.isnan(mass)
        # Where the map is known and has no cluster, none is near: that is a finding.
        near = np.exp2(-table[f"cluster_{way}_sigma"])
        columns[f"cluster_{way}_near"] = np.where(known, np.nan_to_num(near), np.nan)
        share = np.nan_to_num(table[f"cluster_{way}_share"])
        columns[f"cluster_{way}_share"] = np.where(known, np.clip(share, 0, 1), np.nan)
        for pct in (1, 3):
            columns[f"mass_{way}_{pct}pct"] = np.clip(table[f"mass_{way}_{pct}pct"], 0, 1)
    for way in ("down", "up"):
        columns[f"critical_shock_{way}"] = table[f"critical_shock_{way}"]
    for name in (*FAMILIES["map"], *FAMILIES["placebo"]):
        if "reach_" in name:
            columns[name] = np.log(np.clip(table[name], 0, 1) + _LEAST_REACHED)
        elif "touch_" in name:
            columns[name] = np.clip(table[name], 0, 1)
    return columns


def _in_sigma(table: FeatureTable, hours: int) -> F8:
    """Return the past return in deviations of its own length. [σ]"""
    sigma = table["sigma_day"] * np.sqrt(hours * HOUR_MS / DAY_MS)
    size: F8 = np.clip(table[f"return_{hours}h"] / sigma, -10, 10)
    return size


def _mean_hours(table: FeatureTable, places: I8) -> dict[str, F8]:
    """Return means of trailing hourly liquidations at whole hours; gaps are passed over."""
    means, each = {}, steps(HOUR_MS)
    for side in _SIDES:
        hourly = table[f"liq_{side}_1h"]
        now = hourly[places]
        means[_mean_of(side, 1)] = now
        # Hour by hour, then hours together: what moments would add up to, in a twelfth of the time.
        total, count = (of(hourly, each)[places] for of in (trailing_sum, trailing_count))
        for hours in (*_MEANS_H[1:], _WEEK_H):
            known = trailing(count, hours, np.add, 0.0)
            with np.errstate(invalid="ignore", divide="ignore"):
                mean = trailing(total, hours, np.add, 0.0) / known
            is_covered = (known >= COVERED * hours * each) & ~np.isnan(now)
            means[_mean_of(side, hours)] = np.where(is_covered, mean, np.nan)
    return means


def _mean_of(side: str, hours: int) -> str:
    return f"mean liq_{side} of {hours} h"


def _positive(column: F8) -> F8:
    return np.where(column > 0, column, np.nan)
