"""The past of Binance over HTTP, a whole UTC day or month at a time.

In:  a table, a contract, a span of days.   Out: pieces that ask and parse when they are read.
Free of the clock: the present is given, and what ends after it can still change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

import polars as pl

from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.venues.base import Rows
from forcedflow.venues.binance import parse_brackets, parse_history, parse_statistics, rest
from forcedflow.venues.binance.bars import PriceType
from forcedflow.venues.binance.contract import Contract
from forcedflow.venues.binance.spec import (
    DEFAULT_FUNDING_HOURS,
    NAME,
    STATISTICS_PERIOD_MS,
    STATISTICS_REACH_MS,
    TRADES_REACH_MS,
    interval_name,
)
from forcedflow.venues.connector import Endpoints, Http, Piece
from forcedflow.venues.row_buffer import RowBuffer

PUBLICATION_MS: Final = 15 * MINUTE_MS
"""How long after its end a day may still gain rows: statistics are published with a delay."""

_ROWS_AT_ONCE: Final = 50_000
"""Rows that wait as tuples before they become columns, which take a tenth of the memory."""


@dataclass(frozen=True, slots=True)
class History:
    """What one plan asks with.

    Parameters
    ----------
    http : Http
    endpoints : Endpoints
    contract : Contract
    now_ms : int
        The present. [UTC ms]
    interval_ms : int
        Length of bars. [ms]
    """

    http: Http
    endpoints: Endpoints
    contract: Contract
    now_ms: int
    interval_ms: int

    def pieces(
        self, table: str, start_ms: int, end_ms: int, price_type: PriceType | None = None
    ) -> tuple[Piece, ...]:
        """Return the pieces over HTTP of a table that touch ``[start_ms, end_ms)``.

        Days before those that the venue still holds give none.

        Parameters
        ----------
        table : str
            Name of a declared table; of one that HTTP does not give there is no piece.
        start_ms, end_ms : int
            Span of event times. [UTC ms]
        price_type : {"last", "mark", "index", "spot"}, optional
            Of bars only those of this price.
        """
        span = (start_ms, min(end_ms, self.now_ms))
        is_spot = self.contract.market == "spot"
        found: Iterable[Piece] = ()
        if table == "klines":
            found = self._klines(*span, price_type)
        elif table == "trades":
            reach_ms = self.now_ms if is_spot else TRADES_REACH_MS
            found = self._daily(table, "aggTrades", self.trades, *span, reach_ms)
        elif table == "open_interest" and not is_spot:
            read = self._open_interest
            found = self._daily(table, "openInterestHist", read, *span, STATISTICS_REACH_MS)
        elif table == "long_short_ratio" and not is_spot:
            found = self._daily(table, "ratios", self._ratios, *span, STATISTICS_REACH_MS)
        elif table == "funding" and not is_spot:
            found = self._funding(*span)
        elif table == "leverage_brackets" and self.contract.market == "um":
            found = self._brackets(span[1])
        return tuple(found)

    def _klines(self, start_ms: int, end_ms: int, price_type: PriceType | None) -> Iterator[Piece]:
        types: tuple[PriceType, ...] = ("last", "mark", "index")
        if self.contract.market == "spot":
            types = ("spot",)
        for each in types if price_type is None else (price_type,):
            name = f"{rest.KLINE_ENDPOINTS[each]}/{interval_name(self.interval_ms)}"
            read = partial(self._read_klines, each)
            yield from self._daily("klines", name, read, start_ms, end_ms, self.now_ms)

    def _funding(self, start_ms: int, end_ms: int) -> Iterator[Piece]:
        """Yield whole months: one request holds any of them."""
        first_ms = _month_of(start_ms)
        while first_ms < end_ms:
            # Every month has a day 28 days and five after its first.
            next_ms = _month_of(first_ms + 32 * DAY_MS)
            month = datetime.fromtimestamp(first_ms / 1000, UTC).strftime("%Y-%m")
            yield self._piece(
                "funding", f"fundingRate/{month}", self._settlements, first_ms, next_ms
            )
            first_ms = next_ms

    def _brackets(self, end_ms: int) -> Iterator[Piece]:
        """Yield today's, the only ones that the venue states."""
        today_ms = self.now_ms - self.now_ms % DAY_MS
        if end_ms > today_ms:
            day = datetime.fromtimestamp(today_ms / 1000, UTC).strftime("%Y-%m-%d")
            read = self._read_brackets
            yield self._piece("leverage_brackets", f"brackets/{day}", read, today_ms, end_ms)

    def _daily(
        self,
        table: str,
        name: str,
        read: Callable[[int, int], Rows],
        start_ms: int,
        end_ms: int,
        reach_ms: int,
    ) -> Iterator[Piece]:
        earliest_ms = self.now_ms - reach_ms
        for day_ms in range(start_ms - start_ms % DAY_MS, end_ms, DAY_MS):
            if day_ms >= earliest_ms:
                day = datetime.fromtimestamp(day_ms / 1000, UTC).strftime("%Y-%m-%d")
                yield self._piece(table, f"{name}/{day}", read, day_ms, day_ms + DAY_MS)

    def _piece(
        self, table: str, name: str, read: Callable[[int, int], Rows], start_ms: int, end_ms: int
    ) -> Piece:
        until_ms = min(end_ms, self.now_ms)
        return Piece(
            name=f"{NAME}:rest:{self.contract.market}/{self.contract.name}/{name}",
            tables=frozenset({table}),
            start_ms=start_ms,
            end_ms=until_ms,
            read=partial(read, start_ms, until_ms),
            lasting=end_ms + PUBLICATION_MS <= self.now_ms,
        )

    def _read_klines(self, price_type: PriceType, start_ms: int, end_ms: int) -> Rows:
        """Read the bars of a day with those that end at either midnight.

        The archive's files hold the bars that open in their day, so what ends at midnight would
        fall between a day of each.
        """
        rows = RowBuffer(NAME)
        bars = partial(rest.get_klines, self.http, self.endpoints, self.contract, price_type)
        for page in bars(self.interval_ms, start_ms - self.interval_ms, end_ms):
            parse_history.parse_klines(
                page, rows, self.contract, price_type, self.interval_ms, self.now_ms
            )
        return rows.take()

    def trades(self, start_ms: int, end_ms: int) -> Rows:
        """Ask for the trades of ``[start_ms, end_ms)``. [UTC ms]"""
        rows = RowBuffer(NAME)
        taken: list[Rows] = []
        pages = rest.get_agg_trades(
            self.http,
            self.endpoints,
            self.contract,
            start_ms,
            end_ms,
            parse_history.last_trade,
        )
        for page in pages:
            parse_history.parse_agg_trades(page, rows, self.contract, start_ms, end_ms)
            if len(rows) >= _ROWS_AT_ONCE:
                taken.append(rows.take())
        taken.append(rows.take())
        return _joined(taken)

    def _open_interest(self, start_ms: int, end_ms: int) -> Rows:
        rows = RowBuffer(NAME)
        # Both midnights, for the same reason as with bars.
        for page in rest.get_open_interest_history(
            self.http, self.endpoints, self.contract, start_ms, end_ms + 1
        ):
            parse_statistics.parse_open_interest_history(page, rows, self.contract)
        return rows.take()

    def _ratios(self, start_ms: int, end_ms: int) -> Rows:
        rows = RowBuffer(NAME)
        for kind in rest.RATIO_ENDPOINTS[self.contract.market]:
            # A flow is stamped with its start and ends five minutes later.
            early_ms = STATISTICS_PERIOD_MS if kind == "taker_volume" else 0
            for page in rest.get_ratios(
                self.http,
                self.endpoints,
                self.contract,
                kind,
                start_ms - early_ms,
                end_ms + 1 - early_ms,
            ):
                parse_statistics.parse_ratios(page, rows, self.contract, kind)
        return rows.take()

    def _settlements(self, start_ms: int, end_ms: int) -> Rows:
        rows = RowBuffer(NAME)
        # The settlement before tells how long the first interval was.
        early_ms = start_ms - int(DEFAULT_FUNDING_HOURS * HOUR_MS)
        for page in rest.get_funding_rates(
            self.http, self.endpoints, self.contract, early_ms, end_ms
        ):
            parse_history.parse_funding_rates(page, rows, self.contract, start_ms)
        return rows.take()

    def _read_brackets(self, start_ms: int, end_ms: int) -> Rows:
        del end_ms
        rows = RowBuffer(NAME)
        contracts = {self.contract.name: self.contract}
        raw = rest.get_brackets(self.http, self.endpoints)
        parse_brackets.parse_web_brackets(raw, rows, contracts, start_ms)
        return rows.take()


def _joined(parts: Iterable[Rows]) -> Rows:
    frames: dict[str, list[pl.DataFrame]] = {}
    for part in parts:
        for table, frame in part.items():
            frames.setdefault(table, []).append(frame)
    return {table: pl.concat(found) for table, found in frames.items()}


def _month_of(ms: int) -> int:
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()) * 1000
