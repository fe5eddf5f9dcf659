"""Records: what plans and regimes like those of a situation came to, on spans that are over.

In:  past legs, rates beside moments alike.   Out: `LegRecord`, `RegimeRecord`.
Pure: values in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from dataclasses import dataclass

from forcedflow.playbook.past_legs import PastLegs

SIGNIFICANT = 0.05
"""Adjusted p from which on a difference is no more than chance makes."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a record is of.

    Parameters
    ----------
    venue : str
    symbols : tuple of str
        Markets counted together.
    from_ms, to_ms : int
        Span scored, over by the moment of whoever quotes it. [UTC ms]
    simulated : bool
    """

    venue: str
    symbols: tuple[str, ...]
    from_ms: int
    to_ms: int
    simulated: bool


@dataclass(frozen=True, slots=True)
class LegRecord:
    """What became of second legs.

    Parameters
    ----------
    scored : Scored
    past : PastLegs
    """

    scored: Scored
    past: PastLegs


@dataclass(frozen=True, slots=True)
class RegimeRate:
    """What followed one regime, beside moments alike.

    Parameters
    ----------
    regime, side, horizon, metric, baseline : str
    part : str
        ``spot alone``; empty for the perpetual with all its tables.
    n, n_days : int
        Beginnings, and days with one.
    value, matched : float
        After a beginning, and after moments alike. [unit of the metric]
    gain : float
        Their difference; above zero is what is said of the regime.
    low, high : float, optional
        Its 95 % interval.
    p_adj : float, optional
        Adjusted over everything scored with it.
    """

    regime: str
    side: str
    horizon: str
    metric: str
    baseline: str
    part: str
    n: int
    n_days: int
    value: float
    matched: float
    gain: float
    low: float | None
    high: float | None
    p_adj: float | None

    @property
    def shown(self) -> bool:
        """Return whether what is said was shown: the whole interval above zero, not by chance."""
        return self.low is not None and self.low > 0 and self._is_significant

    @property
    def refuted(self) -> bool:
        """Return whether the opposite of what is said was shown."""
        return self.high is not None and self.high < 0 and self._is_significant

    @property
    def _is_significant(self) -> bool:
        return self.p_adj is not None and self.p_adj < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class RegimeRecord:
    """What followed regimes.

    Parameters
    ----------
    scored : Scored
    rates : tuple of RegimeRate
        Those that enough beginnings bear.
    """

    scored: Scored
    rates: tuple[RegimeRate, ...]

    def of(self, regime: str) -> tuple[RegimeRate, ...]:
        """Return the rates of one regime."""
        return tuple(rate for rate in self.rates if rate.regime == regime)
