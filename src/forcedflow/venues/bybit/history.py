"""Bybit's past as pieces: spans of whole days that one or a few requests cover.

In:  a table, an instrument, a span of time. [UTC ms]   Out: `Piece` values; nothing is asked yet.
Free of parsing and of the clock: what counts as past is an argument.

Pieces lie on a grid that starts at 1970, so that two plans meet, and are as long as their pages
are well filled. The one under way ends now and may still change; it is asked for again.
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
from forcedflow.venues.bybit import rest
from forcedflow.venues.bybit.parse_history import (
    Asked,
    parse_account_ratio,
    parse_funding,
    parse_klines,
    parse_mark_opens,
    parse_open_interest,
    parse_recent_trades,
    parse_reference_klines,
)
from forcedflow.venues.bybit.parse_listing import parse_risk_limits
from forcedflow.venues.bybit.spec import (
    REFERENCE_ENDPOINTS,
    STATISTICS_MS,
    VENUE,
    BarEndpoint,
    ReferencePrice,
    bar_name,
    has_account_ratio,
)
from forcedflow.venues.connector import Http, Piece
from forcedflow.venues.day_pieces import DayPieces, day_of
from forcedflow.venues.row_buffer import RowBuffer

# 576 five-minute values on three pages of 200; 1440 on three of 500.
_INTEREST_DAYS: Final = 2
_RATIO_DAYS: Final = 5
# With the day before, 8 × 24 settlements at most: one page of 200.
_FUNDING_DAYS: Final = 7

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
            return tuple(self._recent_trades(span))
        if table == "leverage_brackets" and self.instrument.kind != "spot":
            return tuple(
                self._cut.today(
                    "leverage_brackets",
                    "risk-limit",
                    span,
                    partial(self._rows, self._read_brackets),
                )
            )
        return tuple(self._statistics(table, span))

    def _statistics(self, table: str, span: tuple[int, int]) -> Iterator[Piece]:
        if self.instrument.kind == "spot":
            return
        if table == "open_interest":
            read = self._read_open_interest
            yield from self._cut.grid(
                table, "open-interest", _INTEREST_DAYS, span, partial(self._rows, read)
            )
        elif table == "funding":
            yield from self._cut.grid(
                table, "funding", _FUNDING_DAYS, span, partial(self._rows, self._read_funding)
            )
        elif table == "long_short_ratio" and has_account_ratio(self.instrument):
            read = self._read_account_ratio
            yield from self._cut.grid(
                table, "account-ratio", _RATIO_DAYS, span, partial(self._rows, read)
            )

    def _klines(self, span: tuple[int, int], interval_ms: int) -> Iterator[Piece]:
        days = max(1, rest.BARS_A_PAGE * interval_ms // DAY_MS)
        name = bar_name(interval_ms)
        read: _Read = partial(self._read_klines, interval_ms)
        yield from self._cut.grid("klines", f"kline-{name}", days, span, partial(self._rows, read))
        if self.instrument.kind != "spot":
            for price_type in REFERENCE_ENDPOINTS:
                read = partial(self._read_reference_klines, interval_ms, price_type)
                endpoint = f"{REFERENCE_ENDPOINTS[price_type]}-{name}"
                yield from self._cut.grid("klines", endpoint, days, span, partial(self._rows, read))

    def _recent_trades(self, span: tuple[int, int]) -> Iterator[Piece]:
        # The venue tells its last thousand trades and no more: nothing of a day long over.
        if not self._cut.is_settled(span[1]):
            asked = Asked(self.instrument, *span, PRECEDENCE_REST)
            latest = _LatestTrades(self.http, self.root, asked)
            yield Piece(
                name=self._cut.name("recent-trade", day_of(span[0])),
                tables=frozenset({"trades"}),
                start_ms=span[0],
                end_ms=span[1],
                read=latest.read,
                lasting=False,
                remarks=latest.remarks,
            )

    @property
    def _cut(self) -> DayPieces:
        return DayPieces(f"rest/{self.instrument.kind}/{self.instrument.venue_symbol}", self.now_ms)

    def _rows(self, read: _Read, start_ms: int, end_ms: int) -> Rows:
        rows = RowBuffer(VENUE)
        read(Asked(self.instrument, start_ms, end_ms, PRECEDENCE_REST), rows)
        return rows.take()

    def _read_klines(self, interval_ms: int, asked: Asked, rows: RowBuffer) -> None:
        span = (asked.start_ms, asked.end_ms)
        for page in rest.get_klines(
            self.http, self.root, "kline", self.instrument, interval_ms, *span
        ):
            parse_klines(page, asked, interval_ms, rows)

    def _read_reference_klines(
        self, interval_ms: int, price_type: ReferencePrice, asked: Asked, rows: RowBuffer
    ) -> None:
        endpoint: BarEndpoint = REFERENCE_ENDPOINTS[price_type]
        span = (asked.start_ms, asked.end_ms)
        for page in rest.get_klines(
            self.http, self.root, endpoint, self.instrument, interval_ms, *span
        ):
            parse_reference_klines(page, asked, price_type, interval_ms, rows)

    def _read_open_interest(self, asked: Asked, rows: RowBuffer) -> None:
        span = (asked.start_ms, asked.end_ms)
        marks: dict[int, float] = {}
        if self.instrument.kind == "inverse":
            # A bar that starts at a moment opens with the mark of that moment.
            bars = (asked.start_ms + STATISTICS_MS, asked.end_ms + STATISTICS_MS)
            for page in rest.get_klines(
                self.http, self.root, "mark-price-kline", self.instrument, STATISTICS_MS, *bars
            ):
                marks |= parse_mark_opens(page)
        for page in rest.get_open_interest(self.http, self.root, self.instrument, *span):
            parse_open_interest(page, asked, marks, rows)

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
        page = rest.get_risk_limits(self.http, self.root, self.instrument)
        parse_risk_limits(page, self.instrument, asked.precedence, rows)


@dataclass(slots=True)
class _LatestTrades:
    """The last trades, and how far back they go."""

    http: Http
    root: str
    asked: Asked
    remark: str | None = None

    def read(self) -> Rows:
        rows = RowBuffer(VENUE)
        page = rest.get_recent_trades(self.http, self.root, self.asked.instrument)
        first_ms = parse_recent_trades(page, self.asked, rows)
        if first_ms is None or first_ms > self.asked.start_ms:
            since = "none" if first_ms is None else f"those since {_time(first_ms)}"
            self.remark = (
                f"{VENUE} {self.asked.instrument.symbol}: of trades from "
                f"{_time(self.asked.start_ms)} on only the last are told, {since}; "
                "the whole day follows in its archive"
            )
        return rows.take()

    def remarks(self) -> tuple[str, ...]:
        return (self.remark,) if self.remark else ()


def _time(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="seconds")
