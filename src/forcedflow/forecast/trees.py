"""Boosted trees: the same inputs as the ridge hazard, bent and crossed, rising where they must.

In:  samples of markets, names of inputs.   Out: `TreeHazard`. [1]
Pure: NumPy in, NumPy out; no I/O, no clock. Fitting takes scikit-learn; asking takes NumPy alone.

Small on purpose: some dozen events bear no more. More volatility, more mass on the struck side and
a likelier touch never make an event less likely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forcedflow.forecast.boosted import Trees, extract_trees
from forcedflow.forecast.climatology import Climatology, fit_climatology
from forcedflow.forecast.course import Course, Sample
from forcedflow.forecast.hazard import hazard_log_odds, lay_design, stack_rows
from forcedflow.forecast.labels import STRETCHES_H
from forcedflow.forecast.rows import FAMILIES, Standard, standardise
from forcedflow.units import F8, F8x2

DEPTH, TREES, RATE, LEAST_LEAF, RIDGE = 3, 50, 0.05, 200, 10.0
"""Depth, number and step of trees, rows of the least leaf, and pull of a leaf to zero."""

SEED = 43

RISING: frozenset[str] = frozenset(
    {
        *("sigma_1h", "sigma_24h", "range_4h", "range_24h", "move_1h", "move_4h"),
        *("mass_below_1pct", "mass_below_3pct", "cluster_below_near", "cluster_below_share"),
        *(name for name in FAMILIES["map"] if name.startswith(("reach_long_", "touch_below_"))),
    }
)
"""Inputs, as seen by a fall, that never make an event less likely."""

FALLING: frozenset[str] = frozenset({"critical_shock_down"})
"""Inputs that never make one more likely."""


@dataclass(frozen=True, slots=True)
class TreeHazard:
    """A fitted model.

    Parameters
    ----------
    standard : Standard
        Scale of the inputs; after them come the climatology's log odds and the stretch, from 0.
    trees : Trees
        Whose sum is the log odds.
    floor : Climatology
    """

    standard: Standard
    trees: Trees
    floor: Climatology

    def hazard(self, course: Course, direction: int) -> F8x2:
        """Return the hazard of every stretch, shape (n, 4)."""
        odds = [self.trees.raw(one) for one in self._inputs(course, direction)]
        return np.asarray(1 / (1 + np.exp(-np.stack(odds, axis=1))))

    def contributions(self, course: Course, direction: int) -> dict[str, F8x2]:
        """Return what each family adds to the log odds of every stretch, shape (n, 4) each.

        Notes
        -----
        By the paths taken: each step down a tree credits its input with the change of the mean.
        With the baseline they add up to the log odds, but between inputs that say the same the
        share is arbitrary.
        """
        names = [*self.standard.names, "climatology", "stretch"]
        by_stretch = [_credit(self.trees, one) for one in self._inputs(course, direction)]
        found: dict[str, F8x2] = {}
        for family, members in (*FAMILIES.items(), ("climatology", ("climatology", "stretch"))):
            inside = [j for j, name in enumerate(names) if name in members]
            if inside:
                found[family] = np.stack([one[:, inside].sum(axis=1) for one in by_stretch], axis=1)
        return found

    def _inputs(self, course: Course, direction: int) -> list[F8x2]:
        plain = lay_design(course.turned(direction), self.standard, ())
        said = hazard_log_odds(self.floor.hazard(course, direction))
        return [_with_stretch(plain, said[:, k], k) for k in range(len(STRETCHES_H))]

    def to_plain(self) -> dict[str, Any]:
        """Return it as numbers and lists."""
        return {
            "standard": self.standard.to_plain(),
            "trees": self.trees.to_plain(),
            "floor": self.floor.to_plain(),
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> TreeHazard:
        """Return what `to_plain` wrote."""
        return TreeHazard(
            standard=Standard.from_plain(plain["standard"]),
            trees=Trees.from_plain(plain["trees"]),
            floor=Climatology.from_plain(plain["floor"]),
        )


def fit_trees(samples: Sequence[Sample], names: Sequence[str]) -> TreeHazard:
    """Return boosted trees on the rows of a fit, all stretches under each other.

    Parameters
    ----------
    samples : sequence of Sample
        Moments of the fit alone.
    names : sequence of str
        Inputs.

    Returns
    -------
    TreeHazard

    Notes
    -----
    `sklearn.ensemble.HistGradientBoostingClassifier` with monotonic constraints, its nodes taken
    out. No early stopping: the size is stated, not chosen.
    """
    from sklearn.ensemble import (  # noqa: PLC0415 - an extra: asking a model does without it
        HistGradientBoostingClassifier,
    )
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - comes with it

    standard = standardise([one.course.turned(d) for one in samples for d in (0, 1)], names)
    floor = fit_climatology(samples)
    data = stack_rows(samples, standard, (), floor, sorted({one.course.market for one in samples}))
    plain = data.design[:, : len(names)]
    stretches = range(len(STRETCHES_H))
    inputs = np.concatenate([_with_stretch(plain, data.offset[:, k], k) for k in stretches])
    label, weight = data.label.T.ravel(), data.weight.T.ravel()
    used = weight > 0
    ways = [1 if name in RISING else -1 if name in FALLING else 0 for name in names]
    model = HistGradientBoostingClassifier(
        learning_rate=RATE,
        max_iter=TREES,
        max_depth=DEPTH,
        min_samples_leaf=LEAST_LEAF,
        l2_regularization=RIDGE,
        monotonic_cst=[*ways, 1, 0],
        max_bins=32,
        early_stopping=False,
        random_state=SEED,
    )
    # Sums over threads hang on their number; and so few rows are sooner done by one.
    with threadpool_limits(1):
        model.fit(inputs[used], label[used], weight[used])
    return TreeHazard(standard, extract_trees(model), floor)


def _credit(trees: Trees, inputs: F8x2) -> F8x2:
    """Return the change that each input brought about on the way to the leaves, shape (n, k)."""
    rows = np.arange(inputs.shape[0])
    credit = np.zeros(inputs.shape)
    for t in range(trees.feature.shape[0]):
        node = np.zeros(rows.size, dtype=np.int64)
        for _ in range(DEPTH):
            asked = trees.feature[t, node]
            # In a leaf nothing changes, so whichever input is credited gets nothing.
            column = np.maximum(asked, 0)
            goes_left = inputs[rows, column] <= trees.threshold[t, node]
            below = np.where(goes_left, trees.left[t, node], trees.right[t, node])
            after = np.where(asked < 0, node, below)
            credit[rows, column] += trees.value[t, after] - trees.value[t, node]
            node = after
    return credit


def _with_stretch(plain: F8x2, said: F8, stretch: int) -> F8x2:
    return np.column_stack([plain, said, np.full(said.size, float(stretch))])
