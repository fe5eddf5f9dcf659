"""Past legs: how many had seen their extreme by now, and what their plans came to after costs.

In:  legs and outcomes that were over. [UTC ms, bps]   Out: `PastLegs`, `NetRate`, `Verdict`.
Pure: values in, values out; randomness is a seed; no I/O, no clock, no global state.

The answer is *no trade* wherever the mean of past plans after costs is not above zero with its
whole interval, whatever the picture looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forcedflow.playbook.ignition import SIGN, Ignition
from forcedflow.playbook.price_series import PriceSeries
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8

LEVEL, DRAWS, SEED = 0.95, 1_000, 20_260_101
"""Coverage of intervals, sets of days drawn, and the seed."""

LEAST_PLANS, LEAST_DAYS = 30, 10
"""Fewer plans or days than these have no rate."""

FOLLOWED_MS = 4 * HOUR_MS
"""How long after an impulse its extreme is looked for. [ms]"""


@dataclass(frozen=True, slots=True)
class NetRate:
    """Mean of past plans after costs, unfilled ones as zero.

    Parameters
    ----------
    mean_bps, low_bps, high_bps : float
        With the 95 % interval of days drawn again; NaN where there are too few. [bps]
    n, n_days : int
        Plans and the days they lie on.
    """

    mean_bps: float
    low_bps: float
    high_bps: float
    n: int
    n_days: int

    @property
    def above_zero(self) -> bool:
        """Return whether the whole interval lies above zero."""
        return bool(self.low_bps > 0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the record is a reason to act upon a plan at all.

    Parameters
    ----------
    no_trade : bool
    reason : str
        In words, with the figures.
    """

    no_trade: bool
    reason: str


@dataclass(frozen=True, slots=True)
class PastLegs:
    """What became of ``n`` legs, each known once it was over.

    Parameters
    ----------
    known_ms : ndarray of int, shape (n,)
        When its outcome was known. [UTC ms]
    impulse_ms : ndarray of int, shape (n,)
        When its impulse was known. [UTC ms]
    to_extreme_ms : ndarray of int, shape (n,)
        From then to its extreme; negative where that lay before. [ms]
    net_bps : ndarray, shape (n,)
        What its plan came to after costs; NaN where there was no plan. [bps]
    size_usd : float
        Size the costs are of. [USD]
    """

    known_ms: I8
    impulse_ms: I8
    to_extreme_ms: I8
    net_bps: F8
    size_usd: float

    def known_by(self, at_ms: int) -> PastLegs:
        """Return the legs whose outcome was known by a moment."""
        kept = self.known_ms <= at_ms
        return PastLegs(
            self.known_ms[kept],
            self.impulse_ms[kept],
            self.to_extreme_ms[kept],
            self.net_bps[kept],
            self.size_usd,
        )

    def share_bottomed(self, elapsed_ms: int) -> float | None:
        """Return the share whose extreme lay behind them so long after the impulse was known.

        None where there are fewer than `LEAST_PLANS`. [1]
        """
        if self.to_extreme_ms.size < LEAST_PLANS:
            return None
        return float((self.to_extreme_ms <= elapsed_ms).mean())

    def net_rate(self) -> NetRate:
        """Return the mean of the plans after costs, with its interval."""
        planned = np.isfinite(self.net_bps)
        return net_rate(self.net_bps[planned], self.impulse_ms[planned])


def joined(parts: Sequence[PastLegs]) -> PastLegs:
    """Return the legs of several instruments as one record, by when each was known.

    Raises
    ------
    ValueError
        If there is none, or their costs are of different sizes.
    """
    if len({part.size_usd for part in parts}) != 1:
        raise ValueError("one record is of one size, and of at least one instrument")
    known = np.concatenate([part.known_ms for part in parts])
    order = np.argsort(known, kind="stable")
    return PastLegs(
        known_ms=known[order],
        impulse_ms=np.concatenate([part.impulse_ms for part in parts])[order],
        to_extreme_ms=np.concatenate([part.to_extreme_ms for part in parts])[order],
        net_bps=np.concatenate([part.net_bps for part in parts])[order],
        size_usd=parts[0].size_usd,
    )


def net_rate(net_bps: F8, at_ms: I8) -> NetRate:
    """Return the mean of plans after costs, with the interval of whole days drawn again.

    Parameters
    ----------
    net_bps : ndarray, shape (n,)
        [bps]
    at_ms : ndarray of int, shape (n,)
        Their times, which make their days. [UTC ms]
    """
    days, which = np.unique(at_ms // DAY_MS, return_inverse=True)
    nan = float("nan")
    mean = float(net_bps.mean()) if net_bps.size else nan
    if net_bps.size < LEAST_PLANS or days.size < LEAST_DAYS:
        return NetRate(mean, nan, nan, int(net_bps.size), int(days.size))
    sums, counts = np.zeros(days.size), np.zeros(days.size)
    np.add.at(sums, which, net_bps)
    np.add.at(counts, which, 1.0)
    drawn = np.random.default_rng(SEED).multinomial(
        days.size, np.full(days.size, 1 / days.size), DRAWS
    )
    low, high = np.quantile(drawn @ sums / (drawn @ counts), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return NetRate(mean, float(low), float(high), int(net_bps.size), int(days.size))


def judge(rate: NetRate) -> Verdict:
    """Return whether a record is a reason to act; by default it is none.

    Examples
    --------
    >>> judge(NetRate(-12.0, -31.0, 8.0, 140, 60)).no_trade
    True
    """
    if not np.isfinite(rate.low_bps):
        return Verdict(
            no_trade=True,
            reason=f"no base rate: {rate.n} past plans on {rate.n_days} days, "
            f"{LEAST_PLANS} on {LEAST_DAYS} are needed",
        )
    figures = (
        f"{rate.mean_bps:+.1f} bps after costs, 95 % {rate.low_bps:+.1f} to {rate.high_bps:+.1f}, "
        f"{rate.n} plans on {rate.n_days} days"
    )
    if rate.above_zero:
        return Verdict(no_trade=False, reason=f"past plans came to {figures}")
    if rate.high_bps < 0:
        return Verdict(no_trade=True, reason=f"past plans lost: {figures}")
    return Verdict(no_trade=True, reason=f"past plans cannot be told from zero: {figures}")


def to_extreme_ms(series: PriceSeries, ignition: Ignition) -> int | None:
    """Return the time from when the impulse was known to its extreme; None while it may go on.

    Parameters
    ----------
    series : PriceSeries
    ignition : Ignition

    Returns
    -------
    int or None
        To the end of the bar with the furthest price between the impulse's beginning and
        `FOLLOWED_MS` after it was seen; negative where that bar had ended before. [ms]
    """
    until = int(series.event_ms[ignition.seen]) + FOLLOWED_MS
    if int(series.event_ms[-1]) < until:
        return None
    stop = int(np.searchsorted(series.event_ms, until, side="right"))
    side = series.low if ignition.direction == "down" else series.high
    ahead = SIGN[ignition.direction] * np.log(side[ignition.start + 1 : stop])
    furthest = ignition.start + 1 + int(np.argmax(ahead))
    return int(series.event_ms[furthest]) - ignition.impulse_ms


def past_impulses(series: PriceSeries, ignitions: Sequence[Ignition]) -> PastLegs:
    """Return what became of impulses, whether they hit a cluster or not; none has a plan.

    Parameters
    ----------
    series : PriceSeries
    ignitions : sequence of Ignition
        Of that series; those it does not follow to their end are left out.

    Returns
    -------
    PastLegs
        By the time at which each was over.
    """
    rows = []
    for ignition in ignitions:
        way = to_extreme_ms(series, ignition)
        if way is not None:
            over = int(series.event_ms[ignition.seen]) + FOLLOWED_MS
            place = int(np.searchsorted(series.event_ms, over))
            rows.append((int(series.known_ms[place]), ignition.impulse_ms, way))
    rows.sort()
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    nothing = np.full(columns.shape[0], np.nan)
    return PastLegs(columns[:, 0], columns[:, 1], columns[:, 2], nothing, 0.0)
