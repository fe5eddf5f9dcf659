r"""Size forecast: the distribution of what will be closed by force, per side and horizon.

In:  `Rows`, `Sizes` of the past.   Out: `SizeModel`; quantiles on the scale of sizes and in USD.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

Location and scale of the log size are each linear in standardised inputs, ridge-penalised; the
shape is that of past innovations:

.. math:: y = \mu(x) + s(x) \, \varepsilon, \qquad q_\tau(x) = \mu(x) + s(x) \, z_\tau

Innovations are taken from blocks of time that the coefficients behind them have not seen, so that a
narrow fit is not taken for a narrow future. Afterwards the level, and how often each quantile held,
are followed from outcomes that were over (`forcedflow.forecast.tracking`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.forecast.ridge import (
    FIRST,
    Equations,
    Line,
    ask,
    blocks_of,
    choose_penalty,
    joined,
    unseen,
)
from forcedflow.forecast.rows import FAMILIES, Bools, Rows, Standard, standardise
from forcedflow.forecast.scores import pinball
from forcedflow.forecast.sizes import HISTORY, Liquidated, lay_sizes, past_sizes
from forcedflow.forecast.tracking import Predicted, choose_half_life, level_of
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, SIDES, F8x2

LEVELS: tuple[float, ...] = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Levels of the quantiles that are told. [1]"""

LEAST_ROWS = 300
"""Moments without which nothing is fitted."""

LEAST_SPAN_MS = 10 * DAY_MS
"""Days that they must span: many markets in one week are one week. [ms]"""

RECENCY_MS = 60 * DAY_MS
"""Half-life of a moment's weight in a fit: leverage and feeds change. [ms]"""

_SCALE_PENALTIES = (0.3, 1.0, 3.0, 100.0)
_LEAST_ERROR = 0.02

TRUSTED = 10.0
"""Independent moments beyond a quantile that speak for themselves."""


WEEK_HOURS: tuple[str, ...] = tuple(f"week_hour_{hour}" for hour in range(168))

_PAIRED = tuple(name for name in FAMILIES["map"] if name.startswith(("reach_", "touch_")))

GROUPS: dict[str, tuple[str, ...]] = {
    "week": WEEK_HOURS,
    "base": (*FAMILIES["clock"], *FAMILIES["volatility"]),
    "liquidations": (*FAMILIES["liquidations"], *HISTORY),
    "market": FAMILIES["market"],
    "map": _PAIRED,
    "placebo": tuple(f"placebo_{name}" for name in _PAIRED),
}
"""Inputs by what they are made of; each group is shrunk by its own factor. Of the map only what has
its like in the placebo, so that the two differ in nothing but open interest and volume."""

SETS: dict[str, tuple[str, ...]] = {
    "climatology": ("week",),
    "volatility": ("base",),
    "liquidations": ("base", "liquidations"),
    "no_map": ("base", "liquidations", "market"),
    "placebo": ("base", "liquidations", "market", "placebo"),
    "forcedflow": ("base", "liquidations", "market", "map"),
}
"""Competitors: the same estimator, floor and tracking on other inputs. The last is ours."""

OURS = "forcedflow"


@dataclass(frozen=True, slots=True)
class SizeModel:
    """A fitted distribution of log sizes of one horizon.

    Parameters
    ----------
    horizon_h : int
        [h]
    fit_to_ms : int
        Nothing later was read. [UTC ms]
    groups : tuple of str
        Keys of `GROUPS`.
    standard : Standard
    location, log_scale : Line
        Of log size, and of the log of its spread.
    innovations : ndarray, shape (2, len(LEVELS))
        Quantiles of what is left over, increasing. [spreads]
    half_life_h : ndarray, shape (2,)
        Memory of the level's correction per side; 0 for none. [h]
    n : int
        Moments in the fit.
    """

    horizon_h: int
    fit_to_ms: int
    groups: tuple[str, ...]
    standard: Standard
    location: Line
    log_scale: Line
    innovations: F8x2
    half_life_h: F8
    n: int

    def predict(self, rows: Rows) -> Predicted:
        """Return location, spread and shape at every moment, before any tracking."""
        inputs = self.standard.apply(rows)
        shape = np.broadcast_to(self.innovations, (rows.size, *self.innovations.shape))
        return Predicted(
            rows.times_ms,
            self.location.at(inputs),
            np.exp(np.clip(self.log_scale.at(inputs), -4.0, 3.0)),
            np.array(shape),
        )

    def to_plain(self) -> dict[str, Any]:
        """Return it as lists and numbers."""
        return {
            "horizon_h": self.horizon_h,
            "fit_to_ms": self.fit_to_ms,
            "groups": list(self.groups),
            "standard": self.standard.to_plain(),
            "location": self.location.to_plain(),
            "log_scale": self.log_scale.to_plain(),
            "innovations": self.innovations.tolist(),
            "half_life_h": self.half_life_h.tolist(),
            "n": self.n,
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> SizeModel:
        """Return what `to_plain` wrote."""
        return SizeModel(
            horizon_h=int(plain["horizon_h"]),
            fit_to_ms=int(plain["fit_to_ms"]),
            groups=tuple(plain["groups"]),
            standard=Standard.from_plain(plain["standard"]),
            location=Line.from_plain(plain["location"]),
            log_scale=Line.from_plain(plain["log_scale"]),
            innovations=np.array(plain["innovations"], dtype=np.float64),
            half_life_h=np.array(plain["half_life_h"], dtype=np.float64),
            n=int(plain["n"]),
        )


@dataclass(frozen=True, slots=True)
class Learned:
    """Moments of every market that a fit may read, ``n`` of them, one below the other.

    Parameters
    ----------
    standard : Standard
    inputs : ndarray, shape (n, k)
        Standardised.
    log : ndarray, shape (n, 2)
        Sizes.
    times_ms : ndarray of int, shape (n,)
        [UTC ms]
    weight : ndarray, shape (n,)
        Later counts for more; mean 1.
    """

    standard: Standard
    inputs: F8x2
    log: F8x2
    times_ms: I8
    weight: F8


def with_past_sizes(rows: Rows, liquidated: Liquidated) -> Rows:
    """Return the rows with the columns that only sizes need: their past, and the hour of the week.

    Parameters
    ----------
    rows : Rows
        Hourly.
    liquidated : Liquidated
    """
    hour = (rows.times_ms // HOUR_MS + 72) % 168  # the epoch was a Thursday
    weekly = {name: (hour == h).astype(np.float64) for h, name in enumerate(WEEK_HOURS)}
    past = past_sizes(rows.times_ms, liquidated)
    return replace(rows, columns={**rows.columns, **weekly, **past})


def fit_size(
    rows: Sequence[Rows],
    liquidated: Sequence[Liquidated],
    horizon_h: int,
    fit_to_ms: int,
    groups: Sequence[str] = SETS[OURS],
) -> SizeModel:
    """Return the distribution of sizes within a horizon, as the past of some markets has it.

    Parameters
    ----------
    rows : sequence of Rows
        Hourly, one per market, as `with_past_sizes` returns them.
    liquidated : sequence of Liquidated
        Of the same markets.
    horizon_h : int
        [h]
    fit_to_ms : int
        Only horizons over by then are read. [UTC ms]
    groups : sequence of str
        Keys of `GROUPS`.

    Returns
    -------
    SizeModel
        The same bytes for the same data.

    Raises
    ------
    NoDataError
        If fewer than `LEAST_ROWS` moments have a known size by then, or they span less than
        `LEAST_SPAN_MS`.
    """
    learned = learn(rows, liquidated, horizon_h, fit_to_ms, groups)
    every = blocks_of(learned.times_ms, horizon_h)
    blocks = (
        [(block.held, block.read) for block in every],
        [(block.held, block.before) for block in every[FIRST:]],
    )
    names = [GROUPS[group] for group in groups]
    lines, scales, shapes, half_lives = [], [], [], []
    for s in range(len(SIDES)):
        y = learned.log[:, s]
        around, later = (ask(learned.inputs, y, learned.weight, which) for which in blocks)
        penalty = choose_penalty(y, around, later, names)
        error = y - unseen(y.size, around, penalty)
        half_life = choose_half_life(learned.times_ms, error, horizon_h)
        tracked = error - level_of(learned.times_ms, error, horizon_h, half_life)
        spread, scale = _fit_scale(learned, tracked, blocks[0])
        lines.append(Equations.of(learned.inputs, y, learned.weight).solve(penalty))
        scales.append(scale)
        shapes.append(shape_of(tracked / spread, horizon_h))
        half_lives.append(half_life)
    return SizeModel(
        horizon_h=horizon_h,
        fit_to_ms=fit_to_ms,
        groups=tuple(groups),
        standard=learned.standard,
        location=joined(lines),
        log_scale=joined(scales),
        innovations=np.array(shapes),
        half_life_h=np.array(half_lives),
        n=int(learned.times_ms.size),
    )


def learn(
    rows: Sequence[Rows],
    liquidated: Sequence[Liquidated],
    horizon_h: int,
    fit_to_ms: int,
    groups: Sequence[str],
) -> Learned:
    """Return what a fit may read: moments whose horizon was over by its end; as `fit_size`."""
    kept_rows, kept_log = [], []
    for own, told in zip(rows, liquidated, strict=True):
        log = lay_sizes(own.times_ms, told, horizon_h).log
        over = own.times_ms + horizon_h * HOUR_MS <= fit_to_ms
        chosen = over & np.isfinite(log).all(axis=1)
        kept_rows.append(own.cut(chosen))
        kept_log.append(log[chosen])
    n = sum(own.size for own in kept_rows)
    if n < LEAST_ROWS:
        raise NoDataError(
            f"{n} hours with known liquidations {horizon_h} h ahead before the end of the fit, "
            f"{LEAST_ROWS} are needed\nhint: forcedflow import coinglass PATH"
        )
    standard = standardise(kept_rows, [name for group in groups for name in GROUPS[group]])
    times = np.concatenate([own.times_ms for own in kept_rows])
    if times.max() - times.min() < LEAST_SPAN_MS:
        raise NoDataError(
            f"hours with known liquidations span {(times.max() - times.min()) / DAY_MS:.1f} days "
            f"before the end of the fit, {LEAST_SPAN_MS / DAY_MS:g} are needed\n"
            "hint: forcedflow import coinglass PATH"
        )
    weight = np.exp2((times - fit_to_ms) / RECENCY_MS)
    return Learned(
        standard=standard,
        inputs=np.concatenate([standard.apply(own) for own in kept_rows]),
        log=np.concatenate(kept_log),
        times_ms=times,
        weight=weight / weight.mean(),
    )


def _fit_scale(
    learned: Learned, error: F8, blocks: Sequence[tuple[Bools, Bools]]
) -> tuple[F8, Line]:
    """Spread of every moment as blocks that have not seen it say, and the line of all of them."""
    size = np.log(np.abs(error) + _LEAST_ERROR)
    around = ask(learned.inputs, size, learned.weight, blocks)
    tried = []
    for penalty in _SCALE_PENALTIES:
        every = np.full(learned.inputs.shape[1], penalty)
        spread = np.exp(unseen(size.size, around, every))
        shape = np.quantile(error / spread, LEVELS)
        loss = pinball(shape * spread[:, None], LEVELS, error).mean()
        tried.append((float(loss), spread, every))
    _, spread, every = min(tried, key=lambda found: found[0])
    return spread, Equations.of(learned.inputs, size, learned.weight).solve(every)


def shape_of(left: F8, horizon_h: int) -> F8:
    """Return quantiles of what is left over, those of thin tails from an exponential law.

    Parameters
    ----------
    left : ndarray, shape (n,)
        Hourly, of horizons that overlap. [spreads]
    horizon_h : int
        So many moments say one thing. [h]

    Returns
    -------
    ndarray, shape (len(LEVELS),)
        Increasing. A quantile beyond which fewer than `TRUSTED` independent moments lie is drawn
        towards that of a tail whose mean is itself estimated, which is Pareto's.
    """
    found = np.quantile(left, LEVELS)
    independent = left.size / horizon_h
    for sign, quarter in ((1.0, found[LEVELS.index(0.75)]), (-1.0, found[LEVELS.index(0.25)])):
        beyond = sign * (left - quarter)
        m = independent / 4
        # Where nothing lies beyond the quarter, it is the end.
        mean = float(beyond[beyond > 0].mean()) if (beyond > 0).any() else 0.0
        for place, level in enumerate(LEVELS):
            outside = 1 - level if sign > 0 else level
            if outside >= 0.25:
                continue
            law = quarter + sign * mean * m * ((outside / 0.25) ** (-1 / m) - 1)
            trust = min(1.0, independent * outside / TRUSTED)
            found[place] = trust * found[place] + (1 - trust) * law
    return np.sort(found)
