"""KuCoin's past over HTTP as pieces: spans of whole days that one or a few requests cover.

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
from forcedflow.venues.connector import Endpoints, Http, Piece
from forcedflow.venues.day_pieces import DayPieces, day_of
from forcedflow.venues.kucoin import rest
from forcedflow.venues.kucoin.parse_history import (
    Asked,
    parse_funding,
    parse_klines,
    parse_open_interest,
    parse_recent_trades,
    parse_reference_klines,
)
from forcedflow.venues.kucoin.parse_listing import parse_risk_limits
from forcedflow.venues.kucoin.spec import VENUE, ReferencePrice, bar_name
from forcedflow.venues.row_buffer import RowBuffer

# 576 five-minute values on three pages of 200.
_INTEREST_DAYS: Final = 2
# With the day before, 4 × 24 settlements at most: one page of 100.
_FUNDING_DAYS: Final = 3

_REFERENCES: Final[tuple[ReferencePrice, ...]] = ("mark", "index")

# Asks for a span, and adds the rows that are wanted of it.
_Read: TypeAlias = Callable[[Asked, RowBuffer], None]


@dataclass(frozen=True, slots=True)
class History:
    """The past of one instrument.

    Parameters
    ----------
    http : Http
    endpoints : Endpoints
    instrument : Instrument
    now_ms : int
        Local clock. [UTC ms]
    """

    http: Http
    endpoints: Endpoints
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
        found: Iterator[Piece] = iter(())
        match table:
            case "klines":
                return (
                    *self.last_bars(*span, interval_ms),
                    *(bar for kind in _REFERENCES for bar in self.bars(kind, *span, interval_ms)),
                )
            case "trades":
                found = self._recent_trades(span)
            case "leverage_brackets":
                found = self._cut.today(
                    "leverage_brackets",
                    "risk-limit",
                    span,
                    partial(self._rows, self._read_brackets),
                )
            case "open_interest":
                read = self._read_open_interest
                found = self._cut.grid(
                    table, "open-interest", _INTEREST_DAYS, span, partial(self._rows, read)
                )
            case "funding":
                found = self._cut.grid(
                    table,
                    "funding-rates",
                    _FUNDING_DAYS,
                    span,
                    partial(self._rows, self._read_funding),
                )
        return tuple(found)

    def last_bars(self, start_ms: int, end_ms: int, interval_ms: int) -> tuple[Piece, ...]:
        """Return what to ask for to hold bars of the last price.

        Raises
        ------
        UsageError
            If the venue has no bars of that length.
        """
        days = max(1, rest.BARS_A_PAGE * interval_ms // DAY_MS)
        endpoint = f"kline-{bar_name(interval_ms)}"
        read: _Read = partial(self._read_klines, interval_ms)
        span = (start_ms, min(end_ms, self.now_ms))
        return tuple(self._cut.grid("klines", endpoint, days, span, partial(self._rows, read)))

    def bars(
        self, price_type: ReferencePrice, start_ms: int, end_ms: int, interval_ms: int
    ) -> tuple[Piece, ...]:
        """Return what to ask for to hold bars of the mark or index price.

        Raises
        ------
        UsageError
            If the venue has no bars of that length.
        """
        days = max(1, rest.BARS_A_PAGE * interval_ms // DAY_MS)
        endpoint = f"{price_type}-price-kline-{bar_name(interval_ms)}"
        read: _Read = partial(self._read_reference_klines, interval_ms, price_type)
        span = (start_ms, min(end_ms, self.now_ms))
        return tuple(self._cut.grid("klines", endpoint, days, span, partial(self._rows, read)))

    def _recent_trades(self, span: tuple[int, int]) -> Iterator[Piece]:
        # The venue tells its last hundred trades and no more: nothing of a day long over.
        if not self._cut.is_settled(span[1]):
            asked = Asked(self.instrument, *span, self.now_ms, PRECEDENCE_REST)
            latest = _LatestTrades(self.http, self.endpoints.rest, asked)
            yield Piece(
                name=self._cut.name("trade-history", day_of(span[0])),
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
        read(Asked(self.instrument, start_ms, end_ms, self.now_ms, PRECEDENCE_REST), rows)
        return rows.take()

    def _read_klines(self, interval_ms: int, asked: Asked, rows: RowBuffer) -> None:
        span = (asked.start_ms, asked.end_ms)
        root = self.endpoints.rest
        for page in rest.get_klines(self.http, root, self.instrument, interval_ms, *span):
            parse_klines(page, asked, interval_ms, rows)

    def _read_reference_klines(
        self, interval_ms: int, price_type: ReferencePrice, asked: Asked, rows: RowBuffer
    ) -> None:
        span = (asked.start_ms, asked.end_ms)
        for page in rest.get_reference_klines(
            self.http, self._unified, price_type, self.instrument, interval_ms, *span
        ):
            parse_reference_klines(page, asked, price_type, interval_ms, rows)

    def _read_open_interest(self, asked: Asked, rows: RowBuffer) -> None:
        span = (asked.start_ms, asked.end_ms)
        for page in rest.get_open_interest(self.http, self._unified, self.instrument, *span):
            parse_open_interest(page, asked, rows)

    def _read_funding(self, asked: Asked, rows: RowBuffer) -> None:
        # The settlement before the first tells how long the first one's interval was.
        start_ms = asked.start_ms - DAY_MS
        root = self.endpoints.rest
        page = rest.get_funding(self.http, root, self.instrument, start_ms, asked.end_ms)
        parse_funding(page, asked, rows)

    def _read_brackets(self, asked: Asked, rows: RowBuffer) -> None:
        page = rest.get_risk_limits(self.http, self.endpoints.rest, self.instrument)
        parse_risk_limits(page, self.instrument, self.now_ms, asked.precedence, rows)

    @property
    def _unified(self) -> str:
        return self.endpoints.others["unified"]


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
                f"{_time(self.asked.start_ms)} on only the last hundred are told, {since}; "
                "the whole day follows in its archive"
            )
        return rows.take()

    def remarks(self) -> tuple[str, ...]:
        return (self.remark,) if self.remark else ()


def _time(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="seconds")
