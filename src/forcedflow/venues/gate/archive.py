"""Gate's public files: which month's file holds what, and its rows.

In:  an instrument and a span. [UTC ms]   Out: pieces that download and parse when they are read.
Free of sockets and of the clock: `Http` and the moment are given.

``futures_usdt/{type}/{YYYYMM}/{CONTRACT}-{YYYYMM}.csv.gz``, one file a month, after the month is
over. They have no header and no checksum, so a file counts as final once it was read. Read are
``trades`` (time, id, price, size: below zero where the taker sold), ``candlesticks_{bar}`` (start,
volume, close, high, low, open) and ``funding_applies`` (time, rate). Times are seconds, sizes and
volumes contracts.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

import polars as pl

from forcedflow.errors import BlockedError, DamagedFileError
from forcedflow.instruments import Instrument
from forcedflow.tables import TIME
from forcedflow.units import HOUR_MS, SECOND_MS
from forcedflow.venues.base import PRECEDENCE_ARCHIVE, Rows
from forcedflow.venues.connector import Http, Piece
from forcedflow.venues.gate.spec import ARCHIVED_BARS, SETTLE, VENUE, bar_name
from forcedflow.venues.importers.columns import Field, read_columns
from forcedflow.venues.importers.parsed import Parsed, rows, settle
from forcedflow.venues.importers.vendor_file import read_csv

RestTail: TypeAlias = Callable[[int, int], tuple[Piece, ...]]
"""A span (the last day may be cut at the present) to pieces over HTTP."""

_BROKEN_GZIP: Final = (OSError, EOFError, zlib.error)

_COLUMNS: Final = {
    "trades": ("time", "id", "price", "size"),
    "klines": ("time", "volume", "close", "high", "low", "open"),
    "funding": ("time", "rate"),
}
"""Columns of the files, by the table that they become."""

_LONGEST_FUNDING_H: Final = 24


@dataclass(frozen=True, slots=True)
class Dataset:
    """One kind of file.

    Parameters
    ----------
    table : {"trades", "klines", "funding"}
        What it becomes.
    folder : str
        The venue's name for it.
    interval_ms : int
        Length of its bars, zero where there are none. [ms]
    """

    table: Literal["trades", "klines", "funding"]
    folder: str
    interval_ms: int = 0

    @property
    def price_type(self) -> str | None:
        """Return which price its bars are of."""
        return "last" if self.table == "klines" else None


def datasets_of(table: str, interval_ms: int) -> tuple[Dataset, ...]:
    """Return the kinds of file that hold a table.

    Raises
    ------
    UsageError
        If bars are wanted that the venue does not have.
    """
    if table == "trades":
        return (Dataset("trades", "trades"),)
    if table == "funding":
        return (Dataset("funding", "funding_applies"),)
    if table == "klines":
        folder = f"candlesticks_{bar_name(interval_ms)}"
        return (Dataset("klines", folder, interval_ms),) if interval_ms in ARCHIVED_BARS else ()
    return ()


def archive_pieces(
    http: Http,
    root: str,
    instrument: Instrument,
    dataset: Dataset,
    start_ms: int,
    end_ms: int,
    now_ms: int,
    rest_tail: RestTail,
) -> Iterator[Piece]:
    """Yield the files of a span, and what to ask for where there is none.

    A month of trades that is not wanted whole is asked for over HTTP by the day: its file is as
    large as all of them.

    Parameters
    ----------
    http : Http
        Who asks, once a piece is read.
    root : str
        Where the files are.
    instrument : Instrument
    dataset : Dataset
        Kind of file.
    start_ms, end_ms : int
        [UTC ms]
    now_ms : int
        The present: a month that has not ended is asked for over HTTP. [UTC ms]
    rest_tail : callable
        Pieces over HTTP of a span.

    Yields
    ------
    Piece
        Named by its path below the root.
    """
    for month_ms, next_ms in _months(start_ms, end_ms):
        span = (max(month_ms, start_ms), min(next_ms, end_ms))
        is_whole = span == (month_ms, next_ms)
        if next_ms > now_ms or (dataset.table == "trades" and not is_whole):
            yield from rest_tail(*span)
            continue
        month = datetime.fromtimestamp(month_ms / SECOND_MS, UTC).strftime("%Y%m")
        symbol = instrument.venue_symbol
        name = f"futures_{SETTLE}/{dataset.folder}/{month}/{symbol}-{month}.csv.gz"
        file = _File(http, f"{root.rstrip('/')}/{name}", instrument, dataset)
        yield Piece(
            name=name,
            tables=frozenset({dataset.table}),
            start_ms=month_ms,
            end_ms=next_ms,
            read=file.read,
            instead=rest_tail(month_ms, next_ms),
            host="archive",
            remarks=file.remarks,
        )


def parse_file(file: str, data: bytes, instrument: Instrument, dataset: Dataset) -> Parsed:
    """Return the rows of one file.

    Parameters
    ----------
    file : str
        Name for messages.
    data : bytes
        The file as served, compressed.
    instrument : Instrument
        What it holds; contracts are multiplied by its contract size.
    dataset : Dataset
        Kind of file.

    Raises
    ------
    DamagedFileError
        If it cannot be read as that.
    """
    try:
        text = gzip.decompress(data)
    except _BROKEN_GZIP as error:
        raise DamagedFileError(file, f"is no readable gzip: {error}") from error
    raw = read_csv(file, text, (_COLUMNS[dataset.table],))
    build = {"trades": _trades, "klines": _bars, "funding": _funding}[dataset.table]
    return settle(file, {dataset.table: [build(file, raw, instrument, dataset)]})


@dataclass(slots=True)
class _File:
    """One file, from its address to its rows."""

    http: Http
    url: str
    instrument: Instrument
    dataset: Dataset
    warnings: tuple[str, ...] = ()

    def read(self) -> Rows:
        if self.instrument.tick_size is None:
            # The name alone does not say how many coins a contract is.
            raise BlockedError(VENUE, f"{self.instrument.symbol}: nobody told its contract's size")
        data = self.http.get(self.url, weight=0)
        parsed = parse_file(self.url, data, self.instrument, self.dataset)
        self.warnings = parsed.warnings
        return parsed.frames

    def remarks(self) -> tuple[str, ...]:
        return self.warnings


def _trades(file: str, raw: pl.DataFrame, instrument: Instrument, dataset: Dataset) -> pl.DataFrame:
    del dataset
    fields = [
        Field("time", positive=True),
        Field("id", "text"),
        Field("price", positive=True),
        Field("size"),
    ]
    # A size that was cut off to nothing has lost its sign: there is no side to tell.
    table = read_columns(file, raw, fields).filter(pl.col("size") != 0)
    return rows(
        table,
        venue=VENUE,
        symbol=instrument.symbol,
        # As `forcedflow.venues.gate.parse.moment_ms` cuts seconds with decimals.
        event_time=(pl.col("time") * SECOND_MS + 5e-4).floor().cast(pl.Int64).cast(TIME),
        source="gate:archive-trades",
        precedence=PRECEDENCE_ARCHIVE,
        trade_id=pl.col("id"),
        price=pl.col("price"),
        amount=pl.col("size").abs() * instrument.contract_size,
        taker_side=pl.when(pl.col("size") > 0).then(pl.lit("buy")).otherwise(pl.lit("sell")),
    )


def _bars(file: str, raw: pl.DataFrame, instrument: Instrument, dataset: Dataset) -> pl.DataFrame:
    prices = ("open", "high", "low", "close")
    fields = [Field("time", "time"), Field("volume", unsigned=True)]
    table = read_columns(file, raw, fields + [Field(name, positive=True) for name in prices])
    end = pl.col("time") + pl.duration(milliseconds=dataset.interval_ms)
    return rows(
        table,
        venue=VENUE,
        symbol=instrument.symbol,
        event_time=end,
        source="gate:archive-candlesticks",
        precedence=PRECEDENCE_ARCHIVE,
        price_type="last",
        interval_ms=dataset.interval_ms,
        open=pl.col("open"),
        high=pl.col("high"),
        low=pl.col("low"),
        close=pl.col("close"),
        volume=pl.col("volume") * instrument.contract_size,
    )


def _funding(
    file: str, raw: pl.DataFrame, instrument: Instrument, dataset: Dataset
) -> pl.DataFrame:
    del dataset
    table = read_columns(file, raw, [Field("time", "time"), Field("rate")]).sort("time")
    hours = (pl.col("time").diff().dt.total_milliseconds() / HOUR_MS).round(6)
    known = hours.is_between(0, _LONGEST_FUNDING_H, closed="right")
    return rows(
        table,
        venue=VENUE,
        symbol=instrument.symbol,
        event_time=pl.col("time"),
        source="gate:archive-funding_applies",
        precedence=PRECEDENCE_ARCHIVE,
        kind="settled",
        funding_rate=pl.col("rate"),
        interval_hours=pl.when(known).then(hours),
    )


def _months(start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
    moment = datetime.fromtimestamp(start_ms / SECOND_MS, UTC)
    year, month = moment.year, moment.month
    while (first_ms := _first_of_month(year, month)) < end_ms:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        yield first_ms, _first_of_month(year, month)


def _first_of_month(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * SECOND_MS
