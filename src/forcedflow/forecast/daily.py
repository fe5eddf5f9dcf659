"""Tomorrow's risk: will a day's liquidations be among the largest tenth of the past year's?

In:  days of some coins, as `forcedflow.forecast.days` lays them.   Out: `DailyModel`. [1]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

One logistic regression serves all coins, because every input is a ratio to, or a rank among, the
coin's own past. Of open interest and funding only ranks are ever read, and each group of inputs
after the first is shrunk as far as earlier days allow: their levels drift, and hurt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.forecast.days import WEEKDAYS
from forcedflow.forecast.log_odds import probability_of
from forcedflow.forecast.ridge import most_shrunk
from forcedflow.forecast.rows import Bools, Rows, Standard, standardise
from forcedflow.forecast.scores import log_loss
from forcedflow.units import DAY_MS, F8, I8, F8x2

LEAST_DAYS_HAPPENED = 30
"""Days on which it happened without which nothing is fitted."""

GROUPS: dict[str, tuple[str, ...]] = {
    "base": (
        *WEEKDAYS,
        *("sigma_2d", "sigma_7d", "sigma_30d", "move_1d", "range_1d", "sigma_2d_rank"),
        "coins_sigma_2d",
    ),
    "liquidations": (
        *("size_1d", "size_3d", "size_7d", "size_30d", "long_share", "coins_size_1d"),
        "coins_size_3d",
    ),
    "extra": ("oi_rank", "oi_change_7d_rank", "funding_rank", "funding_7d_rank"),
}
"""Inputs by what they are made of. Of open interest and funding only ranks: their levels drift."""

SETS: dict[str, tuple[str, ...]] = {
    "climatology": (),
    "volatility": ("base",),
    "forcedflow": ("base", "liquidations"),
    "with_oi_funding": ("base", "liquidations", "extra"),
}
"""Competitors; all but the first are the same regression."""

OURS = "forcedflow"

_PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
_FACTORS = (1.0, 10.0, 100.0, 1e4)
_BLOCKS, _FIRST = 6, 2
_STEPS = 50
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class DailyModel:
    """A fitted probability that tomorrow is one of the large days.

    Parameters
    ----------
    fit_to_ms : int
        Nothing later was read. [UTC ms]
    groups : tuple of str
        Keys of `GROUPS`; none for the base rate alone.
    standard : Standard
    intercept : float
    slope : ndarray, shape (k,)
        [log odds per spread]
    n, happened : int
        Coin-days in the fit, and those on which it happened.
    """

    fit_to_ms: int
    groups: tuple[str, ...]
    standard: Standard
    intercept: float
    slope: F8
    n: int
    happened: int

    def probability(self, rows: Rows) -> F8:
        """Return the probability of the day after each, shape (n,). [1]"""
        return probability_of(self.standard.apply(rows) @ self.slope + self.intercept)

    def to_plain(self) -> dict[str, Any]:
        """Return it as lists and numbers."""
        return {
            "fit_to_ms": self.fit_to_ms,
            "groups": list(self.groups),
            "standard": self.standard.to_plain(),
            "intercept": self.intercept,
            "slope": self.slope.tolist(),
            "n": self.n,
            "happened": self.happened,
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> DailyModel:
        """Return what `to_plain` wrote."""
        return DailyModel(
            fit_to_ms=int(plain["fit_to_ms"]),
            groups=tuple(plain["groups"]),
            standard=Standard.from_plain(plain["standard"]),
            intercept=float(plain["intercept"]),
            slope=np.array(plain["slope"], dtype=np.float64),
            n=int(plain["n"]),
            happened=int(plain["happened"]),
        )


def fit_daily(
    days: Sequence[Rows], fit_to_ms: int, groups: Sequence[str] = SETS[OURS]
) -> DailyModel:
    """Return the probability of a large tomorrow, as the past of all coins has it.

    Parameters
    ----------
    days : sequence of Rows
        As `lay_days` returns them.
    fit_to_ms : int
        Only days whose tomorrow was over by then are read. [UTC ms]
    groups : sequence of str
        Keys of `GROUPS`; every group after the first is shrunk by a factor that earlier days chose.

    Returns
    -------
    DailyModel

    Raises
    ------
    NoDataError
        If it happened on fewer than `LEAST_DAYS_HAPPENED` coin-days by then, or always.
    """
    kept = [rows.cut(_read(rows, fit_to_ms)) for rows in days]
    happened = np.concatenate([rows.columns["happened"] for rows in kept])
    if not LEAST_DAYS_HAPPENED <= happened.sum() < happened.size:
        raise NoDataError(
            f"{int(happened.sum())} large days before the end of the fit, {LEAST_DAYS_HAPPENED} "
            "are needed\nhint: forcedflow import coinglass PATH"
        )
    names = [GROUPS[group] for group in groups]
    standard = standardise(kept, [name for own in names for name in own])
    inputs = np.concatenate([standard.apply(rows) for rows in kept])
    times = np.concatenate([rows.times_ms for rows in kept])
    penalty = _choose_penalty(inputs, happened, times, names)
    intercept, slope = fit_logistic(inputs, happened, penalty)
    return DailyModel(
        fit_to_ms,
        tuple(groups),
        standard,
        intercept,
        slope,
        happened.size,
        int(happened.sum()),
    )


def fit_logistic(inputs: F8x2, happened: F8, penalty: F8) -> tuple[float, F8]:
    """Return intercept and slopes of a ridge-penalised logistic regression, by Newton's method.

    Parameters
    ----------
    inputs : ndarray, shape (n, k)
    happened : ndarray, shape (n,)
        0 or 1.
    penalty : ndarray, shape (k,)
        Per input, as a share of the rows; none on the intercept.
    """
    design = np.column_stack([np.ones(happened.size), inputs])
    pull = np.concatenate([[_TINY], penalty])
    base = float(np.clip(happened.mean(), _TINY, 1 - _TINY))
    found = np.zeros(design.shape[1])
    found[0] = np.log(base / (1 - base))
    for _ in range(_STEPS):
        p = probability_of(design @ found)
        slope = design.T @ (happened - p) / happened.size - pull * found
        bend = (design * (p * (1 - p))[:, None]).T @ design / happened.size + np.diag(pull)
        step = np.linalg.solve(bend, slope)
        found = found + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-9:
            break
    return float(found[0]), found[1:]


def _choose_penalty(inputs: F8x2, happened: F8, times_ms: I8, names: Sequence[Sequence[str]]) -> F8:
    """One penalty for all, then a factor per further group, on blocks predicted from before."""
    group_of = np.repeat(np.arange(len(names)), [len(own) for own in names])
    factors = np.ones(max(len(names), 1))
    edges = np.quantile(times_ms, np.linspace(0, 1, _BLOCKS + 1))[_FIRST:]
    edges[-1] += 1
    blocks = [
        ((times_ms >= first) & (times_ms < stop), times_ms <= first - DAY_MS)
        for first, stop in pairwise(edges.tolist())
    ]
    blocks = [
        (held, read)
        for held, read in blocks
        if held.any() and 0 < happened[read].sum() < read.sum()
    ]

    def losses(penalty: float) -> F8:
        found = []
        for held, read in blocks:
            intercept, slope = fit_logistic(
                inputs[read], happened[read], penalty * factors[group_of]
            )
            said = probability_of(inputs[held] @ slope + intercept)
            found.append(log_loss(said, happened[held]).mean())
        return np.array(found)

    best = min(_PENALTIES, key=lambda penalty: float(losses(penalty).mean()))
    for group in range(1, len(names)):
        tried = []
        for factor in _FACTORS:
            factors[group] = factor
            tried.append(losses(best))
        factors[group] = _FACTORS[most_shrunk(tried)]
    return np.asarray(best * factors[group_of], dtype=np.float64)


def _read(rows: Rows, fit_to_ms: int) -> Bools:
    """Days whose tomorrow was over, and known, by the end of a fit."""
    over = rows.times_ms + DAY_MS <= fit_to_ms
    return np.asarray(over & ~np.isnan(rows.columns["happened"]))
