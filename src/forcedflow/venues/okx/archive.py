"""OKX's public files of trades and of settlements: which file holds which day, and its rows.

In:  an instrument and a span. [UTC ms]   Out: pieces that download and parse when they are read.
Free of sockets and of the clock: `Http` and the moment are given.

Trades: ``trades/daily/{YYYYMMDD}/{instId}-trades-{YYYY-MM-DD}.zip``, sizes in contracts.
Settlements of all swaps: ``swaprates/daily/{YYYYMMDD}/allswap-fundingrates-{YYYY-MM-DD}.zip``; they
are read where HTTP no longer tells them. There are no checksums.

Whether a file's day is that of UTC or of Hong Kong is not said. So a day of UTC is read from the
file of its date, and from the next one too unless the first reaches into the day's last eight
hours, which a file of Hong Kong's day never does. Either way the piece holds the day and no more.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

import polars as pl

from forcedflow.errors import DamagedFileError
from forcedflow.instruments import Instrument
from forcedflow.tables import TIME
from forcedflow.units import DAY_MS, HOUR_MS
from forcedflow.venues.base import PRECEDENCE_ARCHIVE, Rows
from forcedflow.venues.connector import Http, Piece
from forcedflow.venues.importers.columns import Field, read_columns, refuse
from forcedflow.venues.importers.parsed import Parsed, rows, settle
from forcedflow.venues.importers.vendor_file import read_csv
from forcedflow.venues.okx.spec import ENDPOINTS, FUNDING_REACH_MS

RestTail: TypeAlias = Callable[[str, int, int], tuple[Piece, ...]]
"""Table and whole days (the last one may be cut at the present) to pieces over HTTP."""

_BROKEN_ZIP: Final = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError)
_HONG_KONG_MS: Final = 8 * HOUR_MS


def archive_pieces(
    http: Http,
    table: str,
    instrument: Instrument,
    start_ms: int,
    end_ms: int,
    now_ms: int,
    rest_tail: RestTail,
    root: str | None = None,
) -> tuple[Piece, ...]:
    """Return the files of a span, and what to ask for where there is none.

    Parameters
    ----------
    http : Http
        Who asks, once a piece is read.
    table : {"trades", "funding"}
        What is wanted.
    instrument : Instrument
        Contract or spot pair.
    start_ms, end_ms : int
        Span of days; a day that it touches is asked for whole. [UTC ms]
    now_ms : int
        The present: a day that has not ended is asked for over HTTP. [UTC ms]
    rest_tail : callable
        Pieces over HTTP of a table and days.
    root : str, optional
        Where the files are, the venue's own address by default.

    Returns
    -------
    tuple of Piece
        Their names are paths below the root.
    """
    root = (root or ENDPOINTS.archive or "").rstrip("/")
    last_ms = min(end_ms, now_ms)
    if table == "funding":
        told_from_ms = now_ms - FUNDING_REACH_MS
        told_from_ms -= told_from_ms % DAY_MS
        pieces = list(rest_tail(table, max(start_ms, told_from_ms), last_ms))
        last_ms = min(last_ms, told_from_ms)
    else:
        pieces = []
    for day_ms in range(start_ms - start_ms % DAY_MS, last_ms, DAY_MS):
        next_ms = day_ms + DAY_MS
        if next_ms > now_ms:
            pieces += rest_tail(table, day_ms, now_ms)
            continue
        day = _Day(http, root, table, instrument, day_ms)
        pieces.append(
            Piece(
                name=_name(table, instrument, day_ms),
                tables=frozenset({table}),
                start_ms=day_ms,
                end_ms=next_ms,
                read=day.read,
                instead=rest_tail(table, day_ms, next_ms) if table == "trades" else (),
                host="archive",
                remarks=day.remarks,
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
        The file as served, a zip of one CSV.
    instrument : Instrument
        What it holds; its kind and contract size say what a size means.

    Returns
    -------
    Parsed
        Rows of ``trades``.

    Raises
    ------
    DamagedFileError
        If it cannot be read as that, or its rows are of another symbol.
    """
    table = read_columns(
        file,
        _unpacked(file, data),
        [
            Field("instrument_name", "text"),
            Field("trade_id", "text"),
            Field("side", "text"),
            Field("price", positive=True),
            Field("size", unsigned=True),
            Field("created_time", "time"),
        ],
    )
    names = table["instrument_name"]
    symbol = instrument.venue_symbol
    refuse(file, "instrument_name", names != symbol, f"is not {symbol}", names)
    side = table["side"].str.to_lowercase()
    refuse(file, "side", ~side.is_in(["buy", "sell"]), "is neither buy nor sell", table["side"])
    amount = pl.col("size") * instrument.contract_size
    frame = rows(
        table.with_columns(side.alias("side")),
        venue="okx",
        symbol=instrument.symbol,
        event_time=pl.col("created_time").cast(TIME),
        source="okx:traderecords",
        precedence=PRECEDENCE_ARCHIVE,
        trade_id=pl.col("trade_id"),
        price=pl.col("price"),
        amount=amount / pl.col("price") if instrument.kind == "inverse" else amount,
        taker_side=pl.col("side"),
    )
    return settle(file, {"trades": [frame]})


def parse_funding(file: str, data: bytes, instrument: Instrument) -> Parsed:
    """Return the settlements of one contract of one file, which holds those of all swaps.

    Parameters
    ----------
    file : str
        Name for messages.
    data : bytes
        The file as served, a zip of one CSV.
    instrument : Instrument
        Whose settlements are wanted.

    Returns
    -------
    Parsed
        Rows of ``funding``. The file does not say how long an interval was.

    Raises
    ------
    DamagedFileError
        If it cannot be read as that.
    """
    table = read_columns(
        file,
        _unpacked(file, data),
        [
            Field("instrument_name", "text"),
            Field("funding_rate"),
            Field("funding_time", "time"),
        ],
    ).filter(pl.col("instrument_name") == instrument.venue_symbol)
    frame = rows(
        table,
        venue="okx",
        symbol=instrument.symbol,
        event_time=pl.col("funding_time").cast(TIME),
        source="okx:swaprates",
        precedence=PRECEDENCE_ARCHIVE,
        kind=pl.lit("settled"),
        funding_rate=pl.col("funding_rate"),
        interval_hours=pl.lit(None, dtype=pl.Float64),
    )
    return settle(file, {"funding": [frame]})


@dataclass(slots=True)
class _Day:
    """One day of UTC, from the addresses of its files to its rows."""

    http: Http
    root: str
    table: str
    instrument: Instrument
    day_ms: int
    warnings: tuple[str, ...] = ()

    def read(self) -> Rows:
        self.warnings = ()
        found = self._file(self.day_ms)
        after_ms = self.day_ms + DAY_MS
        late = pl.col("event_time") >= pl.lit(after_ms - _HONG_KONG_MS).cast(TIME)
        if not any(frame.select(late.any()).item() for frame in found):
            found += self._file(after_ms)
        if not found:
            return {}
        first, after = pl.lit(self.day_ms).cast(TIME), pl.lit(after_ms).cast(TIME)
        frame = pl.concat(found).filter(
            pl.col("event_time").is_between(first, after, closed="left")
        )
        return {self.table: frame} if frame.height else {}

    def _file(self, day_ms: int) -> list[pl.DataFrame]:
        url = f"{self.root}/{_name(self.table, self.instrument, day_ms)}"
        data = self.http.get(url, weight=0)
        parse = parse_trades if self.table == "trades" else parse_funding
        parsed = parse(url, data, self.instrument)
        self.warnings += parsed.warnings
        return [parsed.frames[self.table]] if self.table in parsed.frames else []

    def remarks(self) -> tuple[str, ...]:
        return self.warnings


def _name(table: str, instrument: Instrument, day_ms: int) -> str:
    date = datetime.fromtimestamp(day_ms / 1000, UTC)
    folder, day = f"{date:%Y%m%d}", f"{date:%Y-%m-%d}"
    if table == "funding":
        return f"swaprates/daily/{folder}/allswap-fundingrates-{day}.zip"
    return f"trades/daily/{folder}/{instrument.venue_symbol}-trades-{day}.zip"


def _unpacked(file: str, data: bytes) -> pl.DataFrame:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [name for name in archive.namelist() if name.lower().endswith(".csv")]
            if len(members) != 1:
                raise DamagedFileError(file, f"holds {members or 'no CSV'}, expected one CSV")
            text = archive.read(members[0])
    except _BROKEN_ZIP as error:
        raise DamagedFileError(file, f"is no readable zip archive: {error}") from error
    return read_csv(file, _plain_header(text))


def _plain_header(text: bytes) -> bytes:
    """Return a CSV whose names are its English ones.

    Older files write a Chinese name behind each, after a stroke and in an encoding of its own that
    is no UTF-8; the rows beneath are plain.
    """
    header, newline, body = text.partition(b"\n")
    names = [name.split(b"/")[0].strip() for name in header.split(b",")]
    return b",".join(names) + newline + body
