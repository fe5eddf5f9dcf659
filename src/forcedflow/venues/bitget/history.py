"""Bitget's past over HTTP as pieces: spans of whole days that one or a few requests cover.

In:  a table, an instrument, a span of time. [UTC ms]   Out: `Piece` values; nothing is asked yet.
Free of parsing and of the clock: what counts as past is an argument.

Pieces of bars and trades lie on a grid that starts at 1970, so that two plans meet. Settlements are
told from the newest back and cannot be asked for by time, so one piece holds all that are wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

import polars as pl

from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS
from forcedflow.venues.asked import Asked, asked_before
from forcedflow.venues.base import Rows
from forcedflow.venues.bitget import rest
from forcedflow.venues.bitget.parse_history import parse_funding, parse_klines, parse_trades
from forcedflow.venues.bitget.parse_listing import parse_position_tiers
from forcedflow.venues.bitget.spec import TRADES_REACH_MS, VENUE, BarPrice, bar_name, product
from forcedflow.venues.connector import Http, Piece
from forcedflow.venues.day_pieces import DayPieces, day_of
from forcedflow.venues.row_buffer import RowBuffer

# A hundred settlements each: eighteen years of every eight hours.
_FUNDING_PAGES: Final = 200

# Asks for a span, and adds the rows that are wanted of it.
_Read: TypeAlias = Callable[[Asked, RowBuffer], None]


@dataclass(frozen=True, slots=True)
class History:
    """The past of one instrument.

    Parameters
    ----------
    http : Http
    root : str
        Where the venue answers.
    instrument : Instrument
    now_ms : int
        Local clock. [UTC ms]
    """

    http: Http
    root: str
    instrument: Instrument
    now_ms: int

    def pieces(self, table: str, start_ms: int, end_ms: int, interval_ms: int) -> tuple[Piece, ...]:
        """Return what to ask for to hold the event times ``[start_ms, end_ms)`` of a table.

        A table that the instrument does not have gives none.

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
            If the venue has no bars of that length.
        """
        span = (start_ms, min(end_ms, self.now_ms))
        if span[0] >= span[1]:
            return ()
        is_spot = self.instrument.kind == "spot"
        found: Iterator[Piece] = iter(())
        match table:
            case "klines":
                found = self._klines(span, interval_ms)
            case "trades":
                found = self._trades(span)
            case "funding" if not is_spot:
                found = iter((self._funding(span),))
            case "leverage_brackets" if not is_spot:
                found = self._cut.today(
                    "leverage_brackets",
                    "query-position-lever",
                    span,
                    partial(self._rows, self._read_brackets),
                )
        return tuple(found)

    def trades_between(self, start_ms: int, end_ms: int) -> Rows:
        """Ask for the trades of ``[start_ms, end_ms)``, page by page from the newest back.

        Raises
        ------
        VenueError
            If the venue refuses.
        FrameError
            If its reply is not what it should be.
        """
        asked = asked_before(self.instrument, start_ms, end_ms, self.now_ms)
        parts: list[pl.DataFrame] = []
        before = ""

        def oldest(page: bytes) -> str:
            nonlocal before
            rows = RowBuffer(VENUE)
            found = parse_trades(page, asked, rows)
            parts.extend(rows.take().values())
            if found is None or found[0] < start_ms or found[1] == before:
                return ""
            before = found[1]
            return before

        # Each page becomes a frame as it comes: a day may hold a million trades.
        for _ in rest.get_trades(self.http, self.root, self.instrument, start_ms, end_ms, oldest):
            pass
        return {"trades": pl.concat(parts)} if parts else {}

    def _klines(self, span: tuple[int, int], interval_ms: int) -> Iterator[Piece]:
        prices: tuple[BarPrice, ...] = ("last", "mark", "index")
        days = max(1, rest.BARS_A_PAGE * interval_ms // DAY_MS)
        for price in prices[:1] if self.instrument.kind == "spot" else prices:
            read = partial(self._rows, partial(self._read_klines, interval_ms, price))
            name = f"{price}-candles-{bar_name(interval_ms)}"
            yield from self._cut.grid("klines", name, days, span, read)

    def _trades(self, span: tuple[int, int]) -> Iterator[Piece]:
        told_from = self.now_ms - TRADES_REACH_MS
        # The day in which what is told begins is not told whole.
        told_from += -told_from % DAY_MS
        told = (max(span[0], told_from), span[1])
        return self._cut.grid("trades", "fills-history", 1, told, self.trades_between)

    def _funding(self, span: tuple[int, int]) -> Piece:
        first = span[0] - span[0] % DAY_MS
        last = min(span[1] + -span[1] % DAY_MS, self.now_ms)
        return Piece(
            name=self._cut.name("history-fund-rate", f"{day_of(first)}..{day_of(last)}"),
            tables=frozenset({"funding"}),
            start_ms=first,
            end_ms=last,
            read=partial(self._rows, self._read_funding, first, last),
            lasting=self._cut.is_settled(last),
        )

    @property
    def _cut(self) -> DayPieces:
        return DayPieces(
            f"rest/{product(self.instrument).lower()}/{self.instrument.venue_symbol}", self.now_ms
        )

    def _rows(self, read: _Read, start_ms: int, end_ms: int) -> Rows:
        rows = RowBuffer(VENUE)
        read(asked_before(self.instrument, start_ms, end_ms, self.now_ms), rows)
        return rows.take()

    def _read_klines(
        self, interval_ms: int, price: BarPrice, asked: Asked, rows: RowBuffer
    ) -> None:
        span = (asked.start_ms, asked.end_ms)
        for page in rest.get_klines(
            self.http, self.root, price, self.instrument, interval_ms, *span
        ):
            parse_klines(page, asked, price, interval_ms, rows)

    def _read_funding(self, asked: Asked, rows: RowBuffer) -> None:
        def is_enough(page: bytes) -> bool:
            oldest = parse_funding(page, asked, rows)
            return oldest is None or oldest < asked.start_ms

        for _ in rest.get_funding(self.http, self.root, self.instrument, is_enough, _FUNDING_PAGES):
            pass

    def _read_brackets(self, asked: Asked, rows: RowBuffer) -> None:
        page = rest.get_position_tiers(self.http, self.root, self.instrument)
        parse_position_tiers(page, self.instrument, asked.precedence, rows)
