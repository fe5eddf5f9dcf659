"""The past of a bridged exchange as pieces: spans that a few requests cover.

In:  a table, an instrument, a span of time. [UTC ms]   Out: `Piece` values; nothing is asked yet.
Free of the clock: what counts as past is an argument.

ccxt asks with ``since``, ``limit`` and, where it can, ``until``, and not every exchange heeds them
all. So pages are small, whatever lies outside the span is passed over, and the next page begins
after what came: an exchange that tells only its latest leaves a gap, never a wrong row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS
from forcedflow.venues.asked import Asked, asked_before
from forcedflow.venues.base import Rows
from forcedflow.venues.ccxt_bridge.exchange import CcxtExchange
from forcedflow.venues.ccxt_bridge.parse import parse_bars, parse_past_interest, parse_settlements
from forcedflow.venues.ccxt_bridge.spec import (
    BAR_NAMES,
    INTEREST_BAR_MS,
    PRICE_METHODS,
    PriceType,
    bar_name,
    coins_per_unit,
    units_of,
)
from forcedflow.venues.connector import Http, Piece
from forcedflow.venues.day_pieces import DayPieces
from forcedflow.venues.row_buffer import RowBuffer

PAGE_ROWS: Final = 200
"""Rows asked for at once: what nearly all exchanges give."""

_FUNDING_DAYS: Final = 30
_INTEREST_DAYS: Final = 8

_Read: TypeAlias = Callable[[Asked, RowBuffer], None]


@dataclass(frozen=True, slots=True)
class History:
    """The past of one instrument.

    Parameters
    ----------
    http : Http
    exchange : CcxtExchange
    instrument : Instrument
    now_ms : int
        Local clock. [UTC ms]
    """

    http: Http
    exchange: CcxtExchange
    instrument: Instrument
    now_ms: int

    def pieces(self, table: str, start_ms: int, end_ms: int, interval_ms: int) -> tuple[Piece, ...]:
        """Return what to ask for to hold the event times ``[start_ms, end_ms)`` of a table.

        A table that the exchange does not have gives none.

        Parameters
        ----------
        table : str
            Name of a declared table.
        start_ms, end_ms : int
            [UTC ms]
        interval_ms : int
            Length of price bars. [ms]

        Raises
        ------
        UsageError
            If the exchange has no bars of that length.
        """
        span = (start_ms, min(end_ms, self.now_ms))
        if span[0] >= span[1]:
            return ()
        has = self.exchange.has
        if table == "klines":
            return tuple(
                piece
                for price_type, (ability, _) in PRICE_METHODS.items()
                if has.get(ability)
                for piece in self._bars(price_type, interval_ms, *span)
            )
        if table == "funding" and has.get("fetchFundingRateHistory"):
            return tuple(
                self._cut.grid(
                    table, "funding", _FUNDING_DAYS, span, partial(self._rows, self._read_funding)
                )
            )
        if table == "open_interest" and has.get("fetchOpenInterestHistory"):
            read = self._read_interest
            return tuple(
                self._cut.grid(
                    table, "open-interest", _INTEREST_DAYS, span, partial(self._rows, read)
                )
            )
        return ()

    def _bars(
        self, price_type: PriceType, interval_ms: int, start_ms: int, end_ms: int
    ) -> Iterator[Piece]:
        name = bar_name(self.exchange.venue, interval_ms, self.exchange.bars)
        days = max(1, PAGE_ROWS * interval_ms // DAY_MS)
        read = partial(self._read_bars, price_type, interval_ms)
        endpoint = f"ohlcv-{price_type}-{name}"
        remarks = self._remarks if price_type == "last" else None
        yield from self._cut.grid(
            "klines", endpoint, days, (start_ms, end_ms), partial(self._rows, read), remarks
        )

    def _remarks(self) -> tuple[str, ...]:
        unit = units_of(self.exchange.id).volume
        if coins_per_unit(unit, self.instrument.contract_size) is not None:
            return ()
        problem = "whether ccxt gives it in coins or contracts is not known"
        said = f"{self.exchange.venue}: volume of {self.instrument.symbol} is left out: {problem}"
        return (said,)

    @property
    def _cut(self) -> DayPieces:
        return DayPieces(f"ccxt/{self.instrument.symbol}", self.now_ms)

    def _rows(self, read: _Read, start_ms: int, end_ms: int) -> Rows:
        rows = RowBuffer(self.exchange.venue)
        read(asked_before(self.instrument, start_ms, end_ms, self.now_ms), rows)
        return rows.take()

    def _read_bars(
        self, price_type: PriceType, interval_ms: int, asked: Asked, rows: RowBuffer
    ) -> None:
        method, name = PRICE_METHODS[price_type][1], BAR_NAMES[interval_ms]
        # Counted by their starts; the last one asked for ends before the span does.
        first_ms, last_ms = asked.start_ms - interval_ms, asked.end_ms - interval_ms
        while first_ms < last_ms:
            until_ms = min(first_ms + PAGE_ROWS * interval_ms, last_ms)
            limit = -(-(until_ms - first_ms) // interval_ms)
            page = self._ask(method, name, first_ms, limit, until_ms)
            latest_ms = parse_bars(page, asked, price_type, interval_ms, rows)
            came = latest_ms is not None and first_ms <= latest_ms < until_ms
            first_ms = latest_ms + interval_ms if came and latest_ms is not None else until_ms

    def _read_funding(self, asked: Asked, rows: RowBuffer) -> None:
        # The settlement before the first tells how long the first one's interval was.
        first_ms = asked.start_ms - DAY_MS
        while first_ms < asked.end_ms:
            page = self._ask("fetch_funding_rate_history", None, first_ms, PAGE_ROWS, asked.end_ms)
            latest_ms = parse_settlements(page, asked, rows)
            if latest_ms is None or latest_ms < first_ms:
                return
            first_ms = latest_ms + 1

    def _read_interest(self, asked: Asked, rows: RowBuffer) -> None:
        first_ms, name = asked.start_ms, BAR_NAMES[INTEREST_BAR_MS]
        while first_ms < asked.end_ms:
            page = self._ask("fetch_open_interest_history", name, first_ms, PAGE_ROWS, asked.end_ms)
            latest_ms = parse_past_interest(page, asked, INTEREST_BAR_MS, rows)
            if latest_ms is None or latest_ms < first_ms:
                return
            first_ms = latest_ms + 1

    def _ask(self, method: str, bar: str | None, since_ms: int, limit: int, until_ms: int) -> bytes:
        head = (self.instrument.symbol,) if bar is None else (self.instrument.symbol, bar)
        end = {"until": until_ms - 1} if self.exchange.takes_end(method) else {}
        return self.exchange.ask(self.http, method, *head, since_ms, limit, end)
