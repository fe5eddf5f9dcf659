r"""Exceedance: how likely volatility alone makes a move of an event's size in the hours ahead.

In:  samples of markets.   Out: `Exceedance`: hazards from simulated moves. [1]
Pure: NumPy in, NumPy out; no I/O, no clock; randomness is a seed.

Paths of 24 hours are simulated once per fit, by GARCH(1,1) with Student's t or by filtered
historical simulation, and the share of them whose largest hourly move reaches a size is tabled by
size and by the volatility of the moment. A large move is not yet an event, which also asks for open
interest to fall; so the simulated log odds get a shift per stretch and one slope, fitted on events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.forecast.course import Course, Sample
from forcedflow.forecast.labels import STRETCHES_H, WIDTHS_H, F8x3
from forcedflow.units import F8, F8x2
from forcedflow.volatility.filtered_history import filter_history
from forcedflow.volatility.garch import Garch, fit_garch

Kind: TypeAlias = Literal["garch", "filtered_history"]

PATHS = 2_000
SEED = 41

SIZES: F8 = np.geomspace(0.5, 40.0, 45)
"""Moves tabled, in deviations: long-run ones for GARCH, expected ones for filtered history."""

RATIOS: F8 = np.geomspace(0.05, 30.0, 15)
"""Variances of the coming hour tabled, over the long-run variance. [1]"""

_HOURS = STRETCHES_H[-1][1]
_SLOPE_PRIOR = 25.0
_NEWTON = 40


@dataclass(frozen=True, slots=True)
class Exceedance:
    """A fitted model.

    Parameters
    ----------
    kind : str
    table : ndarray, shape (ratios, sizes, 4)
        Log odds of every stretch's hazard; one ratio for filtered history.
    garch : Garch, optional
        Its variance is not used: every market returns to its own.
    shift : ndarray, shape (4,)
        Log odds added per stretch.
    slope : float
        Of the simulated log odds.
    """

    kind: Kind
    table: F8x3
    garch: Garch | None
    shift: F8
    slope: float

    def hazard(self, course: Course, direction: int) -> F8x2:  # noqa: ARG002 - both ways are alike
        """Return the hazard of every stretch, shape (n, 4); the simulations know no direction."""
        odds = self.shift + self.slope * _simulated(self.table, self.garch, course)
        return np.asarray(1 / (1 + np.exp(-odds)))

    def to_plain(self) -> dict[str, Any]:
        """Return it as numbers and lists."""
        return {
            "kind": self.kind,
            "table": self.table.tolist(),
            "garch": None if self.garch is None else self.garch.to_plain(),
            "shift": self.shift.tolist(),
            "slope": self.slope,
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Exceedance:
        """Return what `to_plain` wrote."""
        return Exceedance(
            plain["kind"],
            np.array(plain["table"], dtype=np.float64),
            None if plain["garch"] is None else Garch.from_plain(plain["garch"]),
            np.array(plain["shift"], dtype=np.float64),
            float(plain["slope"]),
        )


def fit_exceedance(samples: Sequence[Sample], kind: Kind) -> Exceedance:
    """Return the exceedance of moves, brought to the rate of events.

    Parameters
    ----------
    samples : sequence of Sample
        Moments of the fit alone.
    kind : {"garch", "filtered_history"}

    Returns
    -------
    Exceedance

    Raises
    ------
    NoDataError
        If no market holds enough hours.

    Notes
    -----
    Of GARCH's parameters the median over markets is taken, so that an unseen market has the same.
    """
    generator = np.random.default_rng(SEED)
    garch: Garch | None = None
    if kind == "garch":
        garch = _median([fit for one in samples if (fit := _fit(one.course)) is not None])
        moves = [garch.paths(ratio, _HOURS, PATHS, generator) for ratio in RATIOS.tolist()]
        # A path and its mirror are equally likely: of each the moves of one sign are looked at.
        table = np.stack([_table(np.concatenate([one, -one])) for one in moves])
    else:
        table = _table(_largest(samples, generator))[None]
    simulated, label, weight = [], [], []
    for sample in samples:
        odds = _simulated(table, garch, sample.course)
        for direction in (0, 1):
            simulated.append(odds)
            label.append(sample.labels.hazard[direction])
            weight.append(np.broadcast_to(1 / WIDTHS_H, odds.shape))
    shift, slope = _bring(np.concatenate(simulated), np.concatenate(label), np.concatenate(weight))
    return Exceedance(kind, table, garch, shift, slope)


def _fit(course: Course) -> Garch | None:
    returns = np.diff(course.price)
    try:
        return fit_garch(returns[np.isfinite(returns)])
    except NoDataError:
        return None  # too short a market has no say; that none is long enough is told below


def _median(fits: Sequence[Garch]) -> Garch:
    if not fits:
        raise NoDataError("no market holds enough hours of prices for a GARCH model")
    alpha, beta, tail, variance = (
        float(np.median([getattr(one, name) for one in fits]))
        for name in ("alpha", "beta", "tail", "variance")
    )
    return Garch(alpha, min(beta, 0.999 - alpha), tail, variance)


def _largest(samples: Sequence[Sample], generator: np.random.Generator) -> F8x2:
    """Return the largest hourly fall of simulated paths in expected deviations, (paths, 24)."""
    found = []
    for sample in samples:
        course = sample.course
        known = np.isfinite(course.price + course.low + course.high)
        try:
            history = filter_history(
                np.exp(course.low[known]),
                np.exp(course.high[known]),
                np.exp(course.price[known]),
                course.times_ms[known],
            )
        except NoDataError:
            continue  # as for GARCH
        picked = history.pick(PATHS // len(samples), _HOURS, generator)
        legs = history.legs[picked]
        found += [-legs.min(axis=2), legs.max(axis=2)]
    if not found:
        raise NoDataError("no market holds enough hours of prices for filtered history")
    return np.concatenate(found)


def _table(moves: F8x2) -> F8x2:
    """Return log odds that the largest move of each stretch reaches a size, (sizes, 4)."""
    largest = np.maximum.accumulate(moves, axis=1)
    reached = np.zeros((SIZES.size, len(STRETCHES_H)))
    before = np.zeros(SIZES.size)
    for k, (_, end) in enumerate(STRETCHES_H):
        above = (largest[:, end - 1, None] >= SIZES).mean(axis=0)
        new = (above - before + 0.5 / moves.shape[0]) / (1 - before + 1.0 / moves.shape[0])
        reached[:, k] = np.log(new / (1 - new))
        before = above
    return reached


def _simulated(table: F8x3, garch: Garch | None, course: Course) -> F8x2:
    """Return the log odds of every stretch as tabled, shape (n, 4)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        if garch is None:
            size, ratio = course.needed / course.sigma, np.ones(course.needed.size)
        else:
            now, mean = _variances(garch, course)
            size, ratio = course.needed / np.sqrt(mean), now / mean
    column, right = _place(SIZES, size)
    row, lower = _place(RATIOS, ratio) if garch is not None else _place(np.ones(1), ratio)
    last = table.shape[0] - 1
    below = np.minimum(row + 1, last)
    upper_row = table[row, column] * (1 - right) + table[row, column + 1] * right
    lower_row = table[below, column] * (1 - right) + table[below, column + 1] * right
    return np.asarray(upper_row * (1 - lower) + lower_row * lower)


def _variances(garch: Garch, course: Course) -> tuple[F8, F8]:
    """Return the variance of the coming hour and the market's own mean so far, shape (n,)."""
    returns = np.diff(course.price, prepend=course.price[:1])
    known = np.isfinite(returns)
    returns = np.where(known, returns, 0.0)
    seen = np.maximum(np.cumsum(known), 1)
    # Before a day of it is held the expected deviation stands for the mean.
    prior = 24.0
    start = np.nan_to_num(course.sigma[np.isfinite(course.sigma)][:1] ** 2)
    level = (np.cumsum(returns**2) + prior * (start[0] if start.size else 1e-4)) / (seen + prior)
    now = garch.variances(returns, np.concatenate([level[:1], level]))[1:]
    return now, level


def _place(axis: F8, value: F8) -> tuple[np.ndarray[Any, np.dtype[np.int64]], F8x2]:
    """Return the cell that each value lies in, and how far along on a log scale, (n, 1)."""
    if axis.size == 1:
        return np.zeros(value.size, dtype=np.int64), np.zeros((value.size, 1))
    inside = np.clip(np.nan_to_num(value, nan=float(axis[-1])), axis[0], axis[-1])
    cell = np.clip(np.searchsorted(axis, inside, side="right") - 1, 0, axis.size - 2)
    along = np.log(inside / axis[cell]) / np.log(axis[cell + 1] / axis[cell])
    return cell.astype(np.int64), along[:, None]


def _bring(simulated: F8x2, label: F8x2, weight: F8x2) -> tuple[F8, float]:
    """Return the shifts and the slope under which events are likeliest, by Newton's method."""
    known = ~np.isnan(label)
    stretches = simulated.shape[1]
    centre = float(simulated.mean())
    beta = np.concatenate([np.full(stretches, -5.0), [1.0]])
    pull = np.concatenate([np.full(stretches, 0.5), [_SLOPE_PRIOR]])
    start = np.concatenate([np.full(stretches, -5.0), [0.0]])
    target = np.where(known, label, 0.0)
    used = np.where(known, weight, 0.0)
    for _ in range(_NEWTON):
        p = 1 / (1 + np.exp(-(beta[:-1] + beta[-1] * (simulated - centre))))
        miss, curve = used * (target - p), used * p * (1 - p)
        far = simulated - centre
        slope = np.append(miss.sum(axis=0), (miss * far).sum()) - pull * (beta - start)
        hessian = np.diag(np.append(curve.sum(axis=0), (curve * far**2).sum()) + pull)
        hessian[:-1, -1] = hessian[-1, :-1] = (curve * far).sum(axis=0)
        step = np.linalg.solve(hessian, slope)
        beta = beta + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-9:
            break
    # Less volatility never makes an event likelier.
    inclined = max(float(beta[-1]), 0.0)
    return beta[:-1] - inclined * centre, inclined
