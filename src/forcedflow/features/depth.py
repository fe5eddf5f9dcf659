"""Depth: how much the book holds near the price, and how unusual that is for the hour.

In:  `FeatureInputs`, moments. [UTC ms]   Out: columns. [USD, bps, 1]
Pure: frames in, NumPy out; no I/O, no clock, no global state.

A side that shows the fault of a stale reference price is unknown; see
`forcedflow.depth.from_bands.fault_of`, whose two rules are applied here to every moment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from forcedflow.depth.from_bands import COLLAPSED, NARROWED
from forcedflow.features.feature import DEPTH_AGE_MS, RANK_MS, Feature
from forcedflow.features.grid import (
    lagged,
    looked_up,
    newest_rows,
    steps,
    trailing_count,
    trailing_rank,
    trailing_sum,
    trailing_total,
)
from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.rows import Bools, Rows
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, F8x2

ORDER_USD = 100_000.0
"""Size of the order whose slippage is told. [USD]"""

_WEEKS = 4
_HOURS_OF_WEEK = 168
_PROFILE_MS = _WEEKS * 7 * DAY_MS


def _feature(name: str, unit: str, doc: str, window_ms: int) -> Feature:
    return Feature(name, unit, doc, window_ms, ("depth_bands",), DEPTH_AGE_MS, "depth")


FEATURES = (
    _feature("depth_1pct_bid_usd", "USD", "Bids within 1 % of the price.", DAY_MS),
    _feature("depth_1pct_ask_usd", "USD", "Asks within 1 % of the price.", DAY_MS),
    _feature("depth_1pct_usd", "USD", "The lesser of the two.", DAY_MS),
    _feature("depth_rank_30d", "1", "Rank of depth_1pct_usd among the last 30 days.", RANK_MS),
    _feature(
        "depth_surprise",
        "1",
        "Log of depth_1pct_usd over its median in the same hour of the last four weeks.",
        _PROFILE_MS,
    ),
    _feature(
        "slippage_100k_bps",
        "bps",
        "Mean distance from the price at which $100,000 are filled, on the worse side.",
        DAY_MS,
    ),
    _feature(
        "slippage_rank_30d", "1", "Rank of slippage_100k_bps among the last 30 days.", RANK_MS
    ),
    Feature(
        "volume_profile",
        "1",
        "Volume usual in this hour of the week over that usual in any, of the last four weeks.",
        _PROFILE_MS,
        ("perpetual klines",),
        None,
        "depth",
    ),
)


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of the book at ``n`` moments: k distances from near to far, cumulative."""

    distance_pct: F8
    usd: tuple[F8, ...]
    coins: tuple[F8, ...]

    def at_one(self) -> tuple[F8, F8]:
        """Value and mean price within one percent."""
        k = int(np.argmax(self.distance_pct == 1.0))
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.usd[k], np.where(self.coins[k] > 0, self.usd[k] / self.coins[k], np.nan)


def compute(inputs: FeatureInputs, times_ms: I8) -> dict[str, F8]:
    """Return the family's columns, shape (n,) each."""
    columns = shown(inputs, times_ms)
    depth, worse = columns["depth_1pct_usd"], columns["slippage_100k_bps"]
    columns |= {
        "depth_rank_30d": trailing_rank(depth),
        "depth_surprise": surprise(depth, times_ms),
        "slippage_rank_30d": trailing_rank(worse),
        "volume_profile": volume_profile(inputs.rows("trade_klines"), times_ms),
    }
    return {feature.name: columns[feature.name] for feature in FEATURES}


def shown(inputs: FeatureInputs, times_ms: I8) -> dict[str, F8]:
    """Return the columns that look back no further than a day, shape (n,) each."""
    bids, asks = (_side(inputs.rows("depth_bands"), sign, times_ms) for sign in (-1.0, 1.0))
    bid_usd = ask_usd = worse = np.full(times_ms.size, np.nan)
    if bids is not None and asks is not None:
        share, other = (_share_of_day(side.at_one()[0]) for side in (bids, asks))
        stale_bids = _stale(bids, asks, share, other, 1.0)
        stale_asks = _stale(asks, bids, other, share, -1.0)
        bid_usd = np.where(stale_bids, np.nan, bids.at_one()[0])
        ask_usd = np.where(stale_asks, np.nan, asks.at_one()[0])
        worse = np.maximum(_slippage_bps(bids), _slippage_bps(asks))
        worse = np.where(stale_bids | stale_asks, np.nan, worse)
    return {
        "depth_1pct_bid_usd": bid_usd,
        "depth_1pct_ask_usd": ask_usd,
        "depth_1pct_usd": np.minimum(bid_usd, ask_usd),
        "slippage_100k_bps": worse,
    }


def surprise(depth: F8, times_ms: I8) -> F8:
    """Return the log of depth over what is usual in the same hour of the weeks before. [1]"""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.log(depth / _usual_depth(depth, times_ms))
    return np.where(np.isfinite(found), found, np.nan)


def newest_surprise(depth: F8, times_ms: I8) -> float:
    """Return what `surprise` says of the last moment, from the hours that it is compared with."""
    hour = int(times_ms[-1]) // HOUR_MS
    medians = []
    for week in range(1, _WEEKS + 1):
        began_ms = (hour - week * _HOURS_OF_WEEK) * HOUR_MS
        first, stop = np.searchsorted(times_ms, [began_ms, began_ms + HOUR_MS])
        cells = depth[first:stop]
        known = cells[~np.isnan(cells)]
        if known.size:
            medians.append(np.median(known))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.log(depth[-1] / np.median(medians)) if medians else np.nan
    return float(found) if np.isfinite(found) else np.nan


def _side(bands: Rows, sign: float, times_ms: I8) -> _Side | None:
    """Every distance of a side that reaches one percent; None where that is not held."""
    signed = sign * bands["distance_pct"]
    distances = np.unique(signed[signed > 0])
    if 1.0 not in distances:
        return None
    near = bands.since(int(times_ms[0]) - DEPTH_AGE_MS)
    signed = sign * near["distance_pct"]
    usd, coins = [], []
    for distance in distances:
        rows = near.chosen(signed == distance)
        newest = newest_rows(rows.event_ms, rows.known_ms, times_ms, DEPTH_AGE_MS)
        usd.append(looked_up(rows["notional_usd"], newest, np.nan))
        coins.append(looked_up(rows["amount"], newest, np.nan))
    return _Side(distances, tuple(usd), tuple(coins))


def _stale(own: _Side, other: _Side, share: F8, other_share: F8, sign: float) -> Bools:
    """Whether a side is measured from a stale price, by the bands alone; ``sign`` is 1 for bids."""
    (usd, mean), (other_usd, other_mean) = own.at_one(), other.at_one()
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = sign * np.log(other_mean / mean)
        narrowed = _share_of_day(gap)
        crossed = (gap <= 0) & (usd < other_usd)
        empty = (usd == 0) & (other_usd > 0)
        contradicted = (share < COLLAPSED) & (other_share > COLLAPSED) & (narrowed < NARROWED)
    stale: Bools = crossed | empty | contradicted
    return stale


def _share_of_day(figure: F8) -> F8:
    """Figures over their median of the last day."""
    known = pl.Series(figure, nan_to_null=True)
    median: F8 = known.rolling_median(steps(DAY_MS), min_samples=1).to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        return figure / median


def _slippage_bps(side: _Side) -> F8:
    """Mean distance of a fill of `ORDER_USD`, depth being even within each band."""
    left = np.full(side.usd[0].size, ORDER_USD)
    paid = np.zeros(left.size)
    before, near = np.zeros(left.size), 0.0
    for usd, far in zip(side.usd, side.distance_pct.tolist(), strict=True):
        # A wider band cannot hold less than a narrower one; where it is told to, it adds nothing.
        held = np.maximum(usd, before)
        inside = held - before
        taken = np.where(left > 0, np.minimum(left, inside), 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            reach = np.where(taken > 0, taken / inside, 0.0) * (far - near)
        paid += taken * (near + reach / 2.0)
        left = left - taken
        before, near = held, far
    return np.where(left == 0, paid / ORDER_USD * 100.0, np.nan)


def _usual_depth(depth: F8, times_ms: I8) -> F8:
    """Median depth in the same hour of the weeks before."""
    hours, hour = _hours_of(times_ms)
    by_hour = (
        pl.DataFrame({"hour": hour, "depth": depth})
        .with_columns(pl.col("depth").fill_nan(None))
        .group_by("hour", maintain_order=True)
        .median()
    )
    weeks = _weeks_before(by_hour["depth"].fill_null(np.nan).to_numpy(), _HOURS_OF_WEEK)
    usual = np.full(hours.size, np.nan)
    known = ~np.isnan(weeks).all(axis=0)
    usual[known] = np.nanmedian(weeks[:, known], axis=0)
    found: F8 = usual[hour - hours[0]]
    return found


def volume_profile(klines: Rows, times_ms: I8) -> F8:
    """Return the mean volume of this hour of the week over that of any, both of four weeks."""
    volume = trailing_total(klines, "volume", times_ms, HOUR_MS)
    hours, hour = _hours_of(times_ms)
    on_the_hour = times_ms % HOUR_MS == 0
    # The volume of the hour before, which is known when it has ended.
    ended = np.full(hours.size, np.nan)
    ended[hour[on_the_hour] - hours[0]] = volume[on_the_hour]
    same_hour = _weeks_before(ended, _HOURS_OF_WEEK - 1)
    window = _WEEKS * _HOURS_OF_WEEK
    known = trailing_count(ended, window)
    with np.errstate(invalid="ignore", divide="ignore"):
        usual = np.nansum(same_hour, axis=0) / (~np.isnan(same_hour)).sum(axis=0)
        profile = usual / (trailing_sum(ended, window) / known)
    profile = np.where(known >= _HOURS_OF_WEEK, profile, np.nan)
    found: F8 = profile[hour - hours[0]]
    return found


def _weeks_before(by_hour: F8, first: int) -> F8x2:
    """Figures of the same hour of each of the four weeks before, shape (4, h)."""
    return np.stack([lagged(by_hour, first + _HOURS_OF_WEEK * k) for k in range(_WEEKS)])


def _hours_of(times_ms: I8) -> tuple[I8, I8]:
    """Every hour of the grid, and the hour of each moment. [hours since the epoch]"""
    hour = times_ms // HOUR_MS
    return np.arange(hour[0], hour[-1] + 1), hour
