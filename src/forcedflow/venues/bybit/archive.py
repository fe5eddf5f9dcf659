"""Bybit's public files of trades: which file holds which day, and its rows.

In:  an instrument and a span. [UTC ms]   Out: pieces that download and parse when they are read.
Free of sockets and of the clock: `Http` and the moment are given.

Perpetuals: ``trading/{SYMBOL}/{SYMBOL}{date}.csv.gz``, with seconds and up to four decimals; spot:
``spot/{SYMBOL}/{SYMBOL}_{date}.csv.gz``, in milliseconds. There are no checksums, so a file counts
as final once its day is over and it was read.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

import polars as pl

from forcedflow.errors import DamagedFileError
from forcedflow.instruments import Instrument
from forcedflow.tables import TIME
from forcedflow.units import DAY_MS
from forcedflow.venues.base import PRECEDENCE_ARCHIVE, Rows
from forcedflow.venues.connector import Http, Piece
from forcedflow.venues.importers.columns import Field, read_columns, refuse
from forcedflow.venues.importers.parsed import Parsed, rows, settle
from forcedflow.venues.importers.vendor_file import read_csv

RestTail: TypeAlias = Callable[[str, int, int], tuple[Piece, ...]]
"""Table and whole days (the last one may be cut at the present) to pieces over HTTP."""

ROOT: Final = "https://public.bybit.com"
"""Where the files are."""

_BROKEN_GZIP: Final = (OSError, EOFError, zlib.error)


def archive_pieces(
    http: Http,
    tables: Sequence[str],
    instrument: Instrument,
    start_ms: int,
    end_ms: int,
    now_ms: int,
    interval_ms: int,
    rest_tail: RestTail,
    *,
    root: str | None = ROOT,
) -> tuple[Piece, ...]:
    """Return the files of trades of a span, and what to ask for where there is none.

    Parameters
    ----------
    http : Http
        Who asks, once a piece is read.
    tables : sequence of str
        Tables wanted; there is nothing here but trades.
    instrument : Instrument
        Contract or spot pair.
    start_ms, end_ms : int
        Span of days; a day that it touches is asked for whole. [UTC ms]
    now_ms : int
        The present: a day that has not ended is asked for over HTTP. [UTC ms]
    interval_ms : int
        Length of bars; of no account for trades. [ms]
    rest_tail : callable
        Pieces over HTTP of a table and days.
    root : str, optional
        Where the files are, the venue's own address by default.

    Returns
    -------
    tuple of Piece
        Their names are paths below the root.
    """
    del interval_ms
    if "trades" not in tables:
        return ()
    first_ms, last_ms = start_ms - start_ms % DAY_MS, min(end_ms, now_ms)
    pieces: list[Piece] = []
    for day_ms in range(first_ms, last_ms, DAY_MS):
        next_ms = day_ms + DAY_MS
        if next_ms > now_ms:
            pieces += rest_tail("trades", day_ms, now_ms)
            continue
        name = _name(instrument, day_ms)
        file = _File(http, f"{(root or ROOT).rstrip('/')}/{name}", instrument)
        pieces.append(
            Piece(
                name=name,
                tables=frozenset({"trades"}),
                start_ms=day_ms,
                end_ms=next_ms,
                read=file.read,
                instead=rest_tail("trades", day_ms, next_ms),
                host="archive",
                remarks=file.remarks,
            )
        )
    return tuple(pieces)


def parse_trades(file: str, data: bytes, instrument: Instrument) -> Parsed:
    """Return the trades of one file.

    Parameters
    ----------
    file : str
        Name for messages.
    data : bytes
        The file as served, compressed.
    instrument : Instrument
        What it holds; its kind says which columns there are and what a size means.

    Returns
    -------
    Parsed
        Rows of ``trades``. Sizes of inverse contracts are dollars; the coins are dollars at the
        price of the trade.

    Raises
    ------
    DamagedFileError
        If it cannot be read as that, or its rows are of another symbol.
    """
    try:
        text = gzip.decompress(data)
    except _BROKEN_GZIP as error:
        raise DamagedFileError(file, f"is no readable gzip: {error}") from error
    raw = read_csv(file, text)
    frame = _spot(file, raw) if instrument.kind == "spot" else _contract(file, raw, instrument)
    return settle(file, {"trades": [_as_rows(frame, instrument)]})


@dataclass(slots=True)
class _File:
    """One file, from its address to its rows."""

    http: Http
    url: str
    instrument: Instrument
    warnings: tuple[str, ...] = ()

    def read(self) -> Rows:
        parsed = parse_trades(self.url, self.http.get(self.url, weight=0), self.instrument)
        self.warnings = parsed.warnings
        return parsed.frames

    def remarks(self) -> tuple[str, ...]:
        return self.warnings


def _name(instrument: Instrument, day_ms: int) -> str:
    symbol = instrument.venue_symbol
    date = datetime.fromtimestamp(day_ms / 1000, UTC).strftime("%Y-%m-%d")
    if instrument.kind == "spot":
        return f"spot/{symbol}/{symbol}_{date}.csv.gz"
    return f"trading/{symbol}/{symbol}{date}.csv.gz"


def _contract(file: str, raw: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    names = {"timestamp": "time", "trdMatchID": "id"}
    table = read_columns(
        file,
        raw.with_columns(_milliseconds(raw)) if "timestamp" in raw.columns else raw,
        [
            Field("timestamp", "time"),
            Field("symbol", "text"),
            Field("side", "text"),
            Field("size", unsigned=True),
            Field("price", positive=True),
            Field("trdMatchID", "text"),
        ],
    ).rename(names)
    symbol = instrument.venue_symbol
    refuse(file, "symbol", table["symbol"] != symbol, f"is not {symbol}", table["symbol"])
    return _with_side(file, table)


def _spot(file: str, raw: pl.DataFrame) -> pl.DataFrame:
    table = read_columns(
        file,
        raw,
        [
            Field("timestamp", "time"),
            Field("id", "text"),
            Field("side", "text"),
            Field("volume", unsigned=True),
            Field("price", positive=True),
        ],
    )
    return _with_side(file, table.rename({"timestamp": "time", "volume": "size"}))


def _milliseconds(raw: pl.DataFrame) -> pl.Series:
    """Return seconds with decimals as whole milliseconds, cut off digit by digit.

    The venue's streams cut its clock the same way; a float of the seconds lies to either side.
    """
    text = raw.get_column("timestamp").cast(pl.String).str.strip_chars()
    parts = text.to_frame("text").select(
        pl.col("text").str.extract(r"^(\d{9,10})(?:\.\d*)?$").alias("seconds"),
        pl.col("text").str.extract(r"^\d+\.(\d+)$").fill_null("").alias("fraction"),
    )
    padded = pl.col("fraction").str.slice(0, 3).str.pad_end(3, "0")
    whole = parts.select(pl.col("seconds") + padded).to_series()
    # What is not of this form stays as it is and is refused by name and row.
    return whole.fill_null(text).alias("timestamp")


def _with_side(file: str, table: pl.DataFrame) -> pl.DataFrame:
    side = table["side"].str.to_lowercase()
    refuse(file, "side", ~side.is_in(["buy", "sell"]), "is neither Buy nor Sell", table["side"])
    return table.with_columns(side.alias("side"))


def _as_rows(table: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    size = pl.col("size")
    amount = size / pl.col("price") if instrument.kind == "inverse" else size
    return rows(
        table,
        venue="bybit",
        symbol=instrument.symbol,
        event_time=pl.col("time").cast(TIME),
        source="bybit:public-trades",
        precedence=PRECEDENCE_ARCHIVE,
        trade_id=pl.col("id"),
        price=pl.col("price"),
        amount=amount,
        taker_side=pl.col("side"),
    )
