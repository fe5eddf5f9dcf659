"""Bars of Binance's archive: last, mark, index, premium and spot prices.

In:  columns of text, start times in ms or µs.   Out: rows of klines stamped with the bar's end.
Pure: no I/O, no clock, no global state.

Mark, index and premium bars carry zeros where traded volume would stand: nothing is traded at
those prices, so the columns become null. COIN-M bars count volume in contracts and carry the coins
in the columns that hold quote value elsewhere.
"""

from __future__ import annotations

import polars as pl

from forcedflow.tables import TIME
from forcedflow.venues.importers.bars import PRICES, refuse_impossible
from forcedflow.venues.importers.binance_vision.archive_name import ArchiveName
from forcedflow.venues.importers.columns import Field, read_columns
from forcedflow.venues.importers.options import ImportOptions, parse_interval
from forcedflow.venues.importers.parsed import rows

COLUMNS = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
"""The archive's own header, which older files and spot files leave out."""

_PRICE_TYPES = {
    "markPriceKlines": "mark",
    "indexPriceKlines": "index",
    "premiumIndexKlines": "premium",
}
_ANY_SIGN = tuple(Field(price.name) for price in PRICES)  # a premium may be negative


def klines(
    file: str, raw: pl.DataFrame, name: ArchiveName, options: ImportOptions
) -> dict[str, list[pl.DataFrame]]:
    """Return rows of ``klines``.

    Parameters
    ----------
    file : str
        Name for messages.
    raw : polars.DataFrame
        Columns of text under `COLUMNS`.
    name : ArchiveName
        Market, dataset, symbol and interval.
    options : ImportOptions
        The contract size of a COIN-M symbol turns its volume into quote value too.

    Returns
    -------
    dict of str to list of polars.DataFrame

    Raises
    ------
    DamagedFileError
        If a value is not what its column declares, or a bar's high or low is impossible.
    """
    price_type = _PRICE_TYPES.get(name.dataset, "spot" if name.market == "spot" else "last")
    prices = _ANY_SIGN if price_type == "premium" else PRICES
    traded = price_type in {"last", "spot"}
    volumes = tuple(
        Field(column, unsigned=True)
        for column in ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
    )
    bars = read_columns(
        file,
        raw,
        [
            Field("open_time", "time"),
            Field("close_time", "time"),
            *prices,
            *(volumes if traded else ()),
            *((Field("count", "count", unsigned=True),) if traded else ()),
        ],
    )
    refuse_impossible(file, bars)
    end = _end(name)
    nothing = pl.lit(None)
    coin_margined = name.market == "cm"
    size = options.contract_size("binance", name.instrument.base)
    coins = "quote_volume" if coin_margined else "volume"
    taker_coins = "taker_buy_quote_volume" if coin_margined else "taker_buy_volume"
    value = pl.col("volume") * size if coin_margined else pl.col("quote_volume")
    frame = rows(
        bars,
        venue="binance",
        symbol=name.instrument.symbol,
        event_time=end,
        source=f"binance-vision:{name.dataset}",
        precedence=10,
        price_type=price_type,
        interval_ms=(end - pl.col("open_time")).dt.total_milliseconds(),
        **{price.name: pl.col(price.name) for price in PRICES},
        volume=pl.col(coins) if traded else nothing,
        quote_volume=value if traded and not (coin_margined and size is None) else nothing,
        taker_buy_volume=pl.col(taker_coins) if traded else nothing,
        trade_count=pl.col("count") if traded else nothing,
    )
    return {"klines": [frame]}


def _end(name: ArchiveName) -> pl.Expr:
    if name.interval == "1mo":
        return pl.col("open_time").dt.offset_by("1mo")
    length = parse_interval(str(name.interval))
    return (pl.col("open_time").cast(pl.Int64) + length).cast(TIME)
