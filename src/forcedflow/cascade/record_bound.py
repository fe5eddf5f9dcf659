r"""Record's bound: how seldom price can go far, because it never did so in what is recorded.

In:  past prices; draws and ends of scenarios. [quote per base, UTC ms, 1]
Out: `PastWindows`, `Bound`: how far no window went, which draws the record lets stand. [1]
Pure: NumPy in, values out; no I/O, no clock; randomness is a seed.

Where depth or forced flow is hardly known, some draws of them let every dip run off the book. Had
markets been like that, the record would show it. Of ``n`` past windows that do not overlap none
went further than the furthest: the chance of going further is at most, with 95 % confidence,

.. math:: P(\text{beyond}) \le 1 - 0.05^{1/n} \approx 3 / n .

Draws are tilted by no more than that takes: with :math:`x` the log of forced flow over depth,

.. math:: w(x) \propto \exp(-\theta \, P(\text{beyond} \mid x)),

the least change in relative entropy that keeps the bound. Paths are left alone: what volatility
does without a ladder is not the draws' doing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from forcedflow.depth.curve import Direction
from forcedflow.units import F8, HOUR_MS, I8
from forcedflow.volatility.ewma import ewma_volatility
from forcedflow.volatility.filtered_history import WARM_UP_MS

B1: TypeAlias = np.ndarray[tuple[int], np.dtype[np.bool_]]

CONFIDENCE = 0.95
"""Confidence of the bound: 3/n is the rule of three. [1]"""

LEAST_KEPT = 0.05
"""Share of scenarios that is left at least; a bound that asks for more cannot be kept. [1]"""

_BINS = 64
_HALVINGS = 40
_STEEPEST = 2.0**40
# A stream of its own, far from those of the paths.
_STREAM = 1 << 31


class PastPrices(NamedTuple):
    """Bars of one price, all of them known, and whose they are. [quote per base, UTC ms]"""

    low: F8
    high: F8
    close: F8
    end_ms: I8
    source: str


@dataclass(frozen=True, slots=True)
class PastWindows:
    """Past windows of one length that do not overlap.

    Parameters
    ----------
    horizon_ms : int
        Length. [ms]
    n : int
        How many.
    down, up : float
        How far the furthest went below and above the price it began at, over the volatility
        expected then; 0 without windows. [σ]
    from_ms, to_ms : int
        First begin and last end. [UTC ms]
    source : str
        Whose prices, in words.
    """

    horizon_ms: int
    n: int
    down: float
    up: float
    from_ms: int
    to_ms: int
    source: str

    @property
    def limit(self) -> float:
        """Return how likely a window beyond the furthest is at most; 1 without windows. [1]"""
        return 1.0 if not self.n else 1.0 - (1.0 - CONFIDENCE) ** (1.0 / self.n)

    def furthest(self, direction: Direction, sigma: float) -> float:
        """Return how far the furthest went, sized to a volatility over the horizon. [1]"""
        return sigma * (self.down if direction == "down" else self.up)


@dataclass(frozen=True, slots=True)
class Bound:
    """What the record takes away from scenarios of one direction.

    Parameters
    ----------
    past : PastWindows
    distance : float
        How far the furthest past window went, sized to today's volatility. [1]
    before, after : float
        Share of scenarios beyond it as drawn, and as left. [1]
    alone : float
        Share of the same paths beyond it with nothing forced: no draw is blamed for that much. [1]
    kept : float
        Share of draws that are left. [1]
    held : bool
        Whether the bound holds; where it does not, nothing is taken away.
    knots, keeping : ndarray, shape (b,)
        Largest log of forced over depth factor of each bin, increasing, and the chance with which
        its draws are kept. [1]
    """

    past: PastWindows
    distance: float
    before: float
    after: float
    alone: float
    kept: float
    held: bool
    knots: F8
    keeping: F8

    @property
    def limit(self) -> float:
        """Return the share that may be beyond: the record's, or what paths alone do. [1]"""
        return max(self.past.limit, self.alone)

    def words(self, direction: Direction) -> str:
        """Return what the record says, and what it took away."""
        past, way = self.past, "fell" if direction == "down" else "rose"
        sign = -1.0 if direction == "down" else 1.0
        percent = 100 * abs(math.expm1(sign * self.distance))
        said = (
            f"of {past.n:,} past spans of {past.horizon_ms / HOUR_MS:g} h ({past.source}) "
            f"none {way} by more than {percent:.0f} % at today's "
            f"volatility, so at most {100 * self.limit:.2g} % of scenarios may"
        )
        if not self.held:
            return f"{said}; {100 * self.before:.2g} % do, whichever draws are left: not bounded"
        if self.kept == 1:
            return f"{said}; {100 * self.before:.2g} % do"
        return (
            f"{said}; before this bound {100 * self.before:.2g} % did: "
            f"{100 * (1 - self.kept):.0f} % of draws taken away, those with least depth to most "
            "forced flow first"
        )

    def row(self, direction: Direction) -> dict[str, Any]:
        """Return the bound as plain values."""
        sign = -1.0 if direction == "down" else 1.0
        return {
            "past_windows": self.past.n,
            "window_ms": self.past.horizon_ms,
            "furthest_sigma": round(self.past.down if direction == "down" else self.past.up, 3),
            "furthest_pct": round(100 * math.expm1(sign * self.distance), 3),
            "from_ms": self.past.from_ms,
            "to_ms": self.past.to_ms,
            "source": self.past.source,
            "limit": float(f"{self.limit:.4g}"),
            "share_beyond_before": round(self.before, 4),
            "share_beyond": round(self.after, 4),
            "share_beyond_volatility_only": round(self.alone, 4),
            "draws_taken_away": round(1 - self.kept, 4),
            "held": self.held,
        }

    def keep(self, log_ratio: F8, seed: int) -> B1:
        """Return which draws are left, shape of their log of forced over depth factor."""
        return np.asarray(_lots(log_ratio.size, seed) < self.keeping[_bins(self.knots, log_ratio)])


def past_windows(prices: PastPrices, horizon_ms: int) -> PastWindows:
    """Return the windows of a length, one after the other, without those that gaps interrupt.

    Parameters
    ----------
    prices : PastPrices
        Every bar known.
    horizon_ms : int
        [ms]

    Returns
    -------
    PastWindows
        None where bars are longer than the horizon, or too few.

    Notes
    -----
    A window begins at a close and lasts the bars of the horizon, rounded up. Bars that hold closes
    only make it shorter than it was, and the bound stricter.
    """
    low, high, close, end_ms, source = prices
    step_ms = int(np.median(np.diff(end_ms))) if end_ms.size > 1 else 0
    if not 0 < step_ms <= horizon_ms:
        return PastWindows(horizon_ms, 0, 0.0, 0.0, 0, 0, source)
    bars = -(-horizon_ms // step_ms)
    sigma = ewma_volatility(close, end_ms, horizon_ms=horizon_ms)
    elapsed = np.diff(end_ms)
    regular = (elapsed > 0.5 * step_ms) & (elapsed < 1.5 * step_ms)
    covered = np.concatenate([[0], np.cumsum(regular)])
    whole = covered[bars:] - covered[:-bars] == bars
    settled = (end_ms - end_ms[0] >= WARM_UP_MS) & (sigma > 0)
    usable = (whole & settled[: whole.size]).tolist()
    begins, at = [], 0
    while at < len(usable):
        if usable[at]:
            begins.append(at)
            at += bars
        else:
            at += 1
    if not begins:
        return PastWindows(horizon_ms, 0, 0.0, 0.0, 0, 0, source)
    first = np.array(begins)
    inside = first[:, None] + np.arange(1, bars + 1)
    from_close = sigma[first]
    below = np.log(close[first] / low[inside].min(axis=1)) / from_close
    above = np.log(high[inside].max(axis=1) / close[first]) / from_close
    return PastWindows(
        horizon_ms=horizon_ms,
        n=first.size,
        down=max(0.0, float(below.max())),
        up=max(0.0, float(above.max())),
        from_ms=int(end_ms[first[0]]),
        to_ms=int(end_ms[first[-1] + bars]),
        source=source,
    )


def longest_record(sources: Sequence[PastPrices], horizon_ms: int) -> PastWindows:
    """Return the windows of the source that has most; between equals of the first.

    Raises
    ------
    ValueError
        If there is no source.
    """
    return max((past_windows(prices, horizon_ms) for prices in sources), key=lambda found: found.n)


def bound_draws(
    past: PastWindows, distance: float, log_ratio: F8, furthest: F8, alone: F8, seed: int
) -> Bound:
    """Return which draws the record lets stand.

    Parameters
    ----------
    past : PastWindows
    distance : float
        How far the furthest went, sized to today's volatility. [1]
    log_ratio : ndarray, shape (s,)
        Log of the factor on forced flow over the one on depth. [1]
    furthest, alone : ndarray, shape (s,)
        Largest distance of each scenario, and with nothing forced. [1]
    seed : int
        Of the lots that decide which draws go.

    Returns
    -------
    Bound

    Notes
    -----
    The chance of going beyond rises with the ratio; it is estimated by monotone regression over
    bins with as many scenarios each.
    """
    beyond = furthest > distance
    size = furthest.size
    alone_share = float((alone > distance).mean())
    allowed = max(past.limit, alone_share)
    order = np.argsort(log_ratio, kind="stable")
    groups = np.array_split(order, min(_BINS, size))
    knots = np.array([log_ratio[group[-1]] for group in groups])
    chance = _rising(
        np.array([beyond[group].mean() for group in groups]),
        np.array([float(group.size) for group in groups]),
    )
    excess = (chance - chance[0])[_bins(knots, log_ratio)]
    lots = _lots(size, seed)

    def left_by(theta: float) -> B1:
        return np.asarray(lots < np.exp(-theta * excess))

    def holds(theta: float) -> bool:
        kept = left_by(theta)
        return bool(kept.mean() >= LEAST_KEPT and beyond[kept].mean() <= allowed)

    before = float(beyond.mean())
    theta, held = 0.0, before <= allowed
    if not held:
        theta = 1.0
        while theta < _STEEPEST and not holds(theta):
            theta *= 2.0
        held = holds(theta)
        low, high = 0.0, theta
        for _ in range(_HALVINGS if held else 0):
            middle = (low + high) / 2.0
            low, high = (low, middle) if holds(middle) else (middle, high)
        theta = high if held else 0.0
    kept = left_by(theta)
    return Bound(
        past=past,
        distance=distance,
        before=before,
        after=float(beyond[kept].mean()),
        alone=alone_share,
        kept=float(kept.mean()),
        held=held,
        knots=knots,
        keeping=np.exp(-theta * (chance - chance[0])),
    )


def _bins(knots: F8, log_ratio: F8) -> I8:
    # Ratios beyond the largest seen belong to the last bin.
    return np.asarray(np.minimum(np.searchsorted(knots, log_ratio), knots.size - 1))


def _lots(size: int, seed: int) -> F8:
    stream = np.random.SeedSequence(seed, spawn_key=(_STREAM,))
    return np.random.default_rng(stream).random(size)


def _rising(share: F8, weight: F8) -> F8:
    # Monotone regression: neighbours that fall are pooled until none does.
    pools: list[tuple[float, float, int]] = []
    for value, count in zip(share.tolist(), weight.tolist(), strict=True):
        pool = (value, count, 1)
        while pools and pools[-1][0] >= pool[0]:
            mean, met, bins = pools.pop()
            both = met + pool[1]
            pool = ((mean * met + pool[0] * pool[1]) / both, both, bins + pool[2])
        pools.append(pool)
    return np.repeat([pool[0] for pool in pools], [pool[2] for pool in pools])
