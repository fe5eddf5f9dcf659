"""The way at risk: which move a situation is read for, and where that reading is void.

In:  `Situation`, a stated side.   Out: `Lean`, `Invalidation`. [quote per base]
Pure: values in, values out; no I/O, no clock, no global state.

A lean says in which direction more would be forced if it began there. It is no forecast that it
begins: neither clusters nor signals have been shown to tell the direction of price.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from forcedflow.depth.curve import DIRECTION_OF, Direction
from forcedflow.playbook.check import AHEAD, WHERE
from forcedflow.playbook.situation import Situation
from forcedflow.signals.score import load
from forcedflow.units import SIDES, Side, format_price

CLEAR_SIGMA = 0.25
"""A level nearer than this says nothing by being crossed. [σ of a day]"""

_OF_POSITION: dict[Side, Direction] = {"long": "up", "short": "down"}
_OPPOSITE: dict[Direction, Direction] = {"down": "up", "up": "down"}


@dataclass(frozen=True, slots=True)
class Lean:
    """Which way is read.

    Parameters
    ----------
    direction : {"down", "up"}, optional
        None where nothing tells.
    why : str
        In words that fit beside a figure.
    """

    direction: Direction | None
    why: str


@dataclass(frozen=True, slots=True)
class Invalidation:
    """The price at which a reading is void.

    Parameters
    ----------
    price : float
        [quote per base]
    rule : {"cluster", "prior day"}
        Which of the two levels was the nearer.
    distance : float
        Log return from the mark, signed. [1]
    levels : tuple of (str, float)
        Every level that was considered, in words, with its price. [quote per base]
    """

    price: float
    rule: str
    distance: float
    levels: tuple[tuple[str, float], ...]


def lean(situation: Situation, side: Side | None = None) -> Lean:
    """Return the way at risk.

    Parameters
    ----------
    situation : Situation
    side : {"long", "short"}, optional
        Side of the position that is thought of: a long is read for a rise.

    Returns
    -------
    Lean
        The stated side's; else that of more signals, each by its weight; else that of the nearer
        major cluster; else none.
    """
    if side is not None:
        return Lean(_OF_POSITION[side], f"for a {side}")
    loading = load(situation.readings)
    if abs(loading.down - loading.up) > 0:  # false also where there is no score
        direction: Direction = "down" if loading.down > loading.up else "up"
        weights = f"down {loading.down:.0f}, up {loading.up:.0f} of 100"
        return Lean(direction, f"signals at risk {weights}")
    nearest = [zone for name in SIDES if (zone := situation.major(name)) is not None]
    if not nearest:
        return Lean(None, "no side stated, signals even and no cluster either side")
    zone = min(nearest, key=lambda found: abs(found.distance_pct))
    return Lean(DIRECTION_OF[zone.side], f"signals even, the nearer cluster is {WHERE[zone.side]}")


def invalidation(situation: Situation, direction: Direction) -> Invalidation | None:
    """Return where a reading for a move in a direction is void.

    Parameters
    ----------
    situation : Situation
    direction : {"down", "up"}

    Returns
    -------
    Invalidation or None
        The nearer of two levels against the move, each at least `CLEAR_SIGMA` away: the far border
        of the nearest major cluster on the other side, beyond which its forced flow has run the
        wrong way, and the extreme of the day before. None where neither is known.
    """
    against = _OPPOSITE[direction]
    sign = 1.0 if against == "up" else -1.0
    mark, sigma = situation.mark, situation.mapped.sigma_day
    least = CLEAR_SIGMA * sigma if math.isfinite(sigma) else 0.0
    extreme = "high" if against == "up" else "low"
    found = [
        ("prior day", f"prior day's {extreme}", situation.features.last(f"prior_day_{extreme}"))
    ]
    if (zone := situation.major(AHEAD[against])) is not None:
        which = "nearest major" if zone.major else "largest"
        border = zone.high if against == "up" else zone.low
        found.append(("cluster", f"far border of the {which} cluster {WHERE[zone.side]}", border))
    clear = [
        (sign * math.log(price / mark), rule, price)
        for rule, _, price in found
        if price > 0 and sign * math.log(price / mark) > least
    ]
    if not clear:
        return None
    away, rule, price = min(clear)
    levels = tuple((words, level) for _, words, level in found if not math.isnan(level))
    return Invalidation(price, rule, sign * away, levels)


def level_words(found: Invalidation, tick_size: float | None = None) -> str:
    """Return the levels that were considered, in words."""
    return ", ".join(f"{words} {format_price(price, tick_size)}" for words, price in found.levels)
