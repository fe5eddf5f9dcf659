"""KuCoin's public files, one a day: which file holds what, and its rows.

In:  an instrument and a span. [UTC ms]   Out: pieces that download and parse when they are read.
Free of sockets and of the clock: `Http` and the moment are given.

``data/futures/daily/{trades,klines,mark,index,fundingRates}/...`` from December 2022 on, each file
a zip of one CSV with an MD5 beside it. The archive writes BTC where the venue trades XBT. Sizes
are contracts; moments may be in seconds or milliseconds, which their size decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

import polars as pl

from forcedflow.errors import VenueError
from forcedflow.instruments import Instrument
from forcedflow.tables import TIME
from forcedflow.units import DAY_MS
from forcedflow.venues.base import PRECEDENCE_ARCHIVE, Rows
from forcedflow.venues.connector import Http, Piece
from forcedflow.venues.importers.columns import Field, read_columns, refuse
from forcedflow.venues.importers.parsed import Parsed, rows, settle
from forcedflow.venues.importers.vendor_file import read_csv, unpack_csv
from forcedflow.venues.kucoin.history import History
from forcedflow.venues.kucoin.spec import ARCHIVE_BARS, VENUE

Dataset: TypeAlias = Literal["trades", "klines", "mark", "index", "fundingRates"]
"""The archive's own words for what it holds."""

ROOT: Final = "https://historical-data.kucoin.com"
"""Where the files are."""

_TABLES: Final[dict[Dataset, str]] = {
    "klines": "klines",
    "mark": "klines",
    "index": "klines",
    "trades": "trades",
    "fundingRates": "funding",
}
_PRICE_TYPES: Final = {"klines": "last", "mark": "mark", "index": "index"}

_PRICES: Final = tuple(Field(name, positive=True) for name in ("open", "high", "low", "close"))


def archive_pieces(
    http: Http,
    tables: Sequence[str],
    instrument: Instrument,
    start_ms: int,
    end_ms: int,
    now_ms: int,
    interval_ms: int,
    history: History,
    *,
    root: str | None = ROOT,
) -> tuple[Piece, ...]:
    """Return the files of a span, and what to ask for over HTTP where there is none.

    Parameters
    ----------
    http : Http
        Who asks, once a piece is read.
    tables : sequence of str
        Tables wanted; those that the archive does not have give no piece.
    instrument : Instrument
        Contract; its size turns contracts into coins. [base coins per contract]
    start_ms, end_ms : int
        Span of event times; a day that it touches is asked for whole. [UTC ms]
    now_ms : int
        The present: a day that has not ended is asked for over HTTP. [UTC ms]
    interval_ms : int
        Length of bars; those that the archive does not have are asked for over HTTP. [ms]
    history : History
        The same instrument over HTTP.
    root : str, optional
        Where the files are, the venue's own address by default.

    Returns
    -------
    tuple of Piece
        Their names are paths below the root.

    Raises
    ------
    UsageError
        If bars are wanted whose length the venue does not have.
    """
    found: list[Piece] = []
    for dataset, table in _TABLES.items():
        if table not in tables:
            continue
        tail = _tail(dataset, history, interval_ms)
        if table == "klines" and interval_ms not in ARCHIVE_BARS:
            found += tail(start_ms, end_ms)
            continue
        # A bar that ends with a day began in it, and stands in its file.
        first_ms = start_ms - (interval_ms if table == "klines" else 0)
        for day_ms in range(first_ms - first_ms % DAY_MS, min(end_ms, now_ms), DAY_MS):
            if day_ms + DAY_MS > now_ms:
                found += tail(day_ms, now_ms)
                continue
            instead = tail(day_ms, day_ms + DAY_MS)
            found.append(_piece(http, dataset, instrument, day_ms, interval_ms, instead, root))
    return tuple({piece.name: piece for piece in found}.values())


def parse_file(
    file: str, data: bytes, dataset: Dataset, instrument: Instrument, interval_ms: int
) -> Parsed:
    """Return the rows of one file.

    Parameters
    ----------
    file : str
        Address, for messages; its name is that of the CSV inside.
    data : bytes
        The file as served, a zip.
    dataset : {"trades", "klines", "mark", "index", "fundingRates"}
        What it holds.
    instrument : Instrument
        Of which contract.
    interval_ms : int
        Length of bars. [ms]

    Raises
    ------
    DamagedFileError
        If it cannot be read as that, or its rows are of another contract.
    """
    name, text = unpack_csv(Path(file), data)
    raw = read_csv(name, text)
    if dataset == "trades":
        return settle(name, {"trades": [_trades(name, raw, instrument)]})
    if dataset == "fundingRates":
        return settle(name, {"funding": [_funding(name, raw, instrument)]})
    return settle(name, {"klines": [_bars(name, raw, dataset, instrument, interval_ms)]})


@dataclass(slots=True)
class _File:
    """One file, from its address to its rows."""

    http: Http
    url: str
    dataset: Dataset
    instrument: Instrument
    interval_ms: int
    warnings: tuple[str, ...] = ()

    def read(self) -> Rows:
        stated = self.http.get(f"{self.url}.CHECKSUM", weight=0).split()
        data = self.http.get(self.url, weight=0)
        found = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if not stated or stated[0].decode("ascii", "replace").lower() != found:
            said = stated[0].decode("ascii", "replace")[:32] if stated else "nothing"
            raise VenueError(
                VENUE,
                f"{self.url}: MD5 is {found}, its .CHECKSUM says {said}; "
                "nothing of it was taken, ask again",
            )
        parsed = parse_file(self.url, data, self.dataset, self.instrument, self.interval_ms)
        self.warnings = parsed.warnings
        return parsed.frames

    def remarks(self) -> tuple[str, ...]:
        return self.warnings


def _piece(
    http: Http,
    dataset: Dataset,
    instrument: Instrument,
    day_ms: int,
    interval_ms: int,
    instead: tuple[Piece, ...],
    root: str | None,
) -> Piece:
    name = _name(dataset, instrument, day_ms, interval_ms)
    file = _File(http, f"{(root or ROOT).rstrip('/')}/{name}", dataset, instrument, interval_ms)
    return Piece(
        name=name,
        tables=frozenset({_TABLES[dataset]}),
        start_ms=day_ms,
        end_ms=day_ms + DAY_MS,
        read=file.read,
        instead=instead,
        host="archive",
        remarks=file.remarks,
    )


def _tail(
    dataset: Dataset, history: History, interval_ms: int
) -> Callable[[int, int], tuple[Piece, ...]]:
    """Return how the same is asked for over HTTP."""
    if dataset == "klines":
        return lambda first, last: history.last_bars(first, last, interval_ms)
    if dataset == "mark" or dataset == "index":  # noqa: PLR1714 - narrows the type
        return lambda first, last: history.bars(dataset, first, last, interval_ms)
    table = _TABLES[dataset]
    return lambda first, last: history.pieces(table, first, last, interval_ms)


def _name(dataset: Dataset, instrument: Instrument, day_ms: int, interval_ms: int) -> str:
    symbol = f"{instrument.base}{instrument.quote}M"
    date = datetime.fromtimestamp(day_ms / 1000, UTC).strftime("%Y-%m-%d")
    folder, kind = f"data/futures/daily/{dataset}/{symbol}", str(dataset)
    if _TABLES[dataset] == "klines":
        kind = ARCHIVE_BARS[interval_ms]
        folder = f"{folder}/{kind}"
    return f"{folder}/{symbol}-{kind}-{date}.zip"


def _trades(file: str, raw: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    table = read_columns(
        file,
        raw,
        [
            Field("trade_id", "text"),
            Field("trade_time", "time"),
            Field("price", positive=True),
            Field("size", unsigned=True),
            Field("side", "text"),
        ],
    )
    side = table["side"].str.to_lowercase()
    refuse(file, "side", ~side.is_in(["buy", "sell"]), "is neither buy nor sell", table["side"])
    return rows(
        table.with_columns(side.alias("side")),
        venue=VENUE,
        symbol=instrument.symbol,
        event_time=pl.col("trade_time").cast(TIME),
        source=f"{VENUE}:archive-trades",
        precedence=PRECEDENCE_ARCHIVE,
        trade_id=pl.col("trade_id"),
        price=pl.col("price"),
        amount=pl.col("size") * instrument.contract_size,
        taker_side=pl.col("side"),
    )


def _funding(file: str, raw: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    fields = [Field("symbol", "text"), Field("time", "time"), Field("fundingRate")]
    table = read_columns(file, raw, fields)
    own = [instrument.venue_symbol, f"{instrument.base}{instrument.quote}M"]
    other = ~table["symbol"].is_in(own)
    refuse(file, "symbol", other, f"is not {own[0]}", table["symbol"])
    return rows(
        table,
        venue=VENUE,
        symbol=instrument.symbol,
        event_time=pl.col("time").cast(TIME),
        source=f"{VENUE}:archive-fundingRates",
        precedence=PRECEDENCE_ARCHIVE,
        kind="settled",
        funding_rate=pl.col("fundingRate"),
        # A file of one day does not say when the settlement before its first was.
        interval_hours=pl.lit(None, dtype=pl.Float64),
    )


def _bars(
    file: str, raw: pl.DataFrame, dataset: Dataset, instrument: Instrument, interval_ms: int
) -> pl.DataFrame:
    fields = [Field("time", "time"), *_PRICES, *_volume(dataset)]
    table = read_columns(file, raw, fields)
    volume = pl.lit(None, dtype=pl.Float64)
    if dataset == "klines":
        volume = pl.col("volume") * instrument.contract_size
    return rows(
        table,
        venue=VENUE,
        symbol=instrument.symbol,
        event_time=pl.col("time").cast(TIME) + pl.duration(milliseconds=interval_ms),
        source=f"{VENUE}:archive-{dataset}",
        precedence=PRECEDENCE_ARCHIVE,
        price_type=_PRICE_TYPES[dataset],
        interval_ms=pl.lit(interval_ms, dtype=pl.Int64),
        open=pl.col("open"),
        high=pl.col("high"),
        low=pl.col("low"),
        close=pl.col("close"),
        volume=volume,
    )


def _volume(dataset: Dataset) -> Iterator[Field]:
    if dataset == "klines":
        yield Field("volume", unsigned=True)
