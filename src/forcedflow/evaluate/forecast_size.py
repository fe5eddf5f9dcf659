"""What the size forecast was worth: walked forward, beside every rival with the same estimator.

In:  rows and hourly liquidations of a market, a span.   Out: `Row` values.
Free of I/O and clocks.

Every week all competitors are fitted anew on what was over by then, and followed by the same level
and coverage tracking. Losses are of log sizes relative to a causal level (`forcedflow.forecast
.sizes`); gains are shares of the rival's loss, with intervals of whole days drawn again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.evaluate.map_scores import days_of, interval, resampled_sums
from forcedflow.evaluate.scorecard import DRAWS, LEVEL, SEED, Gain, Row, ratio_value, two_sided_p
from forcedflow.forecast.rows import HORIZONS_H, Rows
from forcedflow.forecast.scores import crps_of_quantiles, pinball
from forcedflow.forecast.size import (
    GROUPS,
    LEVELS,
    OURS,
    SETS,
    SizeModel,
    fit_size,
    with_past_sizes,
)
from forcedflow.forecast.size_forecast import tracked_quantiles
from forcedflow.forecast.size_trees import SizeTrees, grow_size
from forcedflow.forecast.sizes import Liquidated, Sizes, lay_sizes
from forcedflow.forecast.splits import WEEK_MS, walk_forward
from forcedflow.forecast.tracking import TRACKED_MS, F8x3
from forcedflow.units import F8, I8, SIDES

TREES = "boosted_trees"
"""The rival estimator, on our inputs."""

EVENT = "size"
PINBALL_LEVELS = (0.5, 0.9, 0.95, 0.99)
"""Levels whose losses are stated, and whose mean is the headline."""

LEAST_GAIN = 0.03
"""What the map's inputs must add to volatility and liquidation history. [1]"""

OFF_BY = 0.015
"""How far a quantile's coverage may be off. [1]"""

_AGAINST = "liquidations"
_BESIDE = "placebo"


@dataclass(frozen=True, slots=True)
class SizeTrial:
    """Quantiles of every competitor at ``n`` scored moments, and what happened.

    Parameters
    ----------
    symbol, venue : str
    horizon_h : int
        [h]
    times_ms : ndarray of int, shape (n,)
        [UTC ms]
    log : ndarray, shape (n, 2)
        Sizes. [log levels]
    quantiles : dict of str to ndarray, shape (n, 2, len(LEVELS))
        By competitor.
    fits : int
        How often each was fitted.
    """

    symbol: str
    venue: str
    horizon_h: int
    times_ms: I8
    log: np.ndarray[tuple[int, int], np.dtype[np.float64]]
    quantiles: dict[str, F8x3]
    fits: int


def size_rows(
    rows: Rows,
    liquidated: Liquidated,
    fit_to_ms: int,
    from_ms: int,
    to_ms: int,
    horizons_h: Sequence[int] = HORIZONS_H,
    others: Sequence[tuple[Rows, Liquidated]] = (),
    targets: str = "",
) -> list[Row]:
    """Return the size forecast's part of the scorecard for one market.

    Parameters
    ----------
    rows : Rows
        Hourly, as `forcedflow.forecast.rows.lay_rows` returns them, with warm-up before the span;
        the placebo takes part where its columns are known, and without it nothing passes.
    liquidated : Liquidated
        Of the same market.
    fit_to_ms : int
        End of the first fit; each later one ends where its week begins. [UTC ms]
    from_ms, to_ms : int
        Scored moments, from inclusive, to exclusive. [UTC ms]
    horizons_h : sequence of int
        [h]
    others : sequence of tuple
        Rows and liquidations of further markets that the fits may read, up to the same moments.
    targets : str
        Whose liquidations they are, in words.

    Returns
    -------
    list of Row
        p-values not adjusted yet.

    Raises
    ------
    NoDataError
        If liquidations are missing: before the end of the fit, or in the scored span.
    """
    found: list[Row] = []
    for horizon_h in horizons_h:
        trial = hold_size_trial(rows, liquidated, horizon_h, fit_to_ms, from_ms, to_ms, others)
        found += score_trial(trial, targets)
    return found


def hold_size_trial(
    rows: Rows,
    liquidated: Liquidated,
    horizon_h: int,
    fit_to_ms: int,
    from_ms: int,
    to_ms: int,
    others: Sequence[tuple[Rows, Liquidated]] = (),
) -> SizeTrial:
    """Return every competitor's quantiles, walked forward; arguments and errors as `size_rows`."""
    own = with_past_sizes(rows, liquidated)
    known = [own, *(with_past_sizes(*other) for other in others)]
    told = [liquidated, *(other for _, other in others)]
    sizes = lay_sizes(own.times_ms, liquidated, horizon_h)
    inside = (own.times_ms >= from_ms) & (own.times_ms < to_ms)
    scored = inside & np.isfinite(sizes.log).all(axis=1)
    if not scored.any():
        raise NoDataError(
            f"no liquidations of {rows.symbol} are known {horizon_h} h after any scored hour"
        )
    folds = walk_forward(fit_to_ms, from_ms, to_ms, WEEK_MS)
    # A placebo that nobody computed would be a rival without any map, under a wrong name.
    missing = {_BESIDE} if np.isnan(own.matrix(GROUPS[_BESIDE])).all() else set()
    names = [name for name in (*SETS, TREES) if name not in missing]
    shape = (own.size, len(SIDES), len(LEVELS))
    quantiles = {name: np.full(shape, np.nan) for name in names}
    for fold in folds:
        near = (own.times_ms >= fold.from_ms - TRACKED_MS) & (own.times_ms < fold.to_ms)
        here, there = own.cut(near), np.flatnonzero(near)
        asked = fold.asks(here.times_ms)
        if not scored[there[asked]].any():
            continue
        past = Sizes(here.times_ms, horizon_h, sizes.usd[near], sizes.level[near])
        for name in names:
            model: SizeModel | SizeTrees = (
                grow_size(known, told, horizon_h, fold.fit_to_ms)
                if name == TREES
                else fit_size(known, told, horizon_h, fold.fit_to_ms, SETS[name])
            )
            quantiles[name][there[asked]] = tracked_quantiles(model, here, past)[asked]
    return SizeTrial(
        rows.symbol,
        rows.venue,
        horizon_h,
        own.times_ms[scored],
        sizes.log[scored],
        {name: found[scored] for name, found in quantiles.items()},
        len(folds),
    )


def score_trial(trial: SizeTrial, targets: str = "") -> Iterator[Row]:
    """Yield a trial's rows: losses beside every rival, coverage in all and by month."""
    inputs = [*SETS[OURS], *([f"targets: {targets}"] if targets else [])]
    for side in (*SIDES, "pooled"):
        chosen = list(range(len(SIDES))) if side == "pooled" else [SIDES.index(side)]
        actual = np.concatenate([trial.log[:, s] for s in chosen])
        day = np.tile(days_of(trial.times_ms), len(chosen))
        said = {
            name: np.concatenate([quantiles[:, s] for s in chosen])
            for name, quantiles in trial.quantiles.items()
        }
        ours = _losses(said[OURS], actual)
        gains: dict[str, dict[str, Gain]] = {}
        for baseline in (name for name in said if name != OURS):
            theirs = _losses(said[baseline], actual)
            gains[baseline] = {name: _gain(ours[name], theirs[name], day) for name in ours}
        for baseline, by_metric in gains.items():
            for metric, gain in by_metric.items():
                passed = bool(gain.low > 0)
                if baseline == _AGAINST and metric == "pinball_mean":
                    beside = gains[_BESIDE][metric].gain if _BESIDE in gains else None
                    enough = (gain.gain or 0.0) >= LEAST_GAIN
                    passed = passed and enough and beside is not None and beside > 0
                yield _row(trial, inputs, side, metric, baseline, gain, actual.size, day, passed)
        yield from _coverage(trial, inputs, side, said[OURS], actual, len(chosen))


def _losses(quantiles: np.ndarray[tuple[int, int], np.dtype[np.float64]], y: F8) -> dict[str, F8]:
    """Loss of every row by metric. [log levels]"""
    loss = pinball(quantiles, LEVELS, y)
    by_level = {f"pinball_{100 * tau:g}": loss[:, LEVELS.index(tau)] for tau in PINBALL_LEVELS}
    return {
        **by_level,
        "pinball_mean": np.mean(list(by_level.values()), axis=0),
        "crps": crps_of_quantiles(quantiles, LEVELS, y),
    }


def _gain(ours: F8, theirs: F8, day: I8) -> Gain:
    """Share of the rival's loss that is saved, with its interval over days."""
    drawn = resampled_sums(np.stack([ours, theirs], axis=1), day, seed=SEED, draws=DRAWS)
    saved = 1 - drawn[:, 0] / drawn[:, 1]
    low, high = interval(saved, LEVEL)
    return Gain(
        value=float(ours.mean()),
        baseline_value=float(theirs.mean()),
        gain=float(1 - ours.sum() / theirs.sum()),
        low=low,
        high=high,
        p=two_sided_p(saved),
    )


def _coverage(
    trial: SizeTrial,
    inputs: list[str],
    side: str,
    quantiles: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    actual: F8,
    repeats: int,
) -> Iterator[Row]:
    times = np.tile(trial.times_ms, repeats)
    day = days_of(times)
    months = times.astype("datetime64[ms]").astype("datetime64[M]")
    groups = [("", np.ones(times.size, dtype=np.bool_))]
    groups += [(f":{month}", months == month) for month in np.unique(months)]
    for suffix, chosen in groups:
        for tau in PINBALL_LEVELS:
            held = (actual <= quantiles[:, LEVELS.index(tau)])[chosen].astype(np.float64)
            gain = ratio_value(held, np.ones(held.size), day[chosen])
            metric, passed = f"coverage_{100 * tau:g}", bool(abs(gain.value - tau) <= OFF_BY)
            yield _row(
                trial, inputs, side, metric, "none", gain, held.size, day[chosen], passed, suffix
            )


def _row(
    trial: SizeTrial,
    inputs: list[str],
    side: str,
    metric: str,
    baseline: str,
    gain: Gain,
    n: int,
    day: I8,
    passed: bool,
    suffix: str = "",
) -> Row:
    horizon = f"{trial.horizon_h}h"
    return Row(
        id=f"forecast-{EVENT}-{trial.symbol}-{side}-{horizon}-{metric}-{baseline}{suffix}",
        product="forecast",
        event=EVENT,
        symbol=trial.symbol,
        venue=trial.venue,
        side=side,
        horizon=horizon,
        inputs=inputs,
        model=OURS,
        baseline=baseline,
        metric=metric,
        n=n,
        n_days=int(np.unique(day).size),
        value=gain.value,
        baseline_value=gain.baseline_value,
        gain=gain.gain,
        ci=[gain.low, gain.high],
        p=gain.p,
        pass_=passed,
    )
