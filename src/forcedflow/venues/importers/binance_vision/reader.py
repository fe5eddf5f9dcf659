"""Files of Binance's public archive (data.binance.vision), as downloaded.

In:  the bytes of a zip or CSV under the archive's own name.   Out: frames of declared tables.
Reads the ``.CHECKSUM`` beside the file; free of everything else outside.

Rows of the venue's own archive have precedence 10: nothing a vendor resells replaces them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import polars as pl

from forcedflow.errors import UsageError
from forcedflow.venues.importers.binance_vision import klines as _klines
from forcedflow.venues.importers.binance_vision import metrics as _metrics
from forcedflow.venues.importers.binance_vision.archive_name import (
    BAR_DATASETS,
    ArchiveName,
    parse_archive_name,
)
from forcedflow.venues.importers.columns import Field, read_columns
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.parsed import Parsed, rows, settle
from forcedflow.venues.importers.vendor_file import read_csv, unpack_csv, verify_checksum

Frames: TypeAlias = dict[str, list[pl.DataFrame]]

_FUNDING = ("calc_time", "funding_interval_hours", "last_funding_rate")
_DEPTH = ("timestamp", "percentage", "depth", "notional")
_TRADES = (
    "agg_trade_id",
    "price",
    "quantity",
    "first_trade_id",
    "last_trade_id",
    "transact_time",
    "is_buyer_maker",
)


def read_binance_vision(path: Path, data: bytes, options: ImportOptions) -> Parsed:
    """Return the rows of one archive file.

    Parameters
    ----------
    path : Path
        Where the file is: its name and folders say what it holds.
    data : bytes
        Its content, zipped or not.
    options : ImportOptions
        ``market`` and ``dataset`` where the folders do not say; ``contract_sizes`` for COIN-M.

    Returns
    -------
    Parsed
        Rows of klines, open_interest, long_short_ratio, funding, depth_bands or trades.

    Raises
    ------
    DamagedFileError
        If the check sum differs or the content is not what the name says.
    UsageError
        If the name leaves open what the file is.
    """
    name = parse_archive_name(path, options)
    verify_checksum(path, data)
    if name.delivery:
        told = f"{path}: {name.symbol} is a delivery contract; only perpetuals are read"
        return Parsed({}, (told,))
    if not name.has_known_quote:
        # Half a name would file it under a coin that does not exist.
        return Parsed({}, (f"{path}: the quote coin of {name.symbol} is not known; not read",))
    if name.market == "cm" and name.dataset == "bookDepth":
        return Parsed({}, (f"{path}: the units of COIN-M depth are not documented; not read",))
    file, text = unpack_csv(path, data)
    header, read = _READERS[name.dataset]
    raw = read_csv(file, text, header)
    frames = read(file, raw, name, options)
    said = _metrics.zero_interest(file, raw) if name.dataset == "metrics" else ()
    return settle(file, frames, said)


def _funding(file: str, raw: pl.DataFrame, name: ArchiveName, options: ImportOptions) -> Frames:
    del options
    table = read_columns(
        file,
        raw,
        [
            Field("calc_time", "time"),
            Field("funding_interval_hours", positive=True),
            Field("last_funding_rate"),
        ],
    )
    frame = rows(
        table,
        venue="binance",
        symbol=name.instrument.symbol,
        # The venue stamps the settlement some milliseconds late, never early: the whole second
        # below is the settlement itself, so that other sources meet the same key.
        event_time=pl.col("calc_time").dt.truncate("1s"),
        source="binance-vision:fundingRate",
        precedence=10,
        kind="settled",
        funding_rate=pl.col("last_funding_rate"),
        interval_hours=pl.col("funding_interval_hours"),
    )
    return {"funding": [frame]}


def _depth_bands(file: str, raw: pl.DataFrame, name: ArchiveName, options: ImportOptions) -> Frames:
    del options
    table = read_columns(
        file,
        raw,
        [
            Field("timestamp", "time"),
            Field("percentage"),
            Field("depth", unsigned=True),
            Field("notional", unsigned=True),
        ],
    )
    frame = rows(
        table,
        venue="binance",
        symbol=name.instrument.symbol,
        event_time=pl.col("timestamp"),
        source="binance-vision:bookDepth",
        precedence=10,
        distance_pct=pl.col("percentage"),
        amount=pl.col("depth"),
        notional_usd=pl.col("notional"),
    )
    return {"depth_bands": [frame]}


def _trades(file: str, raw: pl.DataFrame, name: ArchiveName, options: ImportOptions) -> Frames:
    table = read_columns(
        file,
        raw,
        [
            Field("agg_trade_id", "text"),
            Field("price", positive=True),
            Field("quantity", unsigned=True),
            Field("transact_time", "time"),
            Field("is_buyer_maker", "flag"),
        ],
    )
    amount = pl.col("quantity")
    if name.market == "cm":
        size = options.contract_size("binance", name.instrument.base)
        if size is None:
            raise UsageError(
                f"{file}: COIN-M trades are in contracts of unstated size\n"
                f"hint: --contract-size binance:{name.instrument.base}=100 (USD per contract)"
            )
        amount = pl.col("quantity") * size / pl.col("price")
    frame = rows(
        table,
        venue="binance",
        symbol=name.instrument.symbol,
        event_time=pl.col("transact_time"),
        source="binance-vision:aggTrades",
        precedence=10,
        trade_id=pl.col("agg_trade_id"),
        price=pl.col("price"),
        amount=amount,
        # The buyer waited in the book: whoever took was selling.
        taker_side=pl.when(pl.col("is_buyer_maker")).then(pl.lit("sell")).otherwise(pl.lit("buy")),
    )
    return {"trades": [frame]}


_Reader: TypeAlias = Callable[[str, pl.DataFrame, ArchiveName, ImportOptions], Frames]

_READERS: dict[str, tuple[tuple[tuple[str, ...], ...], _Reader]] = {
    **dict.fromkeys(BAR_DATASETS, ((_klines.COLUMNS,), _klines.klines)),
    "metrics": ((_metrics.COLUMNS,), _metrics.metrics),
    "fundingRate": ((_FUNDING,), _funding),
    "bookDepth": ((_DEPTH,), _depth_bands),
    # Spot adds whether the price was the best one.
    "aggTrades": ((_TRADES, (*_TRADES, "is_best_match")), _trades),
}
