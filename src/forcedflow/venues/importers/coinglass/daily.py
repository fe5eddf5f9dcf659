"""CoinGlass exports of several coins by the day: one file per series, and the panel of them.

In:  columns of text; ``ts_utc`` is the day, funding is percent.   Out: declared tables.
Pure: no I/O, no clock, no global state.

Series of a pair (prices, ratios) are Binance's. Liquidations and taker volume are sums over
Binance, Bybit and OKX; open interest and its weighted funding are sums over every venue the vendor
covers, under the venue ``all``. The vendor writes 0 for days before it, or the coin, began:
missing, not quiet. Feeds were thinned in 2021, so levels before and after are not comparable.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from forcedflow.errors import UsageError
from forcedflow.units import DAY_MS, MINUTE_MS
from forcedflow.venues.importers.bars import PRICES, bar_end, refuse_impossible
from forcedflow.venues.importers.coinglass.hourly import PRECEDENCE
from forcedflow.venues.importers.columns import Field, read_columns, refuse
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.parsed import rows
from forcedflow.venues.importers.symbols import instrument_in_file
from forcedflow.venues.importers.totals import AGGREGATE, ALL_VENUES, liquidation_rows

PANEL_PRECEDENCE = 2
"""The panel was assembled from the series, so they win."""

_KEY = (Field("symbol", "text"), Field("ts_utc", "time"))
_END = bar_end("ts_utc", DAY_MS)


def panel(path: Path, raw: pl.DataFrame, options: ImportOptions) -> dict[str, list[pl.DataFrame]]:
    """Return liquidation totals, open interest and perpetual prices of the joined file."""
    del options  # the file says all about itself
    source, rank = "coinglass:panel", PANEL_PRECEDENCE
    return {
        "liquidation_totals": _liquidations(path, raw, source, rank),
        "open_interest": _open_interest(path, raw, source, rank),
        "klines": _prices(path, raw, source, rank, spot=False),
    }


def funding(path: Path, raw: pl.DataFrame, options: ImportOptions) -> dict[str, list[pl.DataFrame]]:
    """Return funding weighted by open interest over all venues."""
    del options  # the file says all about itself
    table = read_columns(str(path), raw, [*_KEY, Field("funding_close")])
    frame = rows(
        table,
        venue=ALL_VENUES,
        symbol=pl.col("symbol"),
        event_time=_END,
        source="coinglass:funding_oi_weight",
        precedence=PRECEDENCE,
        kind="predicted",
        funding_rate=pl.col("funding_close") / 100.0,
    )
    return {"funding": [frame]}


def prices(path: Path, raw: pl.DataFrame, options: ImportOptions) -> dict[str, list[pl.DataFrame]]:
    """Return bars of Binance's spot pairs or perpetuals; which, the name or an option says.

    Raises
    ------
    UsageError
        If neither does.
    """
    if options.market is not None:
        spot = options.market == "spot"
    elif "spot" in path.name.lower():
        spot = True
    elif "futures" in path.name.lower():
        spot = False
    else:
        raise UsageError(f"{path}: does not say spot or perpetual\nhint: --market perp (or spot)")
    source = f"coinglass:{'spot' if spot else 'futures'}_ohlcv"
    return {"klines": _prices(path, raw, source, PRECEDENCE, spot=spot)}


def open_interest(
    path: Path, raw: pl.DataFrame, options: ImportOptions
) -> dict[str, list[pl.DataFrame]]:
    """Return open interest summed over all venues."""
    del options  # the file says all about itself
    frames = _open_interest(path, raw, "coinglass:futures_oi_agg", PRECEDENCE)
    return {"open_interest": frames}


def liquidations(
    path: Path, raw: pl.DataFrame, options: ImportOptions
) -> dict[str, list[pl.DataFrame]]:
    """Return liquidation totals summed over three venues."""
    del options  # the file says all about itself
    frames = _liquidations(path, raw, "coinglass:liquidation_agg", PRECEDENCE)
    return {"liquidation_totals": frames}


def long_short(
    path: Path, raw: pl.DataFrame, options: ImportOptions
) -> dict[str, list[pl.DataFrame]]:
    """Return Binance's three ratios of longs to shorts."""
    del options  # the file says all about itself
    columns = {
        "lsr_global": "accounts",
        "lsr_top_accounts": "top_accounts",
        "lsr_top_positions": "top_positions",
    }
    table = read_columns(
        str(path), raw, [*_KEY, *(Field(name, required=False, unsigned=True) for name in columns)]
    )
    frames = [
        _ratio(
            table.filter(pl.col(name).is_not_null()),
            venue="binance",
            symbol=_binance_symbol(str(path), table, spot=False),
            source="coinglass:long_short_all",
            kind=kind,
            ratio=pl.col(name),
        )
        for name, kind in columns.items()
    ]
    return {"long_short_ratio": frames}


def taker_volume(
    path: Path, raw: pl.DataFrame, options: ImportOptions
) -> dict[str, list[pl.DataFrame]]:
    """Return the ratio of taker buys to taker sells over three venues."""
    del options  # the file says all about itself
    buy, sell = pl.col("taker_buy_usd"), pl.col("taker_sell_usd")
    table = read_columns(
        str(path),
        raw,
        [*_KEY, Field("taker_buy_usd", unsigned=True), Field("taker_sell_usd", unsigned=True)],
    )
    frame = _ratio(
        table.filter((buy > 0) & (sell > 0)),
        venue=AGGREGATE,
        symbol=pl.col("symbol"),
        source="coinglass:taker_vol_agg_futures",
        kind="taker_volume",
        ratio=buy / sell,
    )
    return {"long_short_ratio": [frame]}


LAYOUTS: tuple[
    tuple[
        frozenset[str], Callable[[Path, pl.DataFrame, ImportOptions], dict[str, list[pl.DataFrame]]]
    ],
    ...,
] = (
    (frozenset({"liq_long_usd", "oi_total_close", "open"}), panel),
    (frozenset({"ts_utc", "funding_close"}), funding),
    (frozenset({"ts_utc", "open", "volume_usd"}), prices),
    (frozenset({"ts_utc", "oi_total_close"}), open_interest),
    (frozenset({"ts_utc", "liq_long_usd"}), liquidations),
    (frozenset({"ts_utc", "lsr_global"}), long_short),
    (frozenset({"ts_utc", "taker_buy_usd"}), taker_volume),
)
"""Columns that tell a file, and its reader; the first that fits is taken."""


def _binance_symbol(file: str, table: pl.DataFrame, *, spot: bool) -> pl.Expr:
    names = {
        name: instrument_in_file(file, "symbol", name, "binance", spot=spot).symbol
        for name in table["symbol"].unique()
    }
    return pl.col("symbol").replace_strict(names, return_dtype=pl.String)


def _prices(
    path: Path, raw: pl.DataFrame, source: str, precedence: int, *, spot: bool
) -> list[pl.DataFrame]:
    file = str(path)
    value = Field("volume_usd", required=False, unsigned=True)
    table = read_columns(file, raw, [*_KEY, *PRICES, value])
    refuse_impossible(file, table)
    return [
        rows(
            table,
            venue="binance",
            symbol=_binance_symbol(file, table, spot=spot),
            event_time=_END,
            source=source,
            precedence=precedence,
            price_type="spot" if spot else "last",
            interval_ms=DAY_MS,
            **{price.name: pl.col(price.name) for price in PRICES},
            quote_volume=pl.col("volume_usd"),
        )
    ]


def _open_interest(
    path: Path, raw: pl.DataFrame, source: str, precedence: int
) -> list[pl.DataFrame]:
    file = str(path)
    table = read_columns(
        file,
        raw,
        [
            *_KEY,
            Field("oi_total_close", required=False, unsigned=True),
            Field("unit", "text", required=False),
        ],
    )
    other = table["unit"].is_not_null() & (table["unit"] != "usd")
    refuse(file, "unit", other, "is not usd", table["unit"])
    return [
        rows(
            table.filter(pl.col("oi_total_close") > 0),
            venue=ALL_VENUES,
            symbol=pl.col("symbol"),
            event_time=_END,
            source=source,
            precedence=precedence,
            open_interest_usd=pl.col("oi_total_close"),
        )
    ]


def _liquidations(
    path: Path, raw: pl.DataFrame, source: str, precedence: int
) -> list[pl.DataFrame]:
    table = read_columns(
        str(path),
        raw,
        [*_KEY, Field("liq_long_usd", unsigned=True), Field("liq_short_usd", unsigned=True)],
    )
    # A quiet day is a zero after the feed began; before, zero is the absence of a feed.
    something = (pl.col("liq_long_usd") + pl.col("liq_short_usd")) > 0
    began = pl.col("ts_utc").filter(something).min().over("symbol")
    return liquidation_rows(
        table.filter(pl.col("ts_utc") >= began),
        venue=AGGREGATE,
        symbol=pl.col("symbol"),
        event_time=_END,
        interval_ms=DAY_MS,
        source=source,
        precedence=precedence,
        usd=(pl.col("liq_long_usd"), pl.col("liq_short_usd")),
    )


def _ratio(
    table: pl.DataFrame,
    *,
    venue: str,
    symbol: pl.Expr,
    source: str,
    kind: str,
    ratio: pl.Expr,
) -> pl.DataFrame:
    return rows(
        table,
        venue=venue,
        symbol=symbol,
        event_time=_END,
        available_time=bar_end("ts_utc", DAY_MS + 5 * MINUTE_MS),
        source=source,
        precedence=PRECEDENCE,
        kind=kind,
        interval_ms=DAY_MS,
        ratio=ratio,
    )
