"""The rows of one market that its ladders are built from, and the bars that they make.

In:  `HeldRows`, an instrument, moments. [UTC ms]   Out: `Market`, `Bars`.
Free of files and of the clock.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from forcedflow.asof.market import HISTORY_DAYS, read_market, read_rule, read_schedule
from forcedflow.features.punctual import punctual
from forcedflow.instruments import Instrument
from forcedflow.liquidation_map import Market
from forcedflow.live.bar_ladder import Terms
from forcedflow.live.held_rows import Change, HeldRows
from forcedflow.positions import Bars, build_bars
from forcedflow.positions.bars import VOLUME_SOURCES
from forcedflow.units import DAY_MS, HOUR_MS

BAR_TABLES: Final = ("open_interest", "klines", "funding")
"""Tables that bars are made of."""

# A finished kline counts as the volume of a bar for three hours more, whatever its length.
_KLINE_REACH_MS: Final = 4 * HOUR_MS

# What a bar's volume is taken from where only the whole history can tell.
_FROM_HISTORY: Final = tuple(
    VOLUME_SOURCES.index(name) for name in ("trailing turnover", "missing")
)


class MarketRows:
    """The rows of one market that its ladders are built from.

    Parameters
    ----------
    rows : HeldRows
    instrument : Instrument
    """

    def __init__(self, rows: HeldRows, instrument: Instrument) -> None:
        self.rows: Final = rows
        self.instrument: Final = instrument
        self._settled: tuple[int, Terms] | None = None

    def settle(self, at_ms: int) -> Terms:
        """Return the brackets and the rule as of a moment, which hold until it is asked again."""
        if self._settled is None or self._settled[0] != at_ms:
            schedule, notes = read_schedule(self.rows, self.instrument, at_ms)
            self._settled = at_ms, Terms(schedule, read_rule(self.instrument, at_ms), notes)
        return self._settled[1]

    def forget_terms(self) -> None:
        """Read brackets anew when they are next asked for."""
        self._settled = None

    def origin_ms(self, at_ms: int) -> int | None:
        """Return where history begins as of a moment, None without open interest. [UTC ms]

        The same number as long as the beginning of what is held lies inside the history.
        """
        venue, symbol = self.instrument.venue, self.instrument.symbol
        newest = self.rows.newest_event_ms("open_interest", venue, symbol, at_ms)
        if newest is None:
            return None
        start = (newest // DAY_MS - HISTORY_DAYS) * DAY_MS
        first = self.rows.first_event_ms("open_interest", venue, symbol, start)
        if first is None:
            return None
        longest = self.rows.longest_interval_ms("klines", venue, symbol)
        return max(start, first - longest - _KLINE_REACH_MS)

    def whole(self, at_ms: int) -> Market:
        """Return the market with all its history."""
        return read_market(self.rows, self.instrument, at_ms)

    def tail(self, bars: Bars, bar: int, at_ms: int) -> Market:
        """Return the market with the rows that a bar and those after it are made of.

        Parameters
        ----------
        bars : Bars
            Those known before.
        bar : int
            The first one wanted; the one after the last for those to come.
        at_ms : int
            Rows known by then. [UTC ms]
        """
        venue, symbol = self.instrument.venue, self.instrument.symbol
        opened = (
            int(bars.end_ms[-1])
            if bar == bars.size
            else int(bars.end_ms[bar] - bars.elapsed_ms[bar])
        )
        longest = self.rows.longest_interval_ms("klines", venue, symbol)
        start = opened - longest - _KLINE_REACH_MS

        def read(table: str, price_type: str | None = None) -> pl.DataFrame:
            return self.rows.read(
                table,
                venue=venue,
                symbol=symbol,
                start_ms=start,
                available_by_ms=at_ms,
                price_type=price_type,
            )

        terms = self.settle(at_ms) if self._settled is None else self._settled[1]
        return Market(
            instrument=self.instrument,
            at_ms=at_ms,
            open_interest=read("open_interest"),
            mark_klines=read("klines", "mark"),
            trade_klines=read("klines", "last"),
            funding=read("funding"),
            schedule=terms.schedule,
            rule=terms.rule,
            notes=terms.notes,
        )

    def earliest_told(self, after_ms: int, by_ms: int) -> int | None:
        """Return the earliest event time among rows of bars known in ``(after, by]``. [UTC ms]"""
        venue, symbol = self.instrument.venue, self.instrument.symbol
        told = [
            self.rows.earliest_told(table, venue, symbol, after_ms, by_ms) for table in BAR_TABLES
        ]
        return min((event for event in told if event is not None), default=None)

    def concerns(self, change: Change) -> bool:
        """Return whether a change is of rows that ladders of this market are built from."""
        own = (change.venue, change.symbol) == (self.instrument.venue, self.instrument.symbol)
        return own and change.table in (*BAR_TABLES, "leverage_brackets")


def bars_after(
    source: MarketRows, held: Bars, first: int, at_ms: int, *, punctually: bool
) -> tuple[Bars, Market]:
    """Return bars from one on, as of a moment, those not held yet included.

    Parameters
    ----------
    source : MarketRows
    held : Bars
        Those known before.
    first : int
        The first one wanted.
    at_ms : int
        Rows known by then. [UTC ms]
    punctually : bool
        Whether of rows that were told in time alone.

    Returns
    -------
    bars : Bars
    market : Market
        The rows that they are made of.

    Raises
    ------
    NoDataError
        If there is none.
    """
    opened = (
        int(held.end_ms[-1])
        if first == held.size
        else int(held.end_ms[first] - held.elapsed_ms[first])
    )
    market = source.tail(held, first, at_ms)
    market = punctual(market) if punctually else market
    found = _after(bars_of(market), opened)
    if np.isin(found.volume_source, _FROM_HISTORY).any():
        # The mean turnover of a month is summed from the beginning of history.
        market = source.whole(at_ms)
        market = punctual(market) if punctually else market
        found = _after(bars_of(market), opened)
    return found, market


def _after(bars: Bars, opened_ms: int) -> Bars:
    return bars.cut(int(np.searchsorted(bars.end_ms, opened_ms, side="right")), bars.size)


def bars_of(market: Market) -> Bars:
    """Return the bars that a market's rows make."""
    return build_bars(market.open_interest, market.mark_klines, market.trade_klines, market.funding)
