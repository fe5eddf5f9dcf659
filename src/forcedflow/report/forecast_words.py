"""What a forecast says in words and round figures, for every surface alike.

In:  `Forecast` and its parts.   Out: text, round sums. [USD, 1]
Pure: values in, text out; no I/O, no clock.
"""

from __future__ import annotations

import math

from forcedflow.forecast.forecast import Chance, Forecast, Record
from forcedflow.forecast.size import LEVELS
from forcedflow.forecast.size_forecast import SizeForecast
from forcedflow.units import SIDES, Side, format_usd

FAMILY_WORDS = {
    "climatology": "hour of the week",
    "clock": "time of day",
    "volatility": "volatility",
    "liquidations": "liquidations so far",
    "market": "open interest, funding, flow",
    "map": "the map",
    "placebo": "price history",
    "history": "this market's own rate",
}
"""Families of inputs, as a trader would call them."""

LEAST_DAYS = 100
"""Event days below which no gain is claimed."""

CLAIMS = (
    "chances of an event, not a direction to trade; estimates, not advice. Fewer than "
    f"{LEAST_DAYS} event days tell no gain over the hour of the week from chance"
)


def chance_words(probability: float) -> str:
    """Return a probability as a share, never as certainty.

    Examples
    --------
    >>> chance_words(0.1234), chance_words(0.0123), chance_words(0.00004)
    ('12 %', '1.2 %', '<0.1 %')
    """
    if not math.isfinite(probability):
        return "–"
    percent = 100 * probability
    if percent < 0.1:
        return "<0.1 %"
    return f"{percent:.0f} %" if percent >= 9.95 else f"{percent:.1f} %"


def driver_words(chance: Chance, most: int = 3) -> str:
    """Return what moves a chance off its usual value, largest first.

    Examples are ``volatility ×1.8``: the odds are so many times what they would be without it.
    """
    told = [
        f"{FAMILY_WORDS.get(name, name)} ×{math.exp(odds):.2g}"
        for name, odds in chance.drivers[:most]
        if abs(odds) >= 0.05
    ]
    return ", ".join(told) or "nothing moves it off its usual value"


def record_words(record: Record | None, probability: float) -> str:
    """Return how often it happened when about so much was said, with its count."""
    if record is None:
        return "no record: too short a past"
    near = record.near(probability)
    counted = f"{record.events} events on {record.days} days in {record.n:,} hours"
    if near is None:
        return counted
    happened, low, high = near
    return (
        f"when about this was said it happened in {chance_words(happened)} of hours "
        f"({chance_words(low)}–{chance_words(high)} if reliable); {counted}"
    )


def round_sums(size: SizeForecast) -> tuple[float, ...]:
    """Return round sums within a distribution's reach, rising: for asking how likely more is."""
    low, high = float(size.usd[:, 3].max()), float(size.usd[:, -1].max())
    if not high > 0:
        return ()
    low = max(low, high / 1000)
    found: list[float] = []
    power = 10.0 ** math.floor(math.log10(low))
    while power <= high and len(found) < 12:
        found += [digit * power for digit in (1.0, 2.0, 5.0) if low <= digit * power <= high]
        power *= 10
    return tuple(found[-4:])


def exceedances(size: SizeForecast, side: Side) -> tuple[tuple[float, float], ...]:
    """Return round sums with the probability that more is closed. [USD, 1]"""
    return tuple((usd, size.exceedance(side, usd)) for usd in round_sums(size))


def headline_words(forecast: Forecast) -> str:
    """Return the forecast in one line, for pages that show much else."""
    chance = forecast.headline
    if chance is None:
        return "no forecast: " + "; ".join(why for _, why in forecast.reasons)
    beside = chance_words(chance.climatology)
    whose = f"this hour of the week alone {beside}"
    if not chance.standing.holds:
        whose = f"this hour of the week alone; ours, {chance_words(chance.probability)}, not shown"
    return (
        f"{chance_words(chance.shown)} that a cascade {chance.direction} begins within "
        f"{chance.horizon_h} h ({whose})"
    )


def size_words(forecast: Forecast, horizon_h: int) -> str:
    """Return what nine of ten such hours hold at most, per side; empty where no size is told."""
    for size in forecast.sizes:
        if size.horizon_h == horizon_h:
            most = (
                f"{side}s {format_usd(float(size.usd[s, LEVELS.index(0.9)]))}"
                for s, side in enumerate(SIDES)
            )
            return f"closed by force within {horizon_h} h, nine times in ten at most: " + ", ".join(
                most
            )
    return ""


def ahead_words(forecast: Forecast | None, reason: str, horizon_h: int = 4) -> tuple[str, ...]:
    """Return what a page says of the hours ahead; why nothing is told where nothing is."""
    if forecast is None:
        return (f"not told: {reason or 'no model was fitted by then'}",)
    chance = forecast.headline
    told = [headline_words(forecast), size_words(forecast, horizon_h)]
    if chance is not None:
        told.append(record_words(chance.record, chance.probability))
    return tuple(words for words in told if words)


def head_words(forecast: Forecast | None) -> str:
    """Return the greatest chance in one figure; a star marks the hour of the week's."""
    chance = None if forecast is None else forecast.headline
    if chance is None:
        return "–"
    star = "" if chance.standing.holds else "*"
    return f"{'↓' if chance.direction == 'down' else '↑'} {chance_words(chance.shown)}{star}"
