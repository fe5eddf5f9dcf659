"""Tardis.dev's CSV files: trades, liquidations, ticker values and books of one symbol and day.

In:  CSV, gzipped or not; times in microseconds, sizes as the exchange counts them.
Out: rows of trades, liquidations, open_interest, funding, klines (mark and index) and order_book.
Pure: no I/O, no clock, no global state.

The vendor unifies a liquidation's side to that of the *order*: ``buy`` closed a short, ``sell`` a
long, also where the exchange itself prints the side of the position. Sizes are left as the exchange
counts them: coins on some, contracts on others, which is why a contract's size may have to be
stated. A row's ``timestamp`` is the exchange's, ``local_timestamp`` the moment it reached the
vendor: nobody could know it before.

References
----------
.. [1] Tardis.dev documentation, "Downloadable CSV files", data types and their columns; the first
   day of each month is free and needs no key.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import polars as pl

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.tables import TIME, Completeness
from forcedflow.units import MINUTE_MS
from forcedflow.venues.importers.columns import Field, read_columns, refuse
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.parsed import Parsed, rows, settle
from forcedflow.venues.importers.vendor_file import read_csv

Dataset: TypeAlias = Literal["trades", "liquidations", "derivative_ticker", "book_snapshot"]

_PRECEDENCE: Final = 5  # below every source of the venue's own
_BROKEN_GZIP: Final = (OSError, EOFError, zlib.error)
_GZIP_MAGIC: Final = b"\x1f\x8b"
_LEVEL: Final = re.compile(r"^(asks|bids)\[(\d+)\]\.(price|amount)$")
_DATASET_IN_NAME: Final = re.compile(
    r"(?<![a-z])(trades|liquidations|derivative_ticker|book_snapshot_(?:5|25))(?![a-z0-9])"
)
_FOLDERS: Final = frozenset(
    {"trades", "liquidations", "derivative_ticker", "book_snapshot_5", "book_snapshot_25"}
)

# Several books a second say little more than one, and fill the lake; see `forcedflow record`.
_BOOK_EVERY_MS: Final = 1_000

# Fewer samples of a minute do not tell its high and low.
_FEWEST_SAMPLES: Final = 20

_Unit: TypeAlias = Literal["coins", "contracts"]


@dataclass(frozen=True, slots=True)
class _Exchange:
    """What the vendor calls an exchange, and what its numbers are.

    Its liquidations were sampled before ``complete_since``, and are complete since. [UTC ms]
    """

    venue: str
    unit: _Unit = "coins"
    price_kind: str = "order"
    completeness: Completeness = "unknown"
    complete_since: int | None = None
    interest_sides: int = 1


_EXCHANGES: Final = {
    # The vendor takes Binance's mean fill price, and all that was filled.
    "binance-futures": _Exchange("binance", "coins", "fill", "sampled lower bound"),
    # All liquidations since the topic `allLiquidation` of 26 February 2025.
    "bybit": _Exchange(
        "bybit", "coins", "bankruptcy", "sampled lower bound", 1_740_528_000_000, interest_sides=2
    ),
    "okex-swap": _Exchange("okx", "contracts", "bankruptcy", "sampled lower bound"),
    # All liquidations since 20 August 2026.
    "gate-io-futures": _Exchange(
        "gate", "contracts", "order", "sampled lower bound", 1_787_184_000_000
    ),
    "bitget-futures": _Exchange("bitget", "coins", "bankruptcy", "sampled lower bound"),
    "dydx-v4": _Exchange("dydx", "coins", "fill", "complete"),
    "hyperliquid": _Exchange("hyperliquid", interest_sides=2),
    "kucoin-futures": _Exchange("kucoin", "contracts"),
}
"""Exchanges whose linear perpetuals are read, by the vendor's names."""

_HEAD: Final = (
    Field("exchange", "text"),
    Field("symbol", "text"),
    Field("timestamp", "time"),
    Field("local_timestamp", "time"),
)
_PRINT: Final = (
    Field("id", "text", required=False),
    Field("side", "text"),
    Field("price", positive=True),
    Field("amount", positive=True),
)
_TICKER: Final = (
    Field("funding_rate", required=False),
    Field("open_interest", required=False, unsigned=True),
    Field("mark_price", required=False, positive=True),
    Field("index_price", required=False, positive=True),
)


@dataclass(frozen=True, slots=True)
class _File:
    """A file while it is read: its rows of linear perpetuals, and what is said of the others."""

    name: str
    exchange: _Exchange
    raw: pl.DataFrame
    warnings: list[str]

    def typed(self, fields: Sequence[Field]) -> pl.DataFrame:
        """Return columns with their types, and ``known``: nobody had a row before that."""
        table = read_columns(self.name, self.raw, (*_HEAD, *fields))
        extra = self.raw.select("unified", "coins_per_unit")
        return pl.concat([table, extra], how="horizontal").with_columns(
            known=pl.max_horizontal("timestamp", "local_timestamp")
        )

    def rows(self, frame: pl.DataFrame, dataset: str, **columns: pl.Expr | str | int) -> _Rows:
        """Return rows of a table; ``event`` and ``known`` are columns of the frame."""
        return rows(
            frame,
            venue=self.exchange.venue,
            symbol=pl.col("unified"),
            event_time=pl.col("timestamp"),
            available_time=pl.col("known"),
            source=f"tardis:{dataset}",
            precedence=_PRECEDENCE,
            **columns,
        )


_Rows: TypeAlias = pl.DataFrame


def is_tardis_name(path: Path) -> bool:
    """Return whether a file is called as the vendor's own tools call it, or lies as its site does.

    Examples
    --------
    >>> is_tardis_name(Path("binance-futures_liquidations_2026-06-01_BTCUSDT.csv.gz"))
    True
    >>> is_tardis_name(Path("v1/bybit/trades/2026/06/01/BTCUSDT.csv.gz"))
    True
    >>> is_tardis_name(Path("notes.csv"))
    False
    """
    if not path.name.lower().endswith((".csv", ".csv.gz")):
        return False
    return bool(_DATASET_IN_NAME.search(path.name)) or bool(set(path.parts) & _FOLDERS)


def read_tardis(path: Path, data: bytes, options: ImportOptions) -> Parsed:
    """Return the rows of one file; its columns say what it holds.

    Parameters
    ----------
    path : Path
        Where the file is.
    data : bytes
        CSV, gzipped or not, of trades, liquidations, derivative_ticker, book_snapshot_5 or
        book_snapshot_25.
    options : ImportOptions
        ``contract_sizes`` of exchanges that count contracts; ``dataset`` (trades or liquidations)
        where neither name nor folder tells them apart; ``venue`` and ``volume_units`` of an
        exchange that is not known.

    Returns
    -------
    Parsed
        Trades; liquidations with the side of the position; or of a ticker the last open interest
        and funding estimate of each minute and bars of mark and index price; or one book a second.
        Contracts that are no linear perpetuals are left out with a warning.

    Raises
    ------
    DamagedFileError
        If a row is not what its column says.
    UsageError
        If the exchange or a contract's size is not known, or the file could be one or the other.
    """
    name = str(path)
    raw = read_csv(name, _unpacked(path, data))
    dataset = _dataset(path, raw, options)
    if raw.is_empty():
        return settle(name, {})  # a day on which nothing was liquidated
    file = _selected(name, raw, dataset, options)
    frames = _READERS[dataset](file) if file.raw.height else {}
    return settle(name, frames, file.warnings)


def _unpacked(path: Path, data: bytes) -> bytes:
    if not data.startswith(_GZIP_MAGIC):
        return data
    try:
        return gzip.decompress(data)
    except _BROKEN_GZIP as error:
        raise DamagedFileError(str(path), f"is no readable gzip: {error}") from error


def _dataset(path: Path, raw: pl.DataFrame, options: ImportOptions) -> Dataset:
    columns = set(raw.columns)
    if "open_interest" in columns:
        return "derivative_ticker"
    if any(map(_LEVEL.match, columns)):
        return "book_snapshot"
    if not {"side", "price", "amount"} <= columns or "is_snapshot" in columns:
        known = "trades, liquidations, derivative_ticker, book_snapshot_5 and book_snapshot_25"
        raise DamagedFileError(str(path), f"is none of the files that are read: {known}")
    # Trades and liquidations have the same columns.
    match options.dataset or _named_dataset(path):
        case "trades":
            return "trades"
        case "liquidations":
            return "liquidations"
        case _:
            raise UsageError(
                f"{path}: neither name nor folder says whether these are trades or liquidations\n"
                "hint: --dataset liquidations (or trades)"
            )


def _named_dataset(path: Path) -> str | None:
    named = _DATASET_IN_NAME.search(path.name)
    folders = [part for part in path.parts if part in {"trades", "liquidations"}]
    return named[0] if named else (folders[-1] if folders else None)


def _selected(name: str, raw: pl.DataFrame, dataset: Dataset, options: ImportOptions) -> _File:
    """Return the rows of linear perpetuals, with unified names and the coins of a unit."""
    head = read_columns(name, raw, _HEAD[:2])
    exchanges = head["exchange"].unique().to_list()
    if len(exchanges) != 1:
        raise DamagedFileError(name, f"names {len(exchanges)} exchanges", field="exchange")
    exchange = _exchange(name, exchanges[0], options)
    sized = dataset != "derivative_ticker" or raw["open_interest"].is_not_null().any()
    scales: dict[str, tuple[str, float]] = {}
    left_out: list[str] = []
    for text in sorted(head["symbol"].unique()):
        instrument = _perpetual(exchange.venue, text)
        if instrument is None:
            left_out.append(text)
        else:
            size = _coins_per_unit(exchange, instrument, options) if sized else 1.0
            scales[text] = instrument.symbol, size
    said = []
    if left_out:
        shown = ", ".join(left_out[:5]) + (", …" if len(left_out) > 5 else "")
        said.append(f"{name}: {shown} left out: no linear perpetual")
    kept = raw.with_columns(
        unified=head["symbol"].replace_strict(
            {text: symbol for text, (symbol, _) in scales.items()},
            default=None,
            return_dtype=pl.String,
        ),
        coins_per_unit=head["symbol"].replace_strict(
            {text: size for text, (_, size) in scales.items()},
            default=None,
            return_dtype=pl.Float64,
        ),
    ).filter(pl.col("unified").is_not_null())
    return _File(name, exchange, kept, said)


def _exchange(name: str, text: str, options: ImportOptions) -> _Exchange:
    if text in _EXCHANGES:
        return _EXCHANGES[text]
    unit = options.volume_unit(options.venue) if options.venue else None
    if options.venue is None or unit not in {"coins", "contracts"}:
        raise UsageError(
            f"{name}: how {text!r} counts sizes is not known\n"
            f"hint: --venue {text} --volume-unit {text}=coins (or contracts)"
        )
    return _Exchange(options.venue, "coins" if unit == "coins" else "contracts")


def _perpetual(venue: str, text: str) -> Instrument | None:
    try:
        found = parse_symbol(text, venue)
    except UsageError:
        return None
    return found if found.kind == "linear" and not text.isdigit() else None


def _coins_per_unit(exchange: _Exchange, instrument: Instrument, options: ImportOptions) -> float:
    if exchange.unit == "coins":
        return 1.0
    size = options.contract_size(exchange.venue, instrument.base)
    if size is None:
        raise UsageError(
            f"{exchange.venue} counts contracts, and how many coins one of {instrument.symbol} is "
            "the file does not say\n"
            f"hint: --contract-size {exchange.venue}:{instrument.base}=0.01"
        )
    return size


def _trades(file: _File) -> dict[str, list[_Rows]]:
    table = file.typed(_PRINT)
    known = table["side"].is_in(["buy", "sell"])
    if unknown := table.height - int(known.sum()):
        file.warnings.append(f"{file.name}: {unknown} trades name no taker; left out")
    table = table.filter(known)
    told = ("unified", "timestamp", "side", "price", "amount")
    made = pl.concat_str(pl.col("timestamp").cast(pl.Int64), *told[2:], "repetition", separator=":")
    frame = file.rows(
        table.with_columns(repetition=pl.int_range(pl.len()).over(told)),
        "trades",
        trade_id=pl.coalesce("id", made),
        price=pl.col("price"),
        amount=pl.col("amount") * pl.col("coins_per_unit"),
        taker_side=pl.col("side"),
    )
    return {"trades": [frame]}


def _liquidations(file: _File) -> dict[str, list[_Rows]]:
    table = file.typed(_PRINT)
    raw = file.raw["side"]
    refuse(file.name, "side", ~table["side"].is_in(["buy", "sell"]), "is not buy or sell", raw)
    exchange = file.exchange
    completeness: pl.Expr = pl.lit(exchange.completeness)
    if exchange.complete_since is not None:
        since = pl.lit(exchange.complete_since).cast(TIME)
        completeness = (
            pl.when(pl.col("timestamp") >= since).then(pl.lit("complete")).otherwise(completeness)
        )
    amount = pl.col("amount") * pl.col("coins_per_unit")
    frame = file.rows(
        table,
        "liquidations",
        side=pl.when(pl.col("side") == "buy").then(pl.lit("short")).otherwise(pl.lit("long")),
        price=pl.col("price"),
        price_kind=exchange.price_kind,
        amount=amount,
        notional_usd=amount * pl.col("price"),
        event_id=pl.col("id").fill_null(""),
        completeness=completeness,
    )
    return {"liquidations": [frame]}


def _ticker(file: _File) -> dict[str, list[_Rows]]:
    table = file.typed(_TICKER).sort("timestamp", maintain_order=True)
    coins = pl.col("open_interest") * pl.col("coins_per_unit") / file.exchange.interest_sides
    interest = file.rows(
        _last_of_minute(table, "open_interest"),
        "derivative_ticker",
        open_interest=coins,
        open_interest_usd=coins * pl.col("mark_price"),
    )
    funding = file.rows(
        _last_of_minute(table, "funding_rate"),
        "derivative_ticker",
        kind="predicted",
        funding_rate=pl.col("funding_rate"),
    )
    bars = [_bars(file, table, price_type) for price_type in ("mark", "index")]
    return {"open_interest": [interest], "funding": [funding], "klines": bars}


def _last_of_minute(table: pl.DataFrame, column: str) -> pl.DataFrame:
    held = table.filter(pl.col(column).is_not_null())
    minute = pl.col("timestamp").dt.truncate("1m").alias("minute")
    return held.group_by("unified", minute, maintain_order=True).last()


def _bars(file: _File, table: pl.DataFrame, price_type: str) -> _Rows:
    price = pl.col(f"{price_type}_price")
    minute = pl.col("timestamp").dt.truncate("1m").alias("minute")
    held = table.filter(price.is_not_null())
    grouped = held.group_by("unified", minute, maintain_order=True).agg(
        open=price.first(),
        high=price.max(),
        low=price.min(),
        close=price.last(),
        samples=pl.len(),
        known=pl.col("known").max(),
    )
    end = (pl.col("minute").cast(pl.Int64) + MINUTE_MS).cast(TIME)
    # The last minute of a file may have been cut short.
    whole = grouped.filter(
        pl.col("samples") >= _FEWEST_SAMPLES,
        pl.col("minute") < pl.col("minute").max().over("unified"),
    ).with_columns(timestamp=end, known=pl.max_horizontal(end, "known"))
    return file.rows(
        whole,
        "derivative_ticker",
        price_type=price_type,
        interval_ms=MINUTE_MS,
        **{name: pl.col(name) for name in ("open", "high", "low", "close")},
    )


def _books(file: _File) -> dict[str, list[_Rows]]:
    found = [matched for column in file.raw.columns if (matched := _LEVEL.match(column))]
    levels = sorted({(matched[1], int(matched[2])) for matched in found})
    # A thin book has fewer levels than columns.
    fields = [
        Field(f"{side}[{level}].{what}", required=False, positive=True)
        for side, level in levels
        for what in ("price", "amount")
    ]
    table = file.typed(fields).sort("timestamp", maintain_order=True)
    second = (pl.col("timestamp").cast(pl.Int64) // _BOOK_EVERY_MS).alias("second")
    kept = table.group_by("unified", second, maintain_order=True).last()
    best = pl.col("bids[0].price") >= pl.col("asks[0].price")
    if crossed := kept.filter(best).height:
        file.warnings.append(f"{file.name}: {crossed} crossed books; left out")
        kept = kept.filter(~best.fill_null(value=False))
    frames = [
        file.rows(
            kept.filter(pl.col(f"{side}[{level}].price").is_not_null()),
            "book_snapshot",
            side="bid" if side == "bids" else "ask",
            level=pl.lit(level, dtype=pl.Int32),
            price=pl.col(f"{side}[{level}].price"),
            amount=pl.col(f"{side}[{level}].amount") * pl.col("coins_per_unit"),
        )
        for side, level in levels
    ]
    return {"order_book": frames}


_READERS: Final[dict[Dataset, Callable[[_File], dict[str, list[_Rows]]]]] = {
    "trades": _trades,
    "liquidations": _liquidations,
    "derivative_ticker": _ticker,
    "book_snapshot": _books,
}
