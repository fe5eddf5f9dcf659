r"""The ridge hazard: log odds of an event in each stretch ahead, a sum over inputs.

In:  samples of markets, names of inputs, a penalty.   Out: `RidgeHazard`. [1]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

.. math:: \text{logit} \, \lambda_k = o_k + a_k + m + w + s_k \sum_j b_j x_j

with :math:`o_k` the climatology's log odds where there is a floor, :math:`a_k` a shift per stretch,
:math:`m` one per market and :math:`w` one per direction, both drawn to zero, and :math:`s_k` how
much of the inputs' say is left in later stretches, drawn to one. Markets, directions and stretches
share what the inputs say, so that some dozen events suffice; an unseen market has the shared part.
With a heavy penalty the model is its floor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forcedflow.forecast.climatology import Climatology, fit_climatology
from forcedflow.forecast.course import Course, Sample
from forcedflow.forecast.labels import STRETCHES_H, WIDTHS_H
from forcedflow.forecast.rows import FAMILIES, Rows, Standard, standardise
from forcedflow.units import F8, F8x2

PENALTIES: tuple[float, ...] = (10.0, 100.0, 1_000.0)
"""Pulls of every weight to zero that the fit chooses from: prior precisions. [1]"""

POOLING = 10.0
"""Pull of a market's and a direction's shift to zero: a prior deviation of 0.3. [1]"""

FADING = 5.0
"""Pull of each stretch's say to one. [1]"""

HINGED: tuple[str, ...] = ("sigma_1h", "sigma_24h", "range_4h", "move_1h", "oi_rank")
"""Inputs whose say may bend, beyond one spread either side of the middle."""

_DENSE = 6_000
# Without an event the odds would fall without end: half a moment holds them where they began.
_ANCHOR = 0.5
_NEWTON = 30
_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class RidgeHazard:
    """A fitted model.

    Parameters
    ----------
    standard : Standard
        Scale of the inputs.
    hinged : tuple of str
        Inputs with two more pieces each, appended after all of them.
    weights : ndarray, shape (p,)
        Log odds per spread, for a fall; mirrored for a rise. [1]
    shift, fading : ndarray, shape (4,)
        Per stretch: log odds, and share of the inputs' say.
    market : mapping of str to float
        Log odds by market; 0 for one that was not in the fit.
    way : tuple of float
        Log odds of down and up.
    floor : Climatology, optional
    penalty : float
    """

    standard: Standard
    hinged: tuple[str, ...]
    weights: F8
    shift: F8
    fading: F8
    market: Mapping[str, float]
    way: tuple[float, float]
    floor: Climatology | None
    penalty: float

    def hazard(self, course: Course, direction: int) -> F8x2:
        """Return the hazard of every stretch, shape (n, 4)."""
        inputs = lay_design(course.turned(direction), self.standard, self.hinged) @ self.weights
        own = self.market.get(course.market, 0.0) + self.way[direction]
        odds = self.shift + own + inputs[:, None] * self.fading
        if self.floor is not None:
            odds = odds + hazard_log_odds(self.floor.hazard(course, direction))
        return np.asarray(1 / (1 + np.exp(-odds)))

    def contributions(self, course: Course, direction: int) -> dict[str, F8x2]:
        """Return what each family of inputs adds to the log odds of every stretch, (n, 4) each.

        Returns
        -------
        dict of str to ndarray
            By family in the order of `FAMILIES`, then ``market`` shifts under ``history`` and the
            floor's log odds under ``climatology`` where there is one. Together with the shift they
            are the log odds, exactly.
        """
        design = lay_design(course.turned(direction), self.standard, self.hinged) * self.weights
        names = [*self.standard.names, *(name for name in self.hinged for _ in range(2))]
        found: dict[str, F8x2] = {}
        for family, members in FAMILIES.items():
            inside = [j for j, name in enumerate(names) if name in members]
            if inside:
                found[family] = design[:, inside].sum(axis=1)[:, None] * self.fading
        own = self.market.get(course.market, 0.0) + self.way[direction]
        found["history"] = np.full((course.times_ms.size, len(STRETCHES_H)), own)
        if self.floor is not None:
            found["climatology"] = hazard_log_odds(self.floor.hazard(course, direction))
        return found

    def to_plain(self) -> dict[str, Any]:
        """Return it as numbers and lists."""
        return {
            "standard": self.standard.to_plain(),
            "hinged": list(self.hinged),
            "weights": self.weights.tolist(),
            "shift": self.shift.tolist(),
            "fading": self.fading.tolist(),
            "market": dict(self.market),
            "way": list(self.way),
            "floor": None if self.floor is None else self.floor.to_plain(),
            "penalty": self.penalty,
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> RidgeHazard:
        """Return what `to_plain` wrote."""
        down, up = plain["way"]
        return RidgeHazard(
            standard=Standard.from_plain(plain["standard"]),
            hinged=tuple(plain["hinged"]),
            weights=np.array(plain["weights"], dtype=np.float64),
            shift=np.array(plain["shift"], dtype=np.float64),
            fading=np.array(plain["fading"], dtype=np.float64),
            market={name: float(value) for name, value in plain["market"].items()},
            way=(float(down), float(up)),
            floor=None if plain["floor"] is None else Climatology.from_plain(plain["floor"]),
            penalty=float(plain["penalty"]),
        )


@dataclass(frozen=True, slots=True)
class Stacked:
    """The rows of a fit, both directions of every market under each other, ``n`` of them.

    Parameters
    ----------
    design : ndarray, shape (n, q)
        Inputs, then one column per market, then one per direction.
    label, weight, offset : ndarray, shape (n, 4)
        Per stretch; the weight is 0 where the label is unknown.
    """

    design: F8x2
    label: F8x2
    weight: F8x2
    offset: F8x2


def fit_ridge(
    samples: Sequence[Sample],
    names: Sequence[str],
    penalty: float,
    *,
    floored: bool,
    hinged: Sequence[str] = HINGED,
) -> RidgeHazard:
    """Return the ridge hazard of a fit.

    Parameters
    ----------
    samples : sequence of Sample
        Moments of the fit alone.
    names : sequence of str
        Inputs.
    penalty : float
        Prior precision of every weight. [1]
    floored : bool
        Whether climatology is what the inputs add to.
    hinged : sequence of str
        Inputs whose say may bend; those that are not among the names are passed over.

    Returns
    -------
    RidgeHazard

    Notes
    -----
    An event is told of by as many moments as a stretch has hours, so each stretch weighs one over
    its length. Of more than 6,000 rows, moments that no event followed within the day are
    thinned evenly and weigh more by as much.
    """
    standard = standardise([one.course.turned(d) for one in samples for d in (0, 1)], names)
    bent = tuple(name for name in hinged if name in names)
    floor = fit_climatology(samples) if floored else None
    markets = sorted({one.course.market for one in samples})
    data = stack_rows(samples, standard, bent, floor, markets)
    inputs = len(names) + 2 * len(bent)
    pull = np.full(data.design.shape[1], POOLING)
    pull[:inputs] = penalty
    shift, beta = _newton(data, pull)
    said = data.design[:, :inputs] @ beta[:inputs]
    shift, fading = _fade(data, shift, data.design[:, inputs:] @ beta[inputs:], said)
    own = beta[inputs:].tolist()
    return RidgeHazard(
        standard=standard,
        hinged=bent,
        weights=beta[:inputs],
        shift=shift,
        fading=fading,
        market=dict(zip(markets, own[: len(markets)], strict=True)),
        way=(own[-2], own[-1]),
        floor=floor,
        penalty=penalty,
    )


def stack_rows(
    samples: Sequence[Sample],
    standard: Standard,
    hinged: tuple[str, ...],
    floor: Climatology | None,
    markets: Sequence[str],
) -> Stacked:
    """Return the rows of a fit, both directions of every market under each other.

    Parameters
    ----------
    samples : sequence of Sample
        Moments of the fit alone.
    standard : Standard
    hinged : tuple of str
    floor : Climatology, optional
        Whose log odds are the offset; without one it is 0.
    markets : sequence of str
        In the order of their columns.

    Notes
    -----
    Of more than 6,000 rows, moments that no event followed within the day are thinned evenly and
    weigh more by as much.
    """
    total = 2 * sum(one.course.times_ms.size for one in samples)
    every = max(1, round(total / _DENSE))
    designs, labels, weights, offsets = [], [], [], []
    for one in samples:
        for direction in (0, 1):
            label = one.labels.hazard[direction]
            known = ~np.isnan(label)
            quiet = ~(np.nan_to_num(label) > 0).any(axis=1)
            kept = (~quiet | (np.arange(quiet.size) % every == 0)) & known.any(axis=1)
            course = one.course.cut(kept)
            inputs = lay_design(course.turned(direction), standard, hinged)
            belongs = np.zeros((inputs.shape[0], len(markets) + 2))
            belongs[:, markets.index(course.market)] = 1.0
            belongs[:, len(markets) + direction] = 1.0
            designs.append(np.concatenate([inputs, belongs], axis=1))
            labels.append(np.nan_to_num(label[kept]))
            scale = np.where(quiet[kept], float(every), 1.0)[:, None] / WIDTHS_H
            weights.append(np.where(known[kept], scale, 0.0))
            offsets.append(
                np.zeros_like(scale)
                if floor is None
                else hazard_log_odds(floor.hazard(course, direction))
            )
    return Stacked(*(np.concatenate(part) for part in (designs, labels, weights, offsets)))


def _newton(data: Stacked, pull: F8) -> tuple[F8, F8]:
    """Return the shifts and the weights that are likeliest under the pulls."""
    q, stretches = data.design.shape[1], data.label.shape[1]
    beta = np.zeros(q)
    start = shift = _shifts(data)
    for _ in range(_NEWTON):
        odds = data.offset + shift + (data.design @ beta)[:, None]
        p = 1 / (1 + np.exp(-odds))
        miss, curve = data.weight * (data.label - p), data.weight * p * (1 - p)
        together = curve.sum(axis=1)
        hessian = np.zeros((q + stretches, q + stretches))
        hessian[:q, :q] = (data.design * together[:, None]).T @ data.design + np.diag(pull)
        hessian[:q, q:] = data.design.T @ curve
        hessian[q:, :q] = hessian[:q, q:].T
        hessian[q:, q:] = np.diag(curve.sum(axis=0) + _ANCHOR)
        level = miss.sum(axis=0) - _ANCHOR * (shift - start)
        slope = np.concatenate([data.design.T @ miss.sum(axis=1) - pull * beta, level])
        step = np.clip(np.linalg.solve(hessian, slope), -1, 1)
        beta, shift = beta + step[:q], shift + step[q:]
        if np.abs(step).max() < _TOLERANCE:
            break
    return shift, beta


def _shifts(data: Stacked) -> F8:
    """Return a start: the rate of each stretch over what its offset says."""
    said = data.weight * 1 / (1 + np.exp(-data.offset))
    events = (data.weight * data.label).sum(axis=0) + 0.1
    return np.asarray(np.log(events / (said.sum(axis=0) + 0.1)))


def _fade(data: Stacked, shift: F8, own: F8, said: F8) -> tuple[F8, F8]:
    """Return the shift of each stretch and how much of the inputs' say is left in it."""
    shifts, fading = shift.copy(), np.ones(shift.size)
    for k in range(shift.size):
        offset = data.offset[:, k] + own
        weight, label = data.weight[:, k], data.label[:, k]
        for _ in range(_NEWTON):
            p = 1 / (1 + np.exp(-(offset + shifts[k] + fading[k] * said)))
            miss, curve = weight * (label - p), weight * p * (1 - p)
            slope = np.array(
                [
                    miss.sum() - _ANCHOR * (shifts[k] - shift[k]),
                    (miss * said).sum() - FADING * (fading[k] - 1),
                ]
            )
            cross = (curve * said).sum()
            hessian = np.array(
                [[curve.sum() + _ANCHOR, cross], [cross, (curve * said**2).sum() + FADING]]
            )
            step = np.clip(np.linalg.solve(hessian, slope), -1, 1)
            shifts[k] += step[0]
            fading[k] += step[1]
            if np.abs(step).max() < _TOLERANCE:
                break
    # What says more of one hour does not say the opposite of the next.
    return shifts, np.maximum(fading, 0.0)


def lay_design(rows: Rows, standard: Standard, hinged: tuple[str, ...]) -> F8x2:
    """Return inputs on one scale with the further pieces of the hinged ones, shape (n, p)."""
    plain = standard.apply(rows)
    bent = plain[:, [standard.names.index(name) for name in hinged]]
    pieces = np.stack([np.maximum(bent - 1, 0), np.maximum(-bent - 1, 0)], axis=2)
    return np.concatenate([plain, pieces.reshape(plain.shape[0], 2 * len(hinged))], axis=1)


def hazard_log_odds(hazard: F8x2) -> F8x2:
    """Return log odds, same shape."""
    return np.asarray(np.log(hazard / (1 - hazard)))
