"""Truth scores: how near a modelled ladder comes where the positions are known.

In:  modelled and true notional by distance from the mark, at several moments. [USD]
Out: correlation [1], transport distance [bp of price], mass ratio [1], and `Row` values.
Pure: values in, values out; randomness is a seed; no I/O, no clock.

Positions are known on venues that publish them and in the simulated market. Two opponents: the same
mass spread evenly, and the mean true profile of the other days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from forcedflow.evaluate.map_card import Scope
from forcedflow.evaluate.map_scores import days_of
from forcedflow.evaluate.map_trial import OURS
from forcedflow.evaluate.scorecard import Gain, Row, ratio_gain
from forcedflow.units import F8, I8, SIDES, F8x2

REACH = 0.12
"""How far from the mark a profile reaches. [1]"""

BIN = 0.005
"""Width of a profile's bins. [1]"""

N_BINS = round(REACH / BIN)

MASS_REACHES = (0.02, 0.05, 0.10)
"""Distances within which mass is compared. [1]"""

_RELIABLE = (0.8, 1.25)

Profile3: TypeAlias = np.ndarray[tuple[int, int, int], np.dtype[np.float64]]
"""Shape ``(n, 2, bins)``: moments, longs then shorts, nearest bin first. [USD]"""


@dataclass(frozen=True, slots=True)
class LadderPairs:
    """Modelled and true ladders at the same ``n`` moments.

    Parameters
    ----------
    at_ms : ndarray of int, shape (n,)
        Moments, increasing. [UTC ms]
    modelled, true : ndarray, shape (n, 2, bins)
        Notional by distance from the mark, nearest bin first. [USD]
    """

    at_ms: I8
    modelled: Profile3
    true: Profile3


def by_distance(usd: F8, prices: F8, mark: float, side: int) -> F8:
    """Return notional by distance from the mark: below it for longs, above for shorts.

    Parameters
    ----------
    usd : ndarray, shape (p,)
        Notional per price. [USD]
    prices : ndarray, shape (p,)
        [quote per base]
    mark : float
        [quote per base]
    side : int
        Index into `SIDES`.

    Returns
    -------
    ndarray, shape (N_BINS,)
        Nearest bin first; what lies on the other side of the mark or farther is left out. [USD]
    """
    away = (1 - prices / mark) if side == 0 else (prices / mark - 1)
    sums: F8 = np.histogram(away, bins=N_BINS, range=(0, REACH), weights=usd)[0]
    return sums


def pearson(left: F8, right: F8) -> float:
    """Return Pearson's correlation of two profiles; NaN where one is the same everywhere. [1]"""
    x, y = left - left.mean(), right - right.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale > 0 else float("nan")


def wasserstein_bp(left: F8, right: F8) -> float:
    """Return how far mass must move on average to turn one profile's shape into the other's.

    Parameters
    ----------
    left, right : ndarray, shape (bins,)
        Profiles on bins of `BIN`; their totals do not matter.

    Returns
    -------
    float
        [bp of price]

    Raises
    ------
    ValueError
        If one of them holds nothing.
    """
    if not (left.sum() > 0 and right.sum() > 0):
        raise ValueError("a profile without mass has no shape")
    apart = np.cumsum(left / left.sum() - right / right.sum())
    return float(np.abs(apart).sum() * BIN * 1e4)


def mass_ratio(modelled: F8, true: F8, reach: float) -> float:
    """Return modelled over true notional nearer than ``reach``; infinite or NaN without any. [1]"""
    near = round(reach / BIN)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(modelled[:near].sum() / true[:near].sum())


def truth_rows(pairs: LadderPairs, scope: Scope) -> Iterator[Row]:
    """Yield the scorecard's rows of modelled against true ladders.

    Parameters
    ----------
    pairs : LadderPairs
    scope : Scope
        What they are of; its targets say whose positions are the truth.

    Yields
    ------
    Row
        Per side: ``pearson`` and ``wasserstein_bp`` as means over moments, ``mass_ratio`` of sums
        within 2, 5 and 10 %, whose gain is the fall of the mean ``|ln ratio|``. A uniform profile
        has no correlation. Moments without mass on a side are left out of it.

    Notes
    -----
    Both opponents hold our own total, so gains are of shape alone. The other days' profile reads
    the truth, later days included: where we lose to it, the ladder of a usual day knows more.
    """
    day = days_of(pairs.at_ms)
    for side, name in enumerate(SIDES):
        held = (pairs.true[:, side].sum(axis=1) > 0) & (pairs.modelled[:, side].sum(axis=1) > 0)
        true, ours, days = pairs.true[held, side], pairs.modelled[held, side], day[held]
        if days.size == 0:
            continue
        total = ours.sum(axis=1, keepdims=True)
        opponents = {"uniform": np.broadcast_to(total / true.shape[1], true.shape)}
        if np.unique(days).size > 1:
            opponents["profile"] = total * _other_days(true, days)
        for baseline, theirs in opponents.items():
            for metric, part, gain in _gains(true, ours, theirs, days):
                yield _row(scope, name, (metric, part), baseline, gain, days)


def _gains(true: F8x2, ours: F8x2, theirs: F8x2, day: I8) -> Iterator[tuple[str, str, Gain]]:
    one = np.ones(day.size)
    ours_r, theirs_r = (_each(pearson, profile, true) for profile in (ours, theirs))
    if np.isfinite(ours_r).all() and np.isfinite(theirs_r).all():
        yield "pearson", "", ratio_gain(1 - ours_r, 1 - theirs_r, one, day, rising=True)
    moved, theirs_moved = (_each(wasserstein_bp, profile, true) for profile in (ours, theirs))
    yield "wasserstein_bp", "", ratio_gain(moved, theirs_moved, one, day, rising=False)
    for reach in MASS_REACHES:
        near = round(reach / BIN)
        sums = [profile[:, :near].sum(axis=1) for profile in (true, ours, theirs)]
        seen = (np.stack(sums) > 0).all(axis=0)
        if not seen.any():
            continue
        held, mine, other = (s[seen] for s in sums)
        missed, theirs_missed = (np.abs(np.log(s / held)) for s in (mine, other))
        gain = ratio_gain(missed, theirs_missed, one[seen], day[seen], rising=False)
        ratio, theirs_ratio = (float(s.sum() / held.sum()) for s in (mine, other))
        scored = replace(gain, value=ratio, baseline_value=theirs_ratio)
        yield "mass_ratio", f":within {reach:.0%}", scored


def _each(score: Callable[[F8, F8], float], profiles: F8x2, true: F8x2) -> F8:
    return np.array([score(p, t) for p, t in zip(profiles, true, strict=True)])


def _other_days(true: F8x2, day: I8) -> F8x2:
    """Mean unit profile of all moments of other days."""
    unit = true / true.sum(axis=1, keepdims=True)
    return np.stack([unit[day != own].mean(axis=0) for own in day])


def _row(
    scope: Scope, side: str, metric: tuple[str, str], baseline: str, gain: Gain, days: I8
) -> Row:
    name, part = metric
    reliable = _RELIABLE[0] <= gain.value <= _RELIABLE[1]
    return Row(
        id=f"map-{scope.symbol}-{side}-now-{name}-{baseline}{part}",
        product="map",
        event=None,
        symbol=scope.symbol,
        venue=scope.venue,
        side=side,
        horizon="now",
        inputs=[*scope.inputs, f"targets: {scope.targets}"],
        model=OURS,
        baseline=baseline,
        metric=name,
        n=int(days.size),
        n_days=int(np.unique(days).size),
        value=gain.value,
        baseline_value=gain.baseline_value,
        gain=gain.gain,
        ci=[gain.low, gain.high],
        p=gain.p,
        pass_=reliable if name == "mass_ratio" else bool(gain.low > 0),
    )
