"""A check: one line of the checklist, judged by a stated rule.

In:  `Situation`.   Out: `Check`, and what every line needs: ages and ways.
Pure: values in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

from forcedflow.depth.curve import Direction
from forcedflow.features.feature import KLINE_AGE_MS
from forcedflow.playbook.situation import Situation
from forcedflow.units import SECOND_MS, Side, format_age

STALE_MS = KLINE_AGE_MS
"""A map whose last bar is older than this says nothing of now; as with every price. [ms]"""

AHEAD: dict[Direction, Side] = {"down": "long", "up": "short"}
"""Side of the positions that a move in a direction closes by force."""

WHERE: dict[Side, str] = {"long": "below", "short": "above"}
"""Where the clusters of a side stand."""

Tables: TypeAlias = str | tuple[str, ...]
"""An input table by name, or several of which the freshest serves."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the checklist.

    Parameters
    ----------
    value : float
        NaN where there is none, which the verdict and the evidence explain.
    unit : str
    verdict : str
        One of the words of `forcedflow.playbook.checklist.RULES`.
    evidence : str
        One sentence: the figure, its threshold, and how many moments or which source it rests on;
        where unknown, why.
    age_s : float
        Age of the oldest input it rests on; NaN where it rests on none. [s]
    """

    value: float
    unit: str
    verdict: str
    evidence: str
    age_s: float

    def row(self) -> dict[str, Any]:
        """Return the line as plain values; what is not known is null."""
        return {
            "value": _known(self.value),
            "unit": self.unit,
            "verdict": self.verdict,
            "evidence": self.evidence,
            "age_s": _known(self.age_s),
        }


def map_age_s(situation: Situation) -> float:
    """Return the age of the map's last bar, or of the open interest it was scaled to. [s]"""
    age_ms = float(situation.at_ms - situation.mapped.known_ms)
    if situation.mapped.market.lent_by is not None:
        own = input_age_s(situation, "open_interest")
        return max(age_ms / SECOND_MS, 0.0 if math.isnan(own) else own)
    return age_ms / SECOND_MS


def map_is_stale(situation: Situation) -> str | None:
    """Return why the map says nothing of the moment; None where it does."""
    age_ms = SECOND_MS * map_age_s(situation)
    if age_ms <= STALE_MS:
        return None
    return f"unknown: the map is {format_age(age_ms)} old, and only {format_age(STALE_MS)} count"


def input_age_s(situation: Situation, *tables: Tables) -> float:
    """Return the age of the oldest of some inputs at the moment; NaN where none is held. [s]"""
    features = situation.features
    lag_ms = situation.at_ms - features.at_ms
    ages = []
    for names in tables:
        group = (names,) if isinstance(names, str) else names
        held = [features.input_age_ms.get(name) for name in group]
        known = [age for age in held if age is not None]
        if known:
            ages.append(min(known))
    return (max(ages) + lag_ms) / SECOND_MS if ages else math.nan


def borrowed_words(situation: Situation) -> str:
    """Return from whom the map is borrowed, to stand behind a figure; empty where it is not."""
    mapped = situation.mapped
    said = ""
    if mapped.market.lent_by is not None:
        said += f"; ladder borrowed from {mapped.market.lent_by}"
    if mapped.borrowed_from is not None:
        said += f"; weights borrowed from {mapped.borrowed_from}"
    return said


def _known(value: float) -> float | None:
    return float(f"{value:.7g}") if math.isfinite(value) else None
