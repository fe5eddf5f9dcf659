"""Rules of regimes: at every moment of a table, whether each holds, does not, or is unknown.

In:  `FeatureTable`.   Out: `RuleStates`, `RULES`.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

A rule begins by one condition and goes on by a weaker one, so that a figure near its threshold does
not switch it at every step. Both read only what was known by then. Where a condition cannot be
judged the rule is unknown; where another condition fails anyway, it is off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from forcedflow.features.grid import (
    COVERED,
    lagged,
    steps,
    trailing_count,
)
from forcedflow.features.rows import Bools
from forcedflow.features.table import STEP_MS, FeatureTable
from forcedflow.signals.signal import BOTH, DOWN, I1, NONE, OFF, ON, UNKNOWN, UP, Judged
from forcedflow.signals.threshold import trailing_quantile
from forcedflow.units import F8, HOUR_MS, format_pct

Regime: TypeAlias = Literal[
    "mechanical_move",
    "reload_after_flush",
    "both_sides_hunted",
    "crowded_shorts",
    "crowded_longs",
]

MOVE_SIGMA, MOVE_GOES_ON_SIGMA = 3.0, 1.5
"""An hour's return that begins a mechanical move, and that it goes on by, in deviations of an hour
as expected before it. [σ]"""

OI_DROP, OI_SHARE = 0.0025, 0.05
"""Least fall of contracts within the hour, and the share of hours that fall so far. [1]"""

CLOSES_RANK, VOLUME_RANK = 0.99, 0.98
"""Rank of forced closes of the losing side, or of volume where neither they nor contracts are
known, from which on an hour's move counts as forced. [1]"""

FLUSH_MS = 72 * HOUR_MS
"""A flush is remembered for so long. [ms]"""

QUIET, QUIET_GOES_ON = 0.25, 0.5
"""Share of the trailing month's four-hour ranges that are as narrow: begins, goes on. [1]"""

STILL, STILL_GOES_ON = 0.25, 0.5
"""Net move of 24 h over its range, at most: begins, goes on. [1]"""

MANY, MANY_GOES_ON = 0.7, 0.5
"""Rank of contracts from which on a side that pays is a crowd: begins, goes on. [1]"""


@dataclass(frozen=True, slots=True)
class RuleStates:
    """A rule at ``n`` moments.

    Parameters
    ----------
    verdict : ndarray of int8, shape (n,)
        `UNKNOWN`, `OFF` or `ON`.
    direction : ndarray of int8, shape (n,)
        `NONE`, `DOWN`, `UP` or `BOTH`: of the move, or of the crowd's forced closing.
    figures : mapping of str to ndarray, shape (n,)
        What the rule compared, for its sentences.
    """

    verdict: I1
    direction: I1
    figures: Mapping[str, F8]


@dataclass(frozen=True, slots=True)
class RegimeRule:
    """One regime.

    Parameters
    ----------
    name, title : str
    begins_words, ends_words : str
        The rule, in words.
    tables : tuple of str
        Inputs without which it is unknown, as readings name them.
    why : callable
        One sentence for a moment at which it holds, by place in the table.
    ends : callable
        What would end it, with the figures of that moment.
    """

    name: Regime
    title: str
    begins_words: str
    ends_words: str
    tables: tuple[str, ...]
    why: Callable[[RuleStates, int], str]
    ends: Callable[[RuleStates, int], str]


def latched(begins: Bools, goes_on: Bools, known: Bools) -> Bools:
    """Return where a rule holds: from where it begins for as long as it goes on and is known.

    Parameters
    ----------
    begins, goes_on, known : ndarray of bool, shape (n,)

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    place = np.arange(begins.size)
    begun = np.maximum.accumulate(np.where(begins & known, place, -1))
    broken = np.maximum.accumulate(np.where(~known | ~(goes_on | begins), place, -1))
    holds: Bools = begun > broken
    return holds


def _states(holds: Bools, known: Bools, direction: I1 | int, **figures: F8) -> RuleStates:
    return RuleStates(
        verdict=np.where(holds, ON, np.where(known, OFF, UNKNOWN)).astype(np.int8),
        direction=np.where(holds, direction, NONE).astype(np.int8),
        figures=figures,
    )


def mechanical_move(table: FeatureTable) -> RuleStates:
    """Return where an hour's move is large and contracts were closed on the way."""
    hour = lagged(table["sigma_day"], steps(HOUR_MS)) * np.sqrt(1 / 24)
    with np.errstate(invalid="ignore", divide="ignore"):
        move = np.where(hour > 0, table["return_1h"] / hour, np.nan)
    contracts, volume = table["oi_change_1h"], table["volume_1h_rank_30d"]
    rare = np.minimum(trailing_quantile(contracts, OI_SHARE), -OI_DROP)
    closes = np.where(move < 0, table["liq_long_rank_30d"], table["liq_short_rank_30d"])
    told = ~np.isnan(contracts) & ~np.isnan(rare)
    heard = ~np.isnan(closes)
    fell, burst = told & (contracts <= rare), heard & (closes >= CLOSES_RANK)
    by_volume = ~told & ~heard
    forced = fell | burst | (by_volume & (volume >= VOLUME_RANK))
    large = np.abs(move) >= MOVE_SIGMA
    # Without either feed a large move is forced, or not, by its volume; a small one is neither.
    known = ~np.isnan(move) & (~large | told | heard | ~np.isnan(volume))
    sides = [
        latched(large & forced & (sign * move > 0), sign * move >= MOVE_GOES_ON_SIGMA, known)
        for sign in (-1.0, 1.0)
    ]
    return _states(
        sides[0] | sides[1],
        known,
        np.where(sides[0], DOWN, UP).astype(np.int8),
        move=move,
        contracts=contracts,
        fell=fell.astype(np.float64),
        closes=closes,
        burst=burst.astype(np.float64),
        volume=volume,
        by_volume=by_volume.astype(np.float64),
    )


def _why_moving(states: RuleStates, at: int) -> str:
    figure = {name: float(column[at]) for name, column in states.figures.items()}
    words = f"price moved {figure['move']:+.1f} σ within the hour"
    if figure["fell"]:
        return f"{words}, open interest {format_pct(figure['contracts'])}"
    if figure["burst"]:
        return f"{words}, forced closes above {_share(figure['closes'])}"
    if figure["by_volume"]:
        volume = "unknown" if np.isnan(figure["volume"]) else f"above {_share(figure['volume'])}"
        return f"{words}; open interest unknown, told by price and volume alone ({volume})"
    return f"{words}; contracts were closed on the way, and are not at this moment"


def _ends_moving(states: RuleStates, at: int) -> str:
    return (
        f"ends once the hour's move the same way is under {MOVE_GOES_ON_SIGMA:g} σ; "
        f"now {abs(float(states.figures['move'][at])):.1f} σ"
    )


def reload_after_flush(table: FeatureTable, moves: RuleStates) -> RuleStates:
    """Return where a flush was within `FLUSH_MS` and the market has gone quiet since.

    Parameters
    ----------
    table : FeatureTable
    moves : RuleStates
        Of `mechanical_move` over the same table.
    """
    moving = moves.verdict == ON
    place = np.arange(table.size)
    newest = np.maximum.accumulate(np.where(moving, place, -1))
    since = np.where(newest >= 0, (place - newest) * float(STEP_MS), np.inf)
    flushed = since <= FLUSH_MS
    judged = np.where(moves.verdict == UNKNOWN, np.nan, 1.0)
    window = steps(FLUSH_MS)
    seen = flushed | (trailing_count(judged, window) >= COVERED * window)
    width = table["range_4h"]
    narrow, middling = (trailing_quantile(width, share) for share in (QUIET, QUIET_GOES_ON))
    contracts = table["oi_change_4h"]
    # Contracts that still leave reload nothing; where they are unknown, price speaks alone.
    quiet = (width <= narrow) & ~(contracts < 0)
    known = seen & (~flushed | ~np.isnan(narrow))
    holds = latched(flushed & quiet & ~moving, flushed & (width <= middling) & ~moving, known)
    return _states(
        holds,
        known,
        BOTH,
        since_h=since / HOUR_MS,
        width=width,
        middling=middling,
        contracts=contracts,
        by_volume=np.where(newest >= 0, moves.figures["by_volume"][newest], 0.0),
    )


def _why_reloading(states: RuleStates, at: int) -> str:
    figure = {name: float(column[at]) for name, column in states.figures.items()}
    flush = "flush by price and volume alone" if figure["by_volume"] else "flush"
    words = (
        f"{flush} {figure['since_h']:.0f} h ago, range of 4 h {_pct(figure['width'])} "
        f"against a usual {_pct(figure['middling'])}"
    )
    if np.isnan(figure["contracts"]):
        return f"{words}; open interest unknown"
    return f"{words}; open interest {format_pct(figure['contracts'])} in 4 h"


def _ends_reloading(states: RuleStates, at: int) -> str:
    figure = {name: float(column[at]) for name, column in states.figures.items()}
    left = FLUSH_MS / HOUR_MS - figure["since_h"]
    return (
        f"ends with the next mechanical move, once the range of 4 h passes "
        f"{_pct(figure['middling'])} (now {_pct(figure['width'])}), or in {left:.0f} h"
    )


def both_sides_hunted(table: FeatureTable) -> RuleStates:
    """Return where highs and lows were swept within a day that went nowhere."""
    highs, lows = table["sweeps_high_24h"], table["sweeps_low_24h"]
    width = table["range_24h"]
    usual = trailing_quantile(width, 0.5)
    with np.errstate(invalid="ignore", divide="ignore"):
        net = np.where(width > 0, np.abs(table["return_24h"]) / width, np.nan)
    swept = (highs >= 1) & (lows >= 1)
    counted = ~np.isnan(highs) & ~np.isnan(lows)
    known = counted & (~swept | (~np.isnan(net) & ~np.isnan(usual)))
    holds = latched(
        swept & (net <= STILL) & (width >= usual), swept & (net <= STILL_GOES_ON), known
    )
    return _states(holds, known, BOTH, highs=highs, lows=lows, net=net, width=width)


def _why_hunted(states: RuleStates, at: int) -> str:
    figure = {name: float(column[at]) for name, column in states.figures.items()}
    return (
        f"{figure['highs']:.0f} highs and {figure['lows']:.0f} lows swept in 24 h; of a range of "
        f"{_pct(figure['width'])} price kept {100 * figure['net']:.0f} %"
    )


def _ends_hunted(states: RuleStates, at: int) -> str:
    return (
        f"ends once the net move of 24 h is over {100 * STILL_GOES_ON:g} % of its range (now "
        f"{100 * float(states.figures['net'][at]):.0f} %), or the sweeps of one side are a day old"
    )


def crowded_longs(table: FeatureTable, bias: Judged) -> RuleStates:
    """Return where longs pay much, for long, while many contracts are open.

    Parameters
    ----------
    table : FeatureTable
    bias : Judged
        Of `forcedflow.signals.funding_bias` over the same table.
    """
    return _crowded(table, bias, DOWN, 1.0)


def crowded_shorts(table: FeatureTable, bias: Judged) -> RuleStates:
    """Return where shorts pay much, for long, while many contracts are open; as for longs."""
    return _crowded(table, bias, UP, -1.0)


def _crowded(table: FeatureTable, bias: Judged, risk: int, payer: float) -> RuleStates:
    hours, rank = table["funding_same_sign_hours"], table["oi_rank_30d"]
    pays_much = bias.direction == risk
    funded = bias.verdict != UNKNOWN
    begins = pays_much & (rank >= MANY)
    goes_on = (payer * hours > 0) & (rank >= MANY_GOES_ON)
    # Funding that says another side, or none, needs no open interest to say so.
    known = funded & (~np.isnan(rank) | (~pays_much & ~(payer * hours > 0)))
    return _states(
        latched(begins, goes_on, known),
        known,
        risk,
        funding=table["funding_mean_3d"],
        hours=hours,
        rank=rank,
    )


def _why_crowded(states: RuleStates, at: int) -> str:
    figure = {name: float(column[at]) for name, column in states.figures.items()}
    payer = "longs" if figure["hours"] > 0 else "shorts"
    return (
        f"{payer} paid for {abs(figure['hours']):.0f} h, mean of 3 days "
        f"{100 * figure['funding']:+.4f} % per 8 h; open interest above {_share(figure['rank'])}"
    )


def _ends_crowded(states: RuleStates, at: int) -> str:
    return (
        f"ends once funding turns, or open interest stands below {100 * MANY_GOES_ON:g} % of the "
        f"trailing 30 days (now above {_share(float(states.figures['rank'][at]), short=True)})"
    )


def _pct(size: float) -> str:
    """Fraction without a direction, as percent."""
    return format_pct(size).removeprefix("+")


def _share(rank: float, *, short: bool = False) -> str:
    """Rank in words, rounded down, so that 97.9 % never reads as the 98 % it did not reach."""
    return f"{int(100 * rank + 1e-9)} %" + ("" if short else " of the trailing 30 days")


_PRICE = ("mark klines",)

RULES: tuple[RegimeRule, ...] = (
    RegimeRule(
        "mechanical_move",
        "Mechanical move: forced closing moves the price",
        f"an hour's return of {MOVE_SIGMA:g} σ or more, with a fall of open interest among the "
        f"{100 * OI_SHARE:g} % largest and {100 * OI_DROP:g} % at least, or forced closes of the "
        f"losing side above {100 * CLOSES_RANK:g} %; where neither is known, volume above "
        f"{100 * VOLUME_RANK:g} %",
        f"the hour's return the same way is under {MOVE_GOES_ON_SIGMA:g} σ",
        (*_PRICE, "open_interest"),
        _why_moving,
        _ends_moving,
    ),
    RegimeRule(
        "reload_after_flush",
        "Reload after a flush: quiet, positions build again",
        f"a mechanical move within {FLUSH_MS // HOUR_MS} h, and since then a range of 4 h among "
        f"the narrowest {100 * QUIET:g} % with open interest not falling where it is known",
        f"the next mechanical move, a range of 4 h above the median, or {FLUSH_MS // HOUR_MS} h",
        _PRICE,
        _why_reloading,
        _ends_reloading,
    ),
    RegimeRule(
        "both_sides_hunted",
        "Both sides hunted: highs and lows swept, no direction yet",
        f"highs and lows swept within 24 h, a net move of {100 * STILL:g} % of the day's range at "
        "most, that range at or above its median",
        f"the net move is over {100 * STILL_GOES_ON:g} % of the range, or one side's sweeps age",
        _PRICE,
        _why_hunted,
        _ends_hunted,
    ),
    RegimeRule(
        "crowded_shorts",
        "Crowded shorts: many, and paying; their forced closing runs up",
        f"funding one-sided for shorts, as its signal says, and open interest above "
        f"{100 * MANY:g} % of the trailing 30 days",
        f"funding turns, or open interest is below {100 * MANY_GOES_ON:g} %",
        ("funding", "open_interest"),
        _why_crowded,
        _ends_crowded,
    ),
    RegimeRule(
        "crowded_longs",
        "Crowded longs: many, and paying; their forced closing runs down",
        f"funding one-sided for longs, as its signal says, and open interest above "
        f"{100 * MANY:g} % of the trailing 30 days",
        f"funding turns, or open interest is below {100 * MANY_GOES_ON:g} %",
        ("funding", "open_interest"),
        _why_crowded,
        _ends_crowded,
    ),
)
"""Every regime; where several hold, the first of them names the moment: what moves now before what
may, and what was seen in price before what is paid."""
