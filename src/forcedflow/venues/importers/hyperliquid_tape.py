"""Recorded Hyperliquid tape: trades, 20-level books and the context of one coin and day.

In:  JSON lines, gzipped or not.   Out: rows of trades, order_book, open_interest and funding.
Pure: no I/O, no clock, no global state.

The venue counts open interest on both sides: a trade between two accounts that both open adds
twice its size. The table is one-sided, so the figure is halved. Rates are per hour.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec
import polars as pl

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.venues.importers.columns import Field, read_columns, refuse
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.parsed import Parsed, rows, settle
from forcedflow.venues.importers.symbols import instrument_in_file
from forcedflow.venues.importers.vendor_file import frame_of_records

_VENUE, _PRECEDENCE = "hyperliquid", 5

_NAME = re.compile(r"^(?P<dataset>trades|l2|ctx)_(?P<coin>[A-Za-z0-9]+)_\d{8}\.jsonl(\.gz)?$")

_BROKEN_GZIP = (OSError, EOFError, zlib.error)

_Positive: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]
_Level: TypeAlias = tuple[_Positive, _Positive]


class _Book(msgspec.Struct, frozen=True):
    """One line of an ``l2`` file: levels are (price, size), the best first."""

    # Bounded so that a 64-bit column holds it; whether it is a time is for `read_columns` to say.
    ts: Annotated[int, msgspec.Meta(ge=0, le=10**18)]
    bids: list[_Level]
    asks: list[_Level]


@dataclass(frozen=True, slots=True)
class _Tape:
    """What a tape file is of."""

    file: str
    symbol: str


def is_tape_name(path: Path) -> bool:
    """Return whether a file is called as a tape is.

    Examples
    --------
    >>> is_tape_name(Path("l2_BTC_20260621.jsonl.gz")), is_tape_name(Path("notes.jsonl"))
    (True, False)
    """
    return _NAME.match(path.name) is not None


def read_hyperliquid_tape(path: Path, data: bytes, options: ImportOptions) -> Parsed:
    """Return the rows of one tape file.

    Parameters
    ----------
    path : Path
        Where the file is: ``trades_BTC_20260621.jsonl.gz``, ``l2_…`` or ``ctx_…``.
    data : bytes
        One JSON object a line. Trades: ``ts px sz side``, side ``B`` where the taker bought, ``A``
        where the taker sold. Books: ``ts bids asks``, levels as ``[price, size]`` with the best
        first. Context: ``ts funding oi mark``. Times are UTC ms.
    options : ImportOptions
        ``dataset`` (trades, l2 or ctx) and ``coin`` where the name does not say.

    Returns
    -------
    Parsed
        Rows of trades; of order_book; or of open_interest and funding (``predicted``).

    Raises
    ------
    DamagedFileError
        If a line is not what the name says, or a book is crossed or out of order.
    UsageError
        If neither name nor options say what the file is.

    Notes
    -----
    The tape carries no trade ids. Of a trade's time, side, price, size and count of repetition one
    is made, so that overlapping files meet in the same rows and equal fills stay apart.
    """
    dataset, coin = _subject(path, options)
    file = str(path)
    symbol = instrument_in_file(file, "coin", coin, _VENUE).symbol
    return _READERS[dataset](_Tape(file, symbol), _lines(path, data))


def _subject(path: Path, options: ImportOptions) -> tuple[str, str]:
    named = _NAME.match(path.name)
    dataset = options.dataset or (named["dataset"] if named else None)
    coin = options.coin or (named["coin"] if named else None)
    if dataset not in _READERS or coin is None:
        raise UsageError(
            f"{path}: the name does not say what the tape holds\n"
            "hint: --dataset trades (or l2, or ctx) --coin BTC"
        )
    return dataset, coin


def _lines(path: Path, data: bytes) -> list[bytes]:
    if path.suffix.lower() == ".gz":
        try:
            data = gzip.decompress(data)
        except _BROKEN_GZIP as error:
            raise DamagedFileError(str(path), f"is no readable gzip: {error}") from error
    return data.splitlines()


def _decoded(file: str, lines: Sequence[bytes], kind: Any) -> Iterator[tuple[int, Any]]:
    decoder = msgspec.json.Decoder(kind)
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield number, decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise DamagedFileError(
                    file, f"is no line of this tape: {error}", row=number
                ) from error


def _records(
    tape: _Tape, lines: Sequence[bytes], fields: Sequence[Field]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the columns as written and as typed."""
    records = [record for _, record in _decoded(tape.file, lines, dict[str, Any])]
    raw = frame_of_records(tape.file, records)
    # A file without lines has no columns either: it holds no rows, which `settle` says.
    if not records:
        raw = pl.DataFrame(schema={field.name: pl.String for field in fields})
    return raw, read_columns(tape.file, raw, fields)


def _rows(
    tape: _Tape, frame: pl.DataFrame, dataset: str, **columns: pl.Expr | str | int
) -> pl.DataFrame:
    return rows(
        frame,
        venue=_VENUE,
        symbol=tape.symbol,
        event_time=pl.col("ts"),
        available_time=pl.col("ts"),
        source=f"hyperliquid-tape:{dataset}",
        precedence=_PRECEDENCE,
        **columns,
    )


def _trades(tape: _Tape, lines: Sequence[bytes]) -> Parsed:
    raw, table = _records(
        tape,
        lines,
        (
            Field("ts", "time"),
            Field("px", positive=True),
            Field("sz", positive=True),
            Field("side", "text"),
        ),
    )
    refuse(tape.file, "side", ~table["side"].is_in(["A", "B"]), "is not A or B", raw["side"])
    told = ("ts", "side", "px", "sz")
    parts = (pl.col("ts").cast(pl.Int64), *(pl.col(name) for name in told[1:]))
    frame = _rows(
        tape,
        table.with_columns(repetition=pl.int_range(pl.len()).over(told)),
        "trades",
        trade_id=pl.concat_str(*parts, "repetition", separator=":"),
        price=pl.col("px"),
        amount=pl.col("sz"),
        taker_side=pl.when(pl.col("side") == "B").then(pl.lit("buy")).otherwise(pl.lit("sell")),
    )
    return settle(tape.file, {"trades": [frame]})


def _context(tape: _Tape, lines: Sequence[bytes]) -> Parsed:
    _, table = _records(
        tape,
        lines,
        (
            Field("ts", "time"),
            Field("funding"),
            Field("oi", unsigned=True),
            Field("mark", positive=True),
        ),
    )
    one_sided = pl.col("oi") / 2
    interest = _rows(
        tape,
        table,
        "ctx",
        open_interest=one_sided,
        open_interest_usd=one_sided * pl.col("mark"),
    )
    funding = _rows(
        tape,
        table,
        "ctx",
        kind="predicted",
        funding_rate=pl.col("funding"),
        interval_hours=pl.lit(1.0),
    )
    return settle(tape.file, {"open_interest": [interest], "funding": [funding]})


def _books(tape: _Tape, lines: Sequence[bytes]) -> Parsed:
    kept: dict[int, _Book] = {}
    differing = 0
    stamps: list[int] = []
    for number, book in _decoded(tape.file, lines, _Book):
        ladder = [price for price, _ in (*reversed(book.bids), *book.asks)]
        if any(lower >= higher for lower, higher in pairwise(ladder)):
            raise DamagedFileError(tape.file, "the book is crossed or out of order", row=number)
        # The recorder asks more often than the venue speaks: the same book comes several times.
        differing += book.ts in kept and kept[book.ts] != book
        kept[book.ts] = book
        stamps.append(book.ts)
    read_columns(tape.file, pl.DataFrame({"ts": stamps}, {"ts": pl.Int64}), [Field("ts", "time")])
    frames = [
        _side(tape, side, {ts: getattr(book, f"{side}s") for ts, book in kept.items()})
        for side in ("bid", "ask")
    ]
    said = (f"{tape.file}: {differing} books repeat a time with other levels; the last was kept",)
    return settle(tape.file, {"order_book": frames}, said if differing else ())


def _side(tape: _Tape, side: str, books: dict[int, list[_Level]]) -> pl.DataFrame:
    levels = [
        (ts, level, price, amount)
        for ts, ladder in books.items()
        for level, (price, amount) in enumerate(ladder)
    ]
    frame = pl.DataFrame(
        levels,
        {"ts": pl.Int64, "level": pl.Int32, "price": pl.Float64, "amount": pl.Float64},
        orient="row",
    )
    times = read_columns(tape.file, frame, [Field("ts", "time")])
    return _rows(
        tape,
        frame.with_columns(times["ts"]),
        "l2",
        side=side,
        level=pl.col("level"),
        price=pl.col("price"),
        amount=pl.col("amount"),
    )


_READERS: dict[str, Callable[[_Tape, Sequence[bytes]], Parsed]] = {
    "trades": _trades,
    "l2": _books,
    "ctx": _context,
}
