"""Gate's past as pieces: months of its archive, and spans that one or a few requests cover.

In:  a table, an instrument, a span of time. [UTC ms]   Out: `Piece` values; nothing is asked yet.
Free of parsing and of the clock: what counts as past is an argument.

Pieces over HTTP lie on a grid that starts at 1970, so that two plans meet, and are as long as
their pages are well filled. The one under way ends now and may still change; it is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from forcedflow.errors import NotThereError, VenueError
from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS
from forcedflow.venues.asked import Asked, asked_before
from forcedflow.venues.base import Rows
from forcedflow.venues.connector import Http, Piece
from forcedflow.venues.day_pieces import DayPieces, day_of
from forcedflow.venues.gate import rest
from forcedflow.venues.gate.archive import Dataset, archive_pieces, datasets_of
from forcedflow.venues.gate.parse_history import (
    parse_bars,
    parse_funding,
    parse_statistics,
    parse_trade_seconds,
    parse_trades,
)
from forcedflow.venues.gate.parse_listing import parse_risk_limits
from forcedflow.venues.gate.spec import PRICE_PREFIXES, STATISTICS_MS, VENUE, PriceType, bar_name
from forcedflow.venues.row_buffer import RowBuffer

# 288 five-minute statistics on three pages of 100.
_STATISTICS_DAYS: Final = 1
# With the day before, 31 × 24 settlements at most: one page of 1000.
_FUNDING_DAYS: Final = 30

_STATISTICS_TABLES: Final = ("open_interest", "long_short_ratio", "liquidation_totals")

# What the venue says of bars that it holds no more over HTTP: 10,000 of each length.
_TOO_LONG_AGO: Final = "too long ago"

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
    archive : str
        Where its public files are.
    instrument : Instrument
    now_ms : int
        Local clock. [UTC ms]
    """

    http: Http
    root: str
    archive: str
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
        found = [
            piece
            for dataset in datasets_of(table, interval_ms)
            for piece in archive_pieces(
                self.http,
                self.archive,
                self.instrument,
                dataset,
                *span,
                self.now_ms,
                partial(self._instead, dataset),
            )
        ]
        if table == "klines":
            archived = {dataset.price_type for dataset in datasets_of(table, interval_ms)}
            for price_type in PRICE_PREFIXES:
                if price_type not in archived:
                    found += self._bars(price_type, interval_ms, *span)
        elif table in _STATISTICS_TABLES:
            read = partial(self._read_statistics, table)
            found += self._cut.grid(
                table, f"contract_stats-{table}", _STATISTICS_DAYS, span, partial(self._rows, read)
            )
        elif table == "leverage_brackets":
            found += self._cut.today(
                "leverage_brackets",
                "risk_limit_tiers",
                span,
                partial(self._rows, self._read_brackets),
            )
        return tuple(found)

    def trades_between(self, start_ms: int, end_ms: int) -> Rows:
        """Ask for the trades of ``[start_ms, end_ms)``. [UTC ms]"""
        return self._rows(self._read_trades, start_ms, end_ms)

    def _instead(self, dataset: Dataset, start_ms: int, end_ms: int) -> tuple[Piece, ...]:
        if dataset.table == "klines":
            return tuple(self._bars("last", dataset.interval_ms, start_ms, end_ms))
        if dataset.table == "funding":
            span = (start_ms, end_ms)
            read = self._read_funding
            return tuple(
                self._cut.grid(
                    "funding", "funding_rate", _FUNDING_DAYS, span, partial(self._rows, read)
                )
            )
        return tuple(
            self._cut.grid(
                "trades", "trades", 1, (start_ms, end_ms), partial(self._rows, self._read_trade_day)
            )
        )

    def _bars(
        self, price_type: PriceType, interval_ms: int, start_ms: int, end_ms: int
    ) -> Iterator[Piece]:
        days = max(1, rest.BARS_A_PAGE * interval_ms // DAY_MS)
        name = f"candlesticks-{price_type}-{bar_name(interval_ms)}"
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
        try:
            for page in rest.get_bars(
                self.http, self.root, price_type, self.instrument, interval_ms, *span
            ):
                parse_bars(page, asked, price_type, interval_ms, rows)
        except VenueError as error:
            if _TOO_LONG_AGO in error.problem:
                raise NotThereError(VENUE, error.problem) from error
            raise

    def _read_statistics(self, table: str, asked: Asked, rows: RowBuffer) -> None:
        # Asked for by their starts, kept by their ends.
        span = (asked.start_ms - STATISTICS_MS, asked.end_ms - STATISTICS_MS)
        for page in rest.get_statistics(self.http, self.root, self.instrument, *span):
            parse_statistics(page, asked, table, rows)

    def _read_funding(self, asked: Asked, rows: RowBuffer) -> None:
        # The settlement before the first tells how long the first one's interval was.
        span = (asked.start_ms - DAY_MS, asked.end_ms)
        parse_funding(rest.get_funding(self.http, self.root, self.instrument, *span), asked, rows)

    def _read_trades(self, asked: Asked, rows: RowBuffer) -> None:
        span = (asked.start_ms, asked.end_ms)
        for page in rest.get_trades(
            self.http, self.root, self.instrument, *span, parse_trade_seconds
        ):
            parse_trades(page, asked, rows)

    def _read_trade_day(self, asked: Asked, rows: RowBuffer) -> None:
        self._read_trades(asked, rows)
        if not len(rows) and asked.end_ms <= self.now_ms - DAY_MS:
            raise NotThereError(
                VENUE, f"{self.instrument.symbol}: no trades told of {day_of(asked.start_ms)}"
            )

    def _read_brackets(self, asked: Asked, rows: RowBuffer) -> None:
        page = rest.get_risk_limits(self.http, self.root, self.instrument)
        parse_risk_limits(page, asked, rows)
