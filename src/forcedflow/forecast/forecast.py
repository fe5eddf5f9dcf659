"""What is told ahead of one market at one moment: sizes, chances, tomorrow, each with its opponent.

In:  -.   Out: `Forecast` and its parts, values. [1, USD]
Pure: values; no I/O, no clock, no global state.

Every number stands beside the baseline's. A chance is ours only while ours proved reliable lately;
else the climatology's is the one to show, and `Chance.standing` says why.
"""

from __future__ import annotations

from dataclasses import dataclass

from forcedflow.forecast.decision import Standing
from forcedflow.forecast.size_forecast import SizeForecast


@dataclass(frozen=True, slots=True)
class Record:
    """What a chance of this kind was worth on hours that its fit had not seen.

    Parameters
    ----------
    n : int
        Hours scored.
    events, days : int
        Distinct events among them, and the days they fell on.
    from_ms, to_ms : int
        [UTC ms]
    base_rate : float
        Share of those hours that an event followed. [1]
    gain_bits : float
        Saved a forecast over climatology. [bits]
    slope : float
        Of reliability; 1 is right, NaN where nothing happened. [1]
    said, happened, low, high : tuple of float
        Reliability: what was said, how often it happened, and where that lies if what was said is
        true. [1]
    """

    n: int
    events: int
    days: int
    from_ms: int
    to_ms: int
    base_rate: float
    gain_bits: float
    slope: float
    said: tuple[float, ...]
    happened: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def near(self, probability: float) -> tuple[float, float, float] | None:
        """Return how often it happened when about so much was said, and its range; None if never.

        Returns
        -------
        tuple of float or None
            Happened, low, high of the bin whose mean probability is nearest in ratio. [1]
        """
        if not self.said:
            return None
        place = min(
            range(len(self.said)),
            key=lambda i: (
                max(self.said[i], 1e-6) / max(probability, 1e-6)
                if self.said[i] > probability
                else max(probability, 1e-6) / max(self.said[i], 1e-6)
            ),
        )
        return self.happened[place], self.low[place], self.high[place]


@dataclass(frozen=True, slots=True)
class Chance:
    """The probability that a cascade begins within a horizon, one way.

    Parameters
    ----------
    event : str
        Name of the rule.
    event_words : str
        What it asks for, in words.
    direction : {"down", "up"}
    horizon_h : int
        [h]
    probability, low, high : float
        Ours, and its range over fits with whole days left out. [1]
    climatology : float
        By the hour of the week alone. [1]
    volatility : float
        By volatility and the hour; NaN where it was not fitted. [1]
    model : str
        Which model the fit chose.
    drivers : tuple of (str, float)
        What moves ours off its usual value: family of inputs and log odds, largest first.
    standing : Standing
        Whether ours may be shown.
    alarm_day, alarm_week : float
        Probability at which there was one alarm a day, a week, on hours before. [1]
    record : Record or None
        What it was worth; None where nothing was scored.
    """

    event: str
    event_words: str
    direction: str
    horizon_h: int
    probability: float
    low: float
    high: float
    climatology: float
    volatility: float
    model: str
    drivers: tuple[tuple[str, float], ...]
    standing: Standing
    alarm_day: float
    alarm_week: float
    record: Record | None

    @property
    def shown(self) -> float:
        """Return the probability to show: ours while it holds, else climatology's. [1]"""
        return self.probability if self.standing.holds else self.climatology

    @property
    def shown_is(self) -> str:
        """Return whose probability is shown."""
        return "forcedflow" if self.standing.holds else "climatology"

    @property
    def alarm(self) -> str | None:
        """Return the rarest budget that ours would sound an alarm within: week, day or None."""
        if not self.standing.holds:
            return None
        if self.probability >= self.alarm_week:
            return "week"
        return "day" if self.probability >= self.alarm_day else None


@dataclass(frozen=True, slots=True)
class Tomorrow:
    """The probability that tomorrow's liquidations are among the year's heaviest.

    Parameters
    ----------
    probability, baseline : float
        Ours; by volatility and the day of the week. [1]
    threshold : float
        Liquidations over open interest that would be exceeded. [1]
    day_ms : int
        Where the day begins. [UTC ms]
    """

    probability: float
    baseline: float
    threshold: float
    day_ms: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """Everything told ahead of one market.

    Parameters
    ----------
    symbol, venue : str
    at_ms : int
        Moment asked about. [UTC ms]
    known_ms : int
        Hour that it speaks from: the last whole hour known by then. [UTC ms]
    simulated : bool
        Whether the market or anything that the model learned from is of the simulated exchange.
    sizes, baseline_sizes : tuple of SizeForecast
        By horizon: ours, and by volatility and liquidation history.
    chances : tuple of Chance
    tomorrow : Tomorrow or None
    model : str
        Name of the artefact.
    fit_to_ms : int
        End of its fit. [UTC ms]
    learned_from : tuple of str
        Markets, venue and symbol.
    is_new_market : bool
        Whether this market was not among them.
    card : tuple of str
    reasons : tuple of (str, str)
        What could not be told, and why: ``("size", "no hourly liquidations are held")``.
    input_age_ms : tuple of (str, int or None)
        Age of the newest row of each table read.
    liquidations_of : str
        Whose liquidations sizes are of; empty where none are held.
    """

    symbol: str
    venue: str
    at_ms: int
    known_ms: int
    simulated: bool
    sizes: tuple[SizeForecast, ...]
    baseline_sizes: tuple[SizeForecast, ...]
    chances: tuple[Chance, ...]
    tomorrow: Tomorrow | None
    model: str
    fit_to_ms: int
    learned_from: tuple[str, ...]
    is_new_market: bool
    card: tuple[str, ...]
    reasons: tuple[tuple[str, str], ...]
    input_age_ms: tuple[tuple[str, int | None], ...]
    liquidations_of: str

    def chance(self, event: str, direction: str, horizon_h: int) -> Chance | None:
        """Return one chance; None where it could not be told."""
        for one in self.chances:
            if (one.event, one.direction, one.horizon_h) == (event, direction, horizon_h):
                return one
        return None

    @property
    def headline(self) -> Chance | None:
        """Return the greatest chance shown of a cascade within 24 hours, either way."""
        longest = max((one.horizon_h for one in self.chances), default=0)
        held = [one for one in self.chances if one.horizon_h == longest]
        return max(held, key=lambda one: one.shown, default=None)
