"""OKX's past over HTTP as pieces: spans of whole days that one or a few requests cover.

In:  a table, an instrument, a span of time. [UTC ms]   Out: `Piece` values; nothing is asked yet.
Free of parsing and of the clock: what counts as past is an argument.

Pieces lie on a grid that starts at 1970, so that two plans meet, and are as long as their pages
are well filled. The one under way ends now and may still change; it is asked for again. Statistics
reach back five days and settlements three months: before that nothing is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeAlias

from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS
from forcedflow.venues.base import PRECEDENCE_REST, Rows
from forcedflow.venues.connector import Http, Piece
from forcedflow.venues.day_pieces import DayPieces, day_of
from forcedflow.venues.okx import rest
from forcedflow.venues.okx.parse import Asked
from forcedflow.venues.okx.parse_history import (
    parse_account_ratio,
    parse_funding,
    parse_klines,
    parse_open_interest,
    parse_reference_klines,
    parse_trades,
)
from forcedflow.venues.okx.parse_listing import parse_position_tiers
from forcedflow.venues.okx.spec import (
    FUNDING_REACH_MS,
    REFERENCE_ENDPOINTS,
    STATISTICS_REACH_MS,
    VENUE,
    BarEndpoint,
    ReferencePrice,
    bar_name,
)
from forcedflow.venues.row_buffer import RowBuffer

# 288 five-minute values on three pages of 100.
_STATISTICS_DAYS: Final = 1
# With the day before, 4 × 24 settlements at most: one page of 100.
_FUNDING_DAYS: Final = 3

# With the first five hundred, four and a half thousand trades.
_TRADE_PAGES: Final = 40

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
        if table == "klines":
            return tuple(self._klines(span, interval_ms))
        if table == "trades":
            return tuple(self._latest_trades(span))
        if self.instrument.kind == "spot":
            return ()
        if table == "leverage_brackets":
            return tuple(
                self._cut.today(
                    "leverage_brackets",
                    "position-tiers",
                    span,
                    partial(self._rows, self._read_brackets),
                )
            )
        return tuple(self._statistics(table, span))

    def _statistics(self, table: str, span: tuple[int, int]) -> Iterator[Piece]:
        recent = (max(span[0], self.now_ms - STATISTICS_REACH_MS), span[1])
        if table == "open_interest":
            read = self._read_open_interest
            yield from self._cut.grid(
                table, "open-interest", _STATISTICS_DAYS, recent, partial(self._rows, read)
            )
        elif table == "long_short_ratio":
            read = self._read_account_ratio
            yield from self._cut.grid(
                table, "account-ratio", _STATISTICS_DAYS, recent, partial(self._rows, read)
            )
        elif table == "funding":
            told = (max(span[0], self.now_ms - FUNDING_REACH_MS), span[1])
            yield from self._cut.grid(
                table, "funding", _FUNDING_DAYS, told, partial(self._rows, self._read_funding)
            )

    def _klines(self, span: tuple[int, int], interval_ms: int) -> Iterator[Piece]:
        name = bar_name(interval_ms)
        read: _Read = partial(self._read_klines, interval_ms)
        days = self._bar_days("candles", interval_ms)
        yield from self._cut.grid(
            "klines", f"candles-{name}", days, span, partial(self._rows, read)
        )
        if self.instrument.kind != "spot":
            for price_type, endpoint in REFERENCE_ENDPOINTS.items():
                read = partial(self._read_reference_klines, interval_ms, price_type)
                days = self._bar_days(endpoint, interval_ms)
                yield from self._cut.grid(
                    "klines", f"{endpoint}-{name}", days, span, partial(self._rows, read)
                )

    def _bar_days(self, endpoint: BarEndpoint, interval_ms: int) -> int:
        return max(1, rest.BARS_A_PAGE[endpoint] * interval_ms // DAY_MS)

    def _latest_trades(self, span: tuple[int, int]) -> Iterator[Piece]:
        # Of a day long over its file has all; paging back to it by ids would take thousands.
        if not self._cut.is_settled(span[1]):
            asked = Asked(self.instrument, *span, PRECEDENCE_REST)
            latest = LatestTrades(self.http, self.root, asked)
            yield Piece(
                name=self._cut.name("trades", day_of(span[0])),
                tables=frozenset({"trades"}),
                start_ms=span[0],
                end_ms=span[1],
                read=latest.read,
                lasting=False,
                remarks=latest.remarks,
            )

    @property
    def _cut(self) -> DayPieces:
        return DayPieces(f"rest/{self.instrument.venue_symbol}", self.now_ms)

    def _rows(self, read: _Read, start_ms: int, end_ms: int) -> Rows:
        rows = RowBuffer(VENUE)
        read(Asked(self.instrument, start_ms, end_ms, PRECEDENCE_REST), rows)
        return rows.take()

    def _read_klines(self, interval_ms: int, asked: Asked, rows: RowBuffer) -> None:
        span = (asked.start_ms, asked.end_ms)
        for page in rest.get_klines(
            self.http, self.root, "candles", self.instrument, interval_ms, *span
        ):
            parse_klines(page, asked, interval_ms, rows)

    def _read_reference_klines(
        self, interval_ms: int, price_type: ReferencePrice, asked: Asked, rows: RowBuffer
    ) -> None:
        endpoint = REFERENCE_ENDPOINTS[price_type]
        span = (asked.start_ms, asked.end_ms)
        for page in rest.get_klines(
            self.http, self.root, endpoint, self.instrument, interval_ms, *span
        ):
            parse_reference_klines(page, asked, price_type, interval_ms, rows)

    def _read_open_interest(self, asked: Asked, rows: RowBuffer) -> None:
        span = (asked.start_ms, asked.end_ms)
        for page in rest.get_open_interest(self.http, self.root, self.instrument, *span):
            parse_open_interest(page, asked, rows)

    def _read_funding(self, asked: Asked, rows: RowBuffer) -> None:
        # The settlement before the first tells how long the first one's interval was.
        start_ms = asked.start_ms - DAY_MS
        page = rest.get_funding(self.http, self.root, self.instrument, start_ms, asked.end_ms)
        parse_funding(page, asked, rows)

    def _read_account_ratio(self, asked: Asked, rows: RowBuffer) -> None:
        span = (asked.start_ms, asked.end_ms)
        for page in rest.get_account_ratio(self.http, self.root, self.instrument, *span):
            parse_account_ratio(page, asked, rows)

    def _read_brackets(self, asked: Asked, rows: RowBuffer) -> None:
        page = rest.get_position_tiers(self.http, self.root, self.instrument)
        parse_position_tiers(page, self.instrument, asked.precedence, rows)


@dataclass(slots=True)
class LatestTrades:
    """The last trades, and how far back they go.

    Parameters
    ----------
    http : Http
    root : str
        Where the venue answers.
    asked : Asked
        Whose, and of which span.
    first_ms : int, optional
        When the oldest that was read happened. [UTC ms]
    """

    http: Http
    root: str
    asked: Asked
    first_ms: int | None = None
    _oldest: str = ""

    def read(self) -> Rows:
        """Return the trades of the span, as far back as a few thousand of them reach."""
        rows = RowBuffer(VENUE)
        self.first_ms, self._oldest = None, ""
        instrument = self.asked.instrument
        for page in rest.get_trades(
            self.http, self.root, instrument, lambda _: self._oldest, _TRADE_PAGES
        ):
            found = parse_trades(page, self.asked, rows)
            if found is None:
                break
            self.first_ms, self._oldest = found
            if self.first_ms < self.asked.start_ms:
                break
        return rows.take()

    @property
    def is_whole(self) -> bool:
        """Whether what was read reaches back to the span's beginning."""
        return self.first_ms is not None and self.first_ms <= self.asked.start_ms

    def remarks(self) -> tuple[str, ...]:
        """Return what is missing of the span, if anything."""
        if self.is_whole:
            return ()
        since = "none" if self.first_ms is None else f"those since {_time(self.first_ms)}"
        remark = (
            f"{VENUE} {self.asked.instrument.symbol}: of trades from "
            f"{_time(self.asked.start_ms)} on only the last were asked for, {since}; "
            "the whole day follows in its files"
        )
        return (remark,)


def _time(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="seconds")
