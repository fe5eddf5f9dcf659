"""What every signal is: a rule over the feature table, and a sentence.

In:  a `FeatureTable`.   Out: `Judged`, at every moment; `Reading`, at the last.
Pure: NumPy in, values out; no I/O, no clock, no global state.

One rule serves the present and the past, so that what is shown today is what was scored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from forcedflow.features.rows import Bools
from forcedflow.features.table import FeatureTable
from forcedflow.signals.reading import Reading, Risk, Verdict
from forcedflow.signals.threshold import Quantile, newest_quantile, trailing_quantile
from forcedflow.units import F8, I8, SECOND_MS

UNKNOWN, OFF, ON = -1, 0, 1

I1 = np.ndarray[tuple[int], np.dtype[np.int8]]

_VERDICTS: dict[int, Verdict] = {UNKNOWN: "unknown", OFF: "off", ON: "on"}
_RISKS: tuple[Risk, ...] = ("none", "down", "up", "both")
NONE, DOWN, UP, BOTH = range(4)
"""Directions at risk as a judged row holds them."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A signal at ``n`` moments.

    Parameters
    ----------
    value, threshold : ndarray, shape (n,)
        NaN where unknown.
    verdict : ndarray of int8, shape (n,)
        `UNKNOWN`, `OFF` or `ON`.
    direction : ndarray of int8, shape (n,)
        `NONE`, `DOWN`, `UP` or `BOTH`.
    """

    value: F8
    threshold: F8
    verdict: I1
    direction: I1


def judged(value: F8, threshold: F8, is_known: Bools, is_on: Bools, risk: I8 | int) -> Judged:
    """Return what a rule found, put together.

    Parameters
    ----------
    value, threshold : ndarray, shape (n,)
    is_known, is_on : ndarray of bool, shape (n,)
        Whether the rule could be applied, and whether it holds; what is not known is not on.
    risk : ndarray of int, shape (n,), or int
        Direction at risk where it is on: `DOWN`, `UP` or `BOTH`.

    Returns
    -------
    Judged
    """
    on = is_known & is_on
    verdict = np.full(on.size, OFF, dtype=np.int8)
    verdict[on] = ON
    verdict[~is_known] = UNKNOWN
    direction = np.where(on, np.asarray(risk, dtype=np.int8), np.int8(NONE))
    return Judged(value=value, threshold=threshold, verdict=verdict, direction=direction)


class Judge(Protocol):
    """A rule: what a signal says at every moment of a table.

    Thresholds are taken by ``quantile``, which a reading replaces by one that knows the last moment
    alone: the same rule, without a month of thresholds that nobody asks for.
    """

    def __call__(self, table: FeatureTable, quantile: Quantile = trailing_quantile) -> Judged:
        """Return what the rule found."""
        ...


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal.

    Parameters
    ----------
    name, title, unit : str
    tables : tuple of str
        Inputs, as `forcedflow.features.inputs.FeatureInputs.tables` names them.
    threshold_words : str
        Where the threshold comes from.
    judge : callable
        The rule, at every moment of a table.
    why : callable
        One sentence for the last moment of a table, given what was judged.
    """

    name: str
    title: str
    unit: str
    tables: tuple[str, ...]
    threshold_words: str
    judge: Judge
    why: Callable[[FeatureTable, Judged], str]

    def read(self, table: FeatureTable, record: str | None = None) -> Reading:
        """Return the reading at the last moment of a table."""
        judged = self.judge(table, newest_quantile)
        ages = [(name, table.input_age_ms.get(name)) for name in self.tables]
        return Reading(
            signal=self.name,
            title=self.title,
            value=float(judged.value[-1]),
            unit=self.unit,
            threshold=float(judged.threshold[-1]),
            threshold_words=self.threshold_words,
            verdict=_VERDICTS[int(judged.verdict[-1])],
            direction=_RISKS[int(judged.direction[-1])],
            why=self.why(table, judged),
            inputs=tuple((name, None if age is None else age / SECOND_MS) for name, age in ages),
            record=record,
        )
