"""A reading: what one signal says at one moment, and everything needed to judge it.

In:  -.   Out: `Reading`, a value.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Verdict: TypeAlias = Literal["on", "off", "unknown"]
Risk: TypeAlias = Literal["down", "up", "both", "none"]
"""Direction in which a cascade would run if the signal is right."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One signal at one moment.

    Parameters
    ----------
    signal : str
        Short name, such as ``large_cluster``.
    title : str
        The same in words.
    value : float
        What was measured; NaN where unknown.
    unit : str
    threshold : float
        From which on it is on; NaN where unknown.
    threshold_words : str
        Where the threshold comes from, such as ``90 % of the trailing 30 days``.
    verdict : {"on", "off", "unknown"}
        Missing data is unknown, never off.
    direction : {"down", "up", "both", "none"}
    why : str
        One sentence; where unknown, the table that is missing.
    inputs : tuple of (str, float or None)
        Tables it rests on and the age of their newest row; None where there is none. [s]
    record : str, optional
        What readings like this were worth before, with n and dates.
    """

    signal: str
    title: str
    value: float
    unit: str
    threshold: float
    threshold_words: str
    verdict: Verdict
    direction: Risk
    why: str
    inputs: tuple[tuple[str, float | None], ...]
    record: str | None = None

    def row(self) -> dict[str, Any]:
        """Return the reading as a plain row; unknown figures are null."""
        return {
            "signal": self.signal,
            "title": self.title,
            "value": _known(self.value),
            "unit": self.unit,
            "threshold": _known(self.threshold),
            "threshold_words": self.threshold_words,
            "verdict": self.verdict,
            "direction": self.direction,
            "why": self.why,
            "inputs": [{"table": name, "age_s": age} for name, age in self.inputs],
            "record": self.record,
        }


def _known(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
