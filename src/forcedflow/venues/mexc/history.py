"""MEXC's past as pieces: spans that one or a few requests cover. There is no archive.

In:  a table, an instrument, a span of time. [UTC ms]   Out: `Piece` values; nothing is asked yet.
Free of parsing and of the clock: what counts as past is an argument.

Pieces lie on a grid that starts at 1970, so that two plans meet, and are as long as their pages
are well filled. The one under way ends now and may still change; it is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from forcedflow.errors import VenueError
from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS
from forcedflow.venues.asked import Asked, asked_before
from forcedflow.venues.base import Rows
from forcedflow.venues.connector import Http, Piece
from forcedflow.venues.day_pieces import DayPieces
from forcedflow.venues.mexc import rest
from forcedflow.venues.mexc.parse_history import (
    parse_bars,
    parse_funding,
    parse_funding_page,
    parse_recent_trades,
)
from forcedflow.venues.mexc.parse_listing import parse_brackets
from forcedflow.venues.mexc.spec import PRICE_PATHS, VENUE, PriceType, bar_name
from forcedflow.venues.row_buffer import RowBuffer

# Settlements are told from the last one back, so a long piece costs no more than a short one.
_FUNDING_DAYS: Final = 90

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

        A table that the venue does not have gives none.

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
        if table == "klines":
            return tuple(
                piece
                for price_type in PRICE_PATHS
                for piece in self._bars(price_type, interval_ms, *span)
            )
        if table == "funding":
            return tuple(
                self._cut.grid(
                    table,
                    "funding_rate",
                    _FUNDING_DAYS,
                    span,
                    partial(self._rows, self._read_funding),
                )
            )
        if table == "leverage_brackets":
            return tuple(
                self._cut.today(
                    "leverage_brackets", "brackets", span, partial(self._rows, self._read_brackets)
                )
            )
        return ()

    def trades_between(self, start_ms: int, end_ms: int) -> Rows:
        """Ask for the trades of ``[start_ms, end_ms)``. [UTC ms]"""
        return self._rows(self._read_trades, start_ms, end_ms)

    def _bars(
        self, price_type: PriceType, interval_ms: int, start_ms: int, end_ms: int
    ) -> Iterator[Piece]:
        days = max(1, rest.BARS_A_PAGE * interval_ms // DAY_MS)
        name = f"kline-{price_type}-{bar_name(interval_ms)}"
        read = partial(self._read_bars, price_type, interval_ms)
        yield from self._cut.grid(
            "klines", name, days, (start_ms, end_ms), partial(self._rows, read)
        )

    @property
    def _cut(self) -> DayPieces:
        return DayPieces(f"rest/{self.instrument.venue_symbol}", self.now_ms)

    def _rows(self, read: _Read, start_ms: int, end_ms: int) -> Rows:
        rows = RowBuffer(VENUE)
        read(asked_before(self.instrument, start_ms, end_ms, self.now_ms), rows)
        if self.instrument.tick_size is None and len(rows):
            # Known by its name alone, after the list of contracts could not be had: how many coins
            # a contract is, nobody told.
            problem = f"{self.instrument.symbol}: its contract's size is not known; ask again"
            raise VenueError(VENUE, problem)
        return rows.take()

    def _read_bars(
        self, price_type: PriceType, interval_ms: int, asked: Asked, rows: RowBuffer
    ) -> None:
        span = (asked.start_ms, asked.end_ms)
        for page in rest.get_bars(
            self.http, self.root, price_type, self.instrument, interval_ms, *span
        ):
            parse_bars(page, asked, price_type, interval_ms, rows)

    def _read_funding(self, asked: Asked, rows: RowBuffer) -> None:
        # The settlement before the first tells how long the first one's interval was.
        start_ms = asked.start_ms - DAY_MS
        pages = rest.get_funding(
            self.http, self.root, self.instrument, start_ms, parse_funding_page
        )
        parse_funding(list(pages), asked, rows)

    def _read_trades(self, asked: Asked, rows: RowBuffer) -> None:
        page = rest.get_recent_trades(self.http, self.root, self.instrument)
        parse_recent_trades(page, asked, rows)

    def _read_brackets(self, asked: Asked, rows: RowBuffer) -> None:
        parse_brackets(rest.get_brackets(self.http, self.root, self.instrument), asked, rows)
