"""Size forecast by boosted trees: every quantile grown on its own, a rival of the linear one.

In:  `Rows`, sizes of the past.   Out: `SizeTrees`; the same `Predicted` as the linear model's.
Pure: NumPy in, NumPy out; scikit-learn only while growing; no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forcedflow.forecast.boosted import Trees, extract_trees
from forcedflow.forecast.rows import Rows, Standard
from forcedflow.forecast.size import LEVELS, OURS, SETS, learn
from forcedflow.forecast.sizes import Liquidated
from forcedflow.forecast.tracking import HALF_LIVES_H, Predicted
from forcedflow.units import F8, SIDES

ROUNDS = 60
DEPTH = 3
RATE = 0.05
BINS = 64
LEAST_SHARE = 0.04
"""Share of the moments that a leaf holds at least."""

_MIDDLE, _LOW, _HIGH = (LEVELS.index(level) for level in (0.5, 0.25, 0.75))
_NORMAL_WIDTH = 1.349
_LEAST_SPREAD = 0.05


@dataclass(frozen=True, slots=True)
class SizeTrees:
    """Quantiles of log sizes of one horizon, one sum of trees per side and level.

    Parameters
    ----------
    horizon_h : int
        [h]
    fit_to_ms : int
        Nothing later was read. [UTC ms]
    standard : Standard
    grown : tuple of tuple of Trees
        Longs, then shorts, by `LEVELS`.
    half_life_h : ndarray, shape (2,)
        Memory of the level's correction per side. [h]
    n : int
        Moments in the fit.
    """

    horizon_h: int
    fit_to_ms: int
    standard: Standard
    grown: tuple[tuple[Trees, ...], ...]
    half_life_h: F8
    n: int

    def predict(self, rows: Rows) -> Predicted:
        """Return location, spread and shape at every moment; quantiles put in order."""
        inputs = self.standard.apply(rows)
        raw = np.stack(
            [np.stack([trees.raw(inputs) for trees in side], axis=1) for side in self.grown], axis=1
        )
        quantiles = np.sort(raw, axis=2)
        width = (quantiles[:, :, _HIGH] - quantiles[:, :, _LOW]) / _NORMAL_WIDTH
        location, spread = quantiles[:, :, _MIDDLE], np.maximum(width, _LEAST_SPREAD)
        shape = (quantiles - location[:, :, None]) / spread[:, :, None]
        return Predicted(rows.times_ms, location, spread, shape)

    def to_plain(self) -> dict[str, Any]:
        """Return it as lists and numbers."""
        return {
            "horizon_h": self.horizon_h,
            "fit_to_ms": self.fit_to_ms,
            "standard": self.standard.to_plain(),
            "grown": [[trees.to_plain() for trees in side] for side in self.grown],
            "half_life_h": self.half_life_h.tolist(),
            "n": self.n,
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> SizeTrees:
        """Return what `to_plain` wrote."""
        return SizeTrees(
            horizon_h=int(plain["horizon_h"]),
            fit_to_ms=int(plain["fit_to_ms"]),
            standard=Standard.from_plain(plain["standard"]),
            grown=tuple(tuple(Trees.from_plain(one) for one in side) for side in plain["grown"]),
            half_life_h=np.array(plain["half_life_h"], dtype=np.float64),
            n=int(plain["n"]),
        )


def grow_size(
    rows: Sequence[Rows],
    liquidated: Sequence[Liquidated],
    horizon_h: int,
    fit_to_ms: int,
    groups: Sequence[str] = SETS[OURS],
) -> SizeTrees:
    """Return quantiles by boosted trees; arguments and errors as those of the linear fit.

    Parameters
    ----------
    rows : sequence of Rows
        Hourly, one per market, as `forcedflow.forecast.size.with_past_sizes` returns them.
    liquidated : sequence of Liquidated
        Of the same markets.
    horizon_h : int
        [h]
    fit_to_ms : int
        Only horizons over by then are read. [UTC ms]
    groups : sequence of str
        Keys of `forcedflow.forecast.size.GROUPS`.

    Returns
    -------
    SizeTrees
        The same bytes for the same data. Rounds, depth and rate are stated, not chosen, and every
        moment counts alike: with weights scikit-learn grows them forty times as slowly.

    Raises
    ------
    NoDataError
        If too few moments have a known size by then.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415 - an extra

    learned = learn(rows, liquidated, horizon_h, fit_to_ms, groups)
    least = max(20, round(LEAST_SHARE * learned.times_ms.size))
    grown = tuple(
        tuple(
            extract_trees(
                HistGradientBoostingRegressor(
                    loss="quantile",
                    quantile=level,
                    max_iter=ROUNDS,
                    max_depth=DEPTH,
                    learning_rate=RATE,
                    min_samples_leaf=least,
                    max_bins=BINS,
                    early_stopping=False,
                    random_state=0,
                ).fit(learned.inputs, learned.log[:, s])
            )
            for level in LEVELS
        )
        for s in range(len(SIDES))
    )
    memory = np.full(len(SIDES), HALF_LIVES_H[-1])
    return SizeTrees(
        horizon_h, fit_to_ms, learned.standard, grown, memory, int(learned.times_ms.size)
    )
