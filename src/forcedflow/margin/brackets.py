"""Leverage brackets: how maintenance margin grows with the size of a position.

In:  caps, maintenance rates and largest leverages per bracket.   Out: `BracketSchedule`, dated.
Pure: values in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import Any, Final, Literal, TypeAlias

import polars as pl

SizeUnit: TypeAlias = Literal["quote", "base"]
"""What brackets are measured in: quote coins (linear) or base coins (inverse)."""

ANY_SYMBOL = "*"


def size_unit(symbol: str) -> SizeUnit:
    """Return what a contract's brackets are measured in: the coin in which its margin is paid.

    Parameters
    ----------
    symbol : str
        Unified symbol; of ``*``, every contract of a venue, the linear ones are meant.

    Examples
    --------
    >>> size_unit("BTC/USDT:USDT"), size_unit("BTC/USD:BTC"), size_unit("*")
    ('quote', 'base', 'quote')
    """
    base = symbol.partition("/")[0]
    return "base" if symbol.endswith(f":{base}") and symbol != base else "quote"


@dataclass(frozen=True, slots=True)
class Bracket:
    """One bracket: positions above ``notional_floor`` and up to ``notional_cap``.

    Parameters
    ----------
    notional_floor, notional_cap : float
        Sizes the bracket holds, floor excluded and cap included. [the schedule's unit]
    max_leverage : float
        Largest leverage at which a position of this size may be opened. [×]
    maintenance_margin_rate : float
        Rate on the whole notional. [1]
    maintenance_amount : float
        Deducted from rate times notional, so that margin is continuous. [the schedule's unit]
    """

    notional_floor: float
    notional_cap: float
    max_leverage: float
    maintenance_margin_rate: float
    maintenance_amount: float

    def maintenance_margin(self, notional: float) -> float:
        """Return the maintenance margin of a position that this bracket holds.

        Examples
        --------
        >>> Bracket(50e3, 250e3, 100, 0.005, 50).maintenance_margin(100e3)
        450.0
        """
        return notional * self.maintenance_margin_rate - self.maintenance_amount


_FIGURES: Final = tuple(field.name for field in fields(Bracket))


@dataclass(frozen=True, slots=True)
class BracketSchedule:
    """The brackets of one contract from one day on.

    Parameters
    ----------
    venue : str
        Lower-case venue id.
    symbol : str
        Unified symbol, or ``*`` for every contract of the venue.
    effective_ms : int
        From when the brackets hold; where only a reading is dated, the day it was read. [UTC ms]
    brackets : tuple of Bracket
        Ascending and adjoining, from zero.
    source : str
        Where the figures were read.
    unit : {"quote", "base"}
        Coins that notionals and maintenance amounts are in.
    partial : bool
        Whether only the first brackets are known. Above its last stated cap a partial schedule
        answers nothing and raises; a complete one keeps its last bracket, because a cap limits
        what may be opened and not how far a position may grow with price.

    Raises
    ------
    ValueError
        If brackets leave a gap, overlap, or a figure is out of range; names the row from 1.
    """

    venue: str
    symbol: str
    effective_ms: int
    brackets: tuple[Bracket, ...]
    source: str
    unit: SizeUnit = "quote"
    partial: bool = False

    def __post_init__(self) -> None:
        if not self.brackets:
            raise ValueError(f"{self.name}: no brackets; at least one is needed")
        expected_floor = 0.0
        last_rate = 0.0
        for row, bracket in enumerate(self.brackets, start=1):
            if problem := _problem(bracket, expected_floor, last_rate):
                raise ValueError(f"{self.name}, row {row}: {problem}")
            expected_floor = bracket.notional_cap
            last_rate = bracket.maintenance_margin_rate

    @property
    def name(self) -> str:
        """Return venue and symbol, for messages."""
        return f"{self.venue} {self.symbol}"

    @property
    def last_cap(self) -> float:
        """Return the largest notional that the schedule states, in its unit."""
        return self.brackets[-1].notional_cap

    def at_notional(self, notional: float) -> Bracket:
        """Return the bracket that holds a position of this size.

        Raises
        ------
        ValueError
            If ``notional`` is negative or not a number, or lies above what a partial schedule
            states.

        Examples
        --------
        >>> rows = [(50e3, 0.004, 125), (250e3, 0.005, 100)]
        >>> schedule = schedule_from_rows("binance", "BTC/USDT:USDT", 0, rows, source="example")
        >>> schedule.at_notional(50_000).max_leverage, schedule.at_notional(50_001).max_leverage
        (125, 100)
        """
        if not notional >= 0:
            raise ValueError(f"{self.name}: notional must be at least zero, found {notional}")
        if self.partial and notional > self.last_cap:
            raise ValueError(self.beyond_message(notional))
        caps = [bracket.notional_cap for bracket in self.brackets[:-1]]
        return self.brackets[bisect_left(caps, notional)]

    def beyond_message(self, notional: float) -> str:
        """Return why a notional above the last stated cap of a partial schedule has no answer."""
        return (
            f"{self.name}: only the brackets up to {self.last_cap:,.0f} {self.unit} are known "
            f"({self.source}), found a notional of {notional:,.0f}; fetch or import the whole table"
        )

    def for_leverage(self, leverage: float) -> tuple[Bracket, ...]:
        """Return the brackets that still allow ``leverage``; empty where none does."""
        return tuple(b for b in self.brackets if b.max_leverage >= leverage)

    def flat(self) -> BracketSchedule:
        """Return the schedule without maintenance amounts: one rate on the whole notional."""
        brackets = tuple(replace(bracket, maintenance_amount=0.0) for bracket in self.brackets)
        return replace(self, brackets=brackets)


def schedule_from_rows(
    venue: str,
    symbol: str,
    effective_ms: int,
    rows: Iterable[tuple[float, float, float]],
    *,
    source: str,
    unit: SizeUnit = "quote",
    partial: bool = False,
) -> BracketSchedule:
    r"""Return a schedule whose maintenance amounts follow from caps and rates.

    .. math:: c_1 = 0, \quad c_n = c_{n-1} + floor_n (m_n - m_{n-1})

    which makes maintenance margin continuous in the notional.

    Parameters
    ----------
    venue, symbol, effective_ms, source, unit, partial
        As in `BracketSchedule`.
    rows : iterable of (notional_cap, maintenance_margin_rate, max_leverage)
        One per bracket, smallest first.

    Returns
    -------
    BracketSchedule

    Raises
    ------
    ValueError
        If a row is out of order or out of range; names the row from 1.

    References
    ----------
    .. [1] Binance, "Leverage and Margin of USDⓈ-M Futures": maintenance amount of a bracket.

    Examples
    --------
    >>> rows = [(50e3, 0.004, 125), (250e3, 0.005, 100), (1e6, 0.01, 50)]
    >>> schedule = schedule_from_rows("binance", "BTC/USDT:USDT", 0, rows, source="example")
    >>> [round(bracket.maintenance_amount, 6) for bracket in schedule.brackets]
    [0.0, 50.0, 1300.0]
    """
    brackets: list[Bracket] = []
    for cap, rate, max_leverage in rows:
        if brackets:
            below = brackets[-1]
            floor = below.notional_cap
            step = rate - below.maintenance_margin_rate
            amount = below.maintenance_amount + floor * step
        else:
            floor, amount = 0.0, 0.0
        brackets.append(Bracket(floor, cap, max_leverage, rate, amount))
    return BracketSchedule(
        venue, symbol, effective_ms, tuple(brackets), source, unit=unit, partial=partial
    )


def schedules_from_table(frame: pl.DataFrame) -> tuple[BracketSchedule, ...]:
    """Return one schedule per venue, symbol and day of the ``leverage_brackets`` table.

    The maintenance amounts are the venue's own as stored, not recomputed. Figures of inverse
    contracts are in base coins, all others in quote coins.

    Parameters
    ----------
    frame : polars.DataFrame
        Rows of the table; ``event_time`` is the day the brackets took effect or were read.

    Returns
    -------
    tuple of BracketSchedule
        Sorted by venue, symbol and date.

    Raises
    ------
    ValueError
        If the brackets of one schedule leave a gap, overlap or are out of range.
    """
    # Plain rows: a schedule is a handful of them, asked for at every bar close.
    days = frame["event_time"].dt.epoch("ms").to_list()
    keys = zip(frame["venue"].to_list(), frame["symbol"].to_list(), days, strict=True)
    rows = zip(*(frame[name].to_list() for name in ("bracket", "source", *_FIGURES)), strict=True)
    ordered = sorted(zip(keys, rows, strict=True), key=lambda one: (*one[0], one[1][0]))
    return tuple(
        _stored_schedule(key, [row for _, row in group])
        for key, group in groupby(ordered, key=lambda one: one[0])
    )


def _stored_schedule(key: tuple[str, str, int], rows: Sequence[tuple[Any, ...]]) -> BracketSchedule:
    brackets = tuple(Bracket(*figures) for _, _, *figures in rows)
    return BracketSchedule(*key, brackets, rows[0][1], unit=size_unit(key[1]))


def schedule_as_of(
    schedules: Sequence[BracketSchedule], symbol: str, at_ms: int
) -> BracketSchedule:
    """Return the schedule of one venue that held at a moment: the newest not after it.

    A schedule of the symbol itself goes before one that speaks for every symbol (``*``).

    Parameters
    ----------
    schedules : sequence of BracketSchedule
        Schedules of *one* venue, any order.
    symbol : str
        Unified symbol.
    at_ms : int
        Moment. [UTC ms]

    Returns
    -------
    BracketSchedule

    Raises
    ------
    ValueError
        If no schedule of the symbol had been dated by then, or several venues are mixed.
    """
    if len(venues := sorted({schedule.venue for schedule in schedules})) > 1:
        raise ValueError(f"schedules of several venues ({', '.join(venues)}); pass one venue's")
    for name in (symbol, ANY_SYMBOL):
        dated = [s for s in schedules if s.symbol == name and s.effective_ms <= at_ms]
        if dated:
            return max(dated, key=lambda schedule: schedule.effective_ms)
    later = [s.effective_ms for s in schedules if s.symbol in {symbol, ANY_SYMBOL}]
    known = f"the earliest is of {min(later)}" if later else "none is known at any time"
    raise ValueError(f"no brackets of {symbol} at {at_ms} (ms, UTC); {known}")


def _problem(bracket: Bracket, expected_floor: float, last_rate: float) -> str | None:
    if bracket.notional_floor != expected_floor:
        return f"floor is {bracket.notional_floor:g}, the cap below it is {expected_floor:g}"
    if not bracket.notional_cap > bracket.notional_floor:
        return f"cap {bracket.notional_cap:g} is not above its floor {bracket.notional_floor:g}"
    if not last_rate <= bracket.maintenance_margin_rate < 1:
        rate = bracket.maintenance_margin_rate
        return f"maintenance rate {rate:g} must lie in [{last_rate:g}, 1), the rate below first"
    if not 1 <= bracket.max_leverage < math.inf:
        return f"largest leverage must be at least 1, found {bracket.max_leverage:g}"
    if not 0 <= bracket.maintenance_amount < math.inf:
        return f"maintenance amount must not be negative, found {bracket.maintenance_amount:g}"
    return None
