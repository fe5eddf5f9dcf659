"""Boosted trees as plain numbers: grown by scikit-learn, asked without it.

In:  a fitted histogram gradient boosting model.   Out: `Trees`, whose raw predictions are the same.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np

from forcedflow.units import F8, F8x2

I4x2: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.int32]]


@dataclass(frozen=True, slots=True)
class Trees:
    """A sum of ``t`` trees of at most ``m`` nodes; of unequal trees the rest is leaves.

    Parameters
    ----------
    baseline : float
        What every prediction starts from.
    feature : ndarray of int, shape (t, m)
        Input a node asks about; -1 at a leaf.
    threshold : ndarray, shape (t, m)
        At most this goes left.
    left, right : ndarray of int, shape (t, m)
        Next nodes.
    missing_left : ndarray of int, shape (t, m)
        1 where an unknown input goes left.
    value : ndarray, shape (t, m)
        What a leaf adds.
    """

    baseline: float
    feature: I4x2
    threshold: F8x2
    left: I4x2
    right: I4x2
    missing_left: I4x2
    value: F8x2

    def raw(self, inputs: F8x2) -> F8:
        """Return the sum of the trees at every row, shape (n,)."""
        total = np.full(inputs.shape[0], self.baseline)
        rows = np.arange(inputs.shape[0])
        for t in range(self.feature.shape[0]):
            node = np.zeros(inputs.shape[0], dtype=np.int64)
            while True:
                asked = self.feature[t, node]
                if (asked < 0).all():
                    break
                x = inputs[rows, np.maximum(asked, 0)]
                is_left = np.where(
                    np.isnan(x), self.missing_left[t, node] > 0, x <= self.threshold[t, node]
                )
                onward = np.where(is_left, self.left[t, node], self.right[t, node])
                node = np.where(asked < 0, node, onward)
            total += self.value[t, node]
        return total

    def to_plain(self) -> dict[str, Any]:
        """Return it as lists and numbers."""
        return {
            "baseline": self.baseline,
            **{name: getattr(self, name).tolist() for name in _ARRAYS},
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Trees:
        """Return what `to_plain` wrote."""
        shape = (len(plain["feature"]), -1) if plain["feature"] else (0, 0)
        return Trees(
            baseline=float(plain["baseline"]),
            **{
                name: np.array(plain[name], dtype=kind).reshape(shape)
                for name, kind in _ARRAYS.items()
            },
        )


_ARRAYS: dict[str, type] = {
    field.name: np.float64 if field.name in {"threshold", "value"} else np.int32
    for field in fields(Trees)
    if field.name != "baseline"
}


def extract_trees(fitted: Any) -> Trees:
    """Return the trees of a fitted `sklearn.ensemble.HistGradientBoosting*` of one output.

    Parameters
    ----------
    fitted : HistGradientBoostingRegressor or HistGradientBoostingClassifier
        Without categories; of two classes at most.

    Returns
    -------
    Trees
        Raw predictions: log odds of a classifier.

    Raises
    ------
    ValueError
        If the model has categories or several outputs.
    """
    grown = fitted._predictors  # noqa: SLF001 - scikit-learn has no public way to its trees
    if any(len(each) != 1 for each in grown):
        raise ValueError("trees of several outputs are not told apart here")
    nodes = [each[0].nodes for each in grown]
    if any(own["is_categorical"].any() for own in nodes):
        raise ValueError("trees that ask about categories are not known here")
    most = max((own.size for own in nodes), default=0)

    def laid(name: str, kind: type, empty: float) -> Any:
        out = np.full((len(nodes), most), empty, dtype=kind)
        for t, own in enumerate(nodes):
            out[t, : own.size] = own[name]
        return out

    is_leaf = laid("is_leaf", np.int32, 1)
    return Trees(
        baseline=float(np.ravel(fitted._baseline_prediction)[0]),  # noqa: SLF001 - as above
        feature=np.where(is_leaf > 0, -1, laid("feature_idx", np.int32, -1)).astype(np.int32),
        threshold=laid("num_threshold", np.float64, 0.0),
        left=laid("left", np.int32, 0),
        right=laid("right", np.int32, 0),
        missing_left=laid("missing_go_to_left", np.int32, 0),
        value=laid("value", np.float64, 0.0),
    )
