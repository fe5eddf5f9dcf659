"""A market update: what subscribers are told of one market, with its badge and its ages.

In:  `BarClose`, what stages found, how venues are heard.   Out: `MarketUpdate`, a value.
Free of I/O and of the clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from forcedflow.cascade.cascade import Cascade
from forcedflow.features.feature import DEPTH_AGE_MS, FUNDING_AGE_MS, KLINE_AGE_MS
from forcedflow.instruments import Instrument
from forcedflow.live.heat_column import HeatColumn
from forcedflow.live.market_state import BarClose
from forcedflow.signals.reading import Reading
from forcedflow.signals.score import Loading
from forcedflow.units import DAY_MS, MINUTE_MS, SECOND_MS, Side
from forcedflow.zones import Zone

Badge: TypeAlias = Literal["LIVE", "PARTIAL", "STALE", "REPLAY"]
"""LIVE: every source that was ever heard is fresh. PARTIAL: one of them is late. STALE: those that
the ladder moves with are. REPLAY: the past of a lake, whatever its ages were."""

LATE_MS: Final[Mapping[str, int]] = {
    "open_interest": 15 * MINUTE_MS,
    "mark klines": 15 * MINUTE_MS,
    "perpetual klines": 15 * MINUTE_MS,
    "spot klines": 15 * MINUTE_MS,
    "funding": FUNDING_AGE_MS,
    "long_short_ratio": KLINE_AGE_MS,
    "liquidation_totals": KLINE_AGE_MS,
    "depth_bands": DEPTH_AGE_MS,
}
"""Age from which on a source counts as late, three bars for what comes every bar. [ms]"""

_PRICES: Final = ("mark klines", "perpetual klines", "open_interest")
# What was not heard for so long is no source of this market any more.
_GIVEN_UP_MS: Final = 30 * DAY_MS


@dataclass(frozen=True, slots=True)
class SourceAge:
    """How old the newest row of one source is.

    Parameters
    ----------
    table : str
        As `forcedflow.features.inputs.FeatureInputs.tables` names it.
    age_ms : int or None
        None where there is none. [ms]
    is_late : bool
        Whether it was heard in the last thirty days, and not lately enough.
    """

    table: str
    age_ms: int | None
    is_late: bool


@dataclass(frozen=True, slots=True)
class StageOutcome:
    """What a stage found when it last ran.

    Parameters
    ----------
    at_ms : int
        The bar close that it ran at. [UTC ms]
    value : object
        None where it could not.
    problem : str
        Why it could not; empty where it could.
    """

    at_ms: int
    value: object
    problem: str


@dataclass(frozen=True, slots=True)
class MarketUpdate:
    """One market at one bar close, as subscribers are told.

    Parameters
    ----------
    instrument : Instrument
    at_ms : int
        The bar close. [UTC ms]
    badge : {"LIVE", "PARTIAL", "STALE", "REPLAY"}
    closed : BarClose or None
        What was known; None where the market failed at this bar close.
    sources : tuple of SourceAge
    stages : mapping of str to StageOutcome
        By the stage's name; those that have not run yet are missing.
    problem : str
        Why the market failed, or what its venue says; empty otherwise.
    """

    instrument: Instrument
    at_ms: int
    badge: Badge
    closed: BarClose | None
    sources: tuple[SourceAge, ...]
    stages: Mapping[str, StageOutcome]
    problem: str = ""

    @property
    def column(self) -> HeatColumn | None:
        """Return the heatmap's newest column."""
        return None if self.closed is None else self.closed.column

    @property
    def zones(self) -> tuple[Zone, ...]:
        """Return the clusters, nearest first."""
        return () if self.closed is None else self.closed.zones

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Return the signals' readings."""
        return () if self.closed is None else self.closed.readings

    @property
    def loading(self) -> Loading | None:
        """Return the loading score."""
        return None if self.closed is None else self.closed.loading

    @property
    def mark(self) -> float | None:
        """Return the last mark price. [quote per base]"""
        return None if self.closed is None else self.closed.mark

    @property
    def simulated(self) -> bool:
        """Return whether any of it is of the simulated exchange."""
        return self.closed is not None and self.closed.simulated

    @property
    def cascade(self) -> Cascade | None:
        """Return the newest cascade, None where none was walked yet."""
        found = self.stages.get("cascade")
        return found.value if found is not None and isinstance(found.value, Cascade) else None

    @property
    def forecast(self) -> object:
        """Return the newest forecast, None where there is none."""
        found = self.stages.get("forecast")
        return None if found is None else found.value

    def nearest(self, side: Side) -> Zone | None:
        """Return the nearest cluster of one side."""
        return next((zone for zone in self.zones if zone.side == side), None)

    def row(self, told: Callable[[object], Any] = lambda _: None) -> dict[str, Any]:
        """Return the update as a plain row; unknown figures are null.

        Parameters
        ----------
        told : callable
            From what a stage found to plain values.
        """
        return {
            "venue": self.instrument.venue,
            "symbol": self.instrument.symbol,
            "at_ms": self.at_ms,
            "badge": self.badge,
            "simulated": self.simulated,
            "mark": self.mark,
            "zones": [_finite(zone.row()) for zone in self.zones],
            "signals": [reading.row() for reading in self.readings],
            "loading": None if self.loading is None else self.loading.row(),
            "stages": {
                name: {
                    "at_ms": outcome.at_ms,
                    "problem": outcome.problem,
                    "answer": None if outcome.value is None else told(outcome.value),
                }
                for name, outcome in self.stages.items()
            },
            "sources": [
                {
                    "table": source.table,
                    "age_s": None if source.age_ms is None else source.age_ms / SECOND_MS,
                    "late": source.is_late,
                }
                for source in self.sources
            ],
            "problem": self.problem,
        }


def ages_of(closed: BarClose | None) -> tuple[SourceAge, ...]:
    """Return how old each source was at a bar close, in the order of `LATE_MS`."""
    if closed is None:
        return ()
    return tuple(
        SourceAge(table, age, age is not None and late < age <= _GIVEN_UP_MS)
        for table, late in LATE_MS.items()
        for age in (closed.input_age_ms.get(table),)
    )


def badge_of(sources: tuple[SourceAge, ...], *, is_replay: bool) -> Badge:
    """Return the badge that the ages of a market's sources earn.

    Examples
    --------
    >>> badge_of((), is_replay=False)
    'STALE'
    """
    if is_replay:
        return "REPLAY"
    age = {source.table: source.age_ms for source in sources}
    contracts = age.get("open_interest")
    prices = [known for name in _PRICES if (known := age.get(name)) is not None]
    if contracts is None or contracts > LATE_MS["open_interest"]:
        return "STALE"
    if not prices or min(prices) > LATE_MS["mark klines"]:
        return "STALE"
    return "PARTIAL" if any(source.is_late for source in sources) else "LIVE"


def _finite(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }
