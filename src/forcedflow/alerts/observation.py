"""An observation: what rules may look at, one market at one moment.

In:  -.   Out: `Observation`, a value. [UTC ms, quote per base, USD, s]
Pure: values only; no I/O, no clock, no global state.

Whoever has a market (the live loop, a lake's past) makes observations of it; alerts know neither.
"""

from __future__ import annotations

from dataclasses import dataclass

from forcedflow.depth.curve import Direction
from forcedflow.playbook.ignition import Ignition
from forcedflow.signals.reading import Reading
from forcedflow.signals.score import Loading
from forcedflow.zones import Zone


@dataclass(frozen=True, slots=True)
class ForecastSeen:
    """Probability that a cascade starts one way within a horizon, and from where on it is said.

    Parameters
    ----------
    event : str
        By which rule a cascade is said to start.
    direction : {"down", "up"}
    horizon_ms : int
        [ms]
    probability : float
        NaN where there is none that has the right to be shown. [1]
    alarm_day, alarm_week : float, optional
        Probability at which there was one alarm a day, a week, before; None where none was set. [1]
    words : str
        What it rests on and what it was worth: base rate, n, dates.
    """

    event: str
    direction: Direction
    horizon_ms: int
    probability: float
    alarm_day: float | None
    alarm_week: float | None
    words: str = ""


@dataclass(frozen=True, slots=True)
class CascadeSeen:
    """A cascade that runs or ran, by whatever rule the observer states.

    Parameters
    ----------
    direction : {"down", "up"}
    started_ms : int
        When it was known to have begun; with the direction, its name. [UTC ms]
    ended_ms : int, optional
        When it was known to be over; None while it runs. [UTC ms]
    start_price : float
        [quote per base]
    forced_usd : float, optional
        Closed by force so far, as feeds told it; None where none is heard. [USD]
    words : str
        By which rule.
    """

    direction: Direction
    started_ms: int
    ended_ms: int | None
    start_price: float
    forced_usd: float | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """One market at one moment, by what was known then.

    Parameters
    ----------
    venue, symbol : str
        Lower-case venue id and unified name.
    at_ms : int
        The moment. [UTC ms]
    mark : float
        [quote per base]
    low, high : float
        Extremes of the mark since the observation before; the mark where nothing is known between.
        [quote per base]
    zones : tuple of Zone, optional
        None where there was no map, which is not the same as no cluster.
    readings : tuple of Reading
    loading : Loading, optional
    forecasts : tuple of ForecastSeen
    ignitions : tuple of Ignition
        Impulses of late, each with what has become of it.
    cascades : tuple of CascadeSeen
    ages : tuple of (str, float or None)
        What the observation rests on and how old its newest row is; None where there is none. [s]
    liquidated_usd : (float, float), optional
        Longs and shorts closed by force since the observation before; None where no feed tells.
        [USD]
    assumptions : tuple of str
        What the figures rest on, in words.
    simulated : bool
    tick_size : float, optional
        [quote per base]
    replayed : bool
        Whether it is of the past, shown once more.
    """

    venue: str
    symbol: str
    at_ms: int
    mark: float
    low: float
    high: float
    zones: tuple[Zone, ...] | None = None
    readings: tuple[Reading, ...] = ()
    loading: Loading | None = None
    forecasts: tuple[ForecastSeen, ...] = ()
    ignitions: tuple[Ignition, ...] = ()
    cascades: tuple[CascadeSeen, ...] = ()
    ages: tuple[tuple[str, float | None], ...] = ()
    liquidated_usd: tuple[float, float] | None = None
    assumptions: tuple[str, ...] = ()
    simulated: bool = False
    tick_size: float | None = None
    replayed: bool = False

    @property
    def subject(self) -> str:
        """Return the market's name: venue and symbol."""
        return f"{self.venue} {self.symbol}"
