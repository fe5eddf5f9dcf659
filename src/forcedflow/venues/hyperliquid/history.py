"""Hyperliquid's past over HTTP, in pieces on whole days and months.

In:  tables, an instrument and a span of time. [UTC ms]   Out: pieces that ask when they are read.
Free of the clock: the moment of planning is an argument.

The venue keeps little: the newest 5000 bars of each length (17 days of five minutes), all funding
settlements, an account's newest ten thousand fills. Open interest, books and positions have no past
here; whoever wants it must have recorded it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from forcedflow.errors import NotThereError, UsageError
from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS, MINUTE_MS
from forcedflow.venues.base import Rows
from forcedflow.venues.connector import Http, Piece
from forcedflow.venues.hyperliquid import parse, parse_accounts, rest
from forcedflow.venues.hyperliquid.spec import CANDLES_HELD, INTERVALS, VENUE
from forcedflow.venues.row_buffer import RowBuffer

_LONGEST_MONTH_MS: Final = 31 * DAY_MS

# A settlement or a bar may be published a moment after the hour that it closes.
_SETTLED_AFTER_MS: Final = MINUTE_MS


def pieces(
    http: Http,
    root: str,
    tables: Sequence[str],
    instrument: Instrument,
    start_ms: int,
    end_ms: int,
    now_ms: int,
    interval_ms: int,
    accounts: Sequence[str],
) -> tuple[Piece, ...]:
    """Return what to ask for to hold event times ``[start_ms, end_ms)``.

    Raises
    ------
    UsageError
        If the venue has no bars of ``interval_ms``.
    """
    past = _Past(http, root, instrument, start_ms, min(end_ms, now_ms), now_ms)
    if past.start_ms >= past.end_ms:
        return ()
    found: list[Piece] = []
    if "klines" in tables:
        found += past.bars(interval_ms)
    if "funding" in tables:
        found += past.settlements()
    if "leverage_brackets" in tables:
        found += past.brackets()
    if "liquidations" in tables:
        found += (piece for account in accounts for piece in past.fills(account))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Past:
    """One instrument's past: whom to ask, and the span wanted. [UTC ms]"""

    http: Http
    root: str
    instrument: Instrument
    start_ms: int
    end_ms: int
    now_ms: int

    @property
    def coin(self) -> str:
        return self.instrument.venue_symbol

    @property
    def symbols(self) -> dict[str, str]:
        return {self.coin: self.instrument.symbol}

    def bars(self, interval_ms: int) -> Iterator[Piece]:
        if interval_ms not in INTERVALS:
            known = ", ".join(INTERVALS.values())
            raise UsageError(f"{VENUE} has no bars of {interval_ms} ms\nhint: it has {known}")
        oldest_ms = self.now_ms - interval_ms * CANDLES_HELD

        def read(first: int, last: int, rows: RowBuffer) -> None:
            if last <= oldest_ms:
                raise _not_there(f"bars of {INTERVALS[interval_ms]} before {_day(oldest_ms)}")
            # A bar's time is its end, and the venue is asked by its start.
            begin, end = first - interval_ms, last - interval_ms
            body = rest.get_candles(self.http, self.root, self.coin, interval_ms, begin, end)
            if not parse.parse_candles(body, self.symbols, self.now_ms, rows):
                raise _not_there(f"bars of {self.coin} from {_day(first)} to {_day(last)}")

        in_months = interval_ms * CANDLES_HELD >= _LONGEST_MONTH_MS
        spans = (_months if in_months else _days)(self.start_ms, self.end_ms)
        name = f"candleSnapshot/{self.coin}/{INTERVALS[interval_ms]}"
        return (self._piece("klines", f"{name}/{label}", span, read) for label, span in spans)

    def settlements(self) -> Iterator[Piece]:
        def read(first: int, last: int, rows: RowBuffer) -> None:
            for page in rest.get_funding_pages(self.http, self.root, self.coin, first, last):
                parse.parse_funding(page, self.symbols, rows)
            if not len(rows):
                raise _not_there(f"funding of {self.coin} from {_day(first)} to {_day(last)}")

        for label, span in _months(self.start_ms, self.end_ms):
            yield self._piece("funding", f"fundingHistory/{self.coin}/{label}", span, read)

    def brackets(self) -> Iterator[Piece]:
        # Only today's are known: the venue does not say what they were.
        def read(_first: int, _last: int, rows: RowBuffer) -> None:
            meta = rest.get_meta(self.http, self.root)
            parse.parse_brackets(meta, self.symbols, self.now_ms, rows)

        today_ms = self.now_ms - self.now_ms % DAY_MS
        if self.end_ms > today_ms:
            span = (today_ms, today_ms + DAY_MS)
            yield self._piece("leverage_brackets", f"meta/{self.coin}/{_day(today_ms)}", span, read)

    def fills(self, account: str) -> Iterator[Piece]:
        def read(first: int, last: int, rows: RowBuffer) -> None:
            for page in rest.get_fill_pages(self.http, self.root, account, first, last):
                parse_accounts.parse_fills(page, account, self.symbols, rows)

        for label, span in _months(self.start_ms, self.end_ms):
            name = f"userFillsByTime/{account}/{self.coin}/{label}"
            yield self._piece("liquidations", name, span, read)

    def _piece(
        self,
        table: str,
        name: str,
        span: tuple[int, int],
        read: Callable[[int, int, RowBuffer], None],
    ) -> Piece:
        first, last = span[0], min(span[1], self.now_ms)

        def read_rows() -> Rows:
            rows = RowBuffer(VENUE)
            read(first, last, rows)
            return rows.take()

        lasting = span[1] + _SETTLED_AFTER_MS <= self.now_ms
        return Piece(name, frozenset({table}), first, last, read_rows, lasting)


def _not_there(what: str) -> NotThereError:
    return NotThereError(VENUE, f"holds no {what}")


def _day(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, tz=UTC).strftime("%Y-%m-%d")


def _days(start_ms: int, end_ms: int) -> Iterator[tuple[str, tuple[int, int]]]:
    for day_ms in range(start_ms - start_ms % DAY_MS, end_ms, DAY_MS):
        yield _day(day_ms), (day_ms, day_ms + DAY_MS)


def _months(start_ms: int, end_ms: int) -> Iterator[tuple[str, tuple[int, int]]]:
    first = datetime.fromtimestamp(start_ms / 1000, tz=UTC)
    year, month = first.year, first.month
    while (month_ms := _month_ms(year, month)) < end_ms:
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        yield _day(month_ms)[:7], (month_ms, _month_ms(year, month))


def _month_ms(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000
