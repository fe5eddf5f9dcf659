"""CoinGlass exports of one coin by the hour or half hour.

In:  columns of text; times are the start of the bar, funding is percent.   Out: declared tables.
Pure: no I/O, no clock, no global state.

Prices are Binance's spot pair, open interest and funding Binance's USDT perpetual, liquidations the
sum over Binance, Bybit and OKX. The file that holds liquidations alone is the vendor's later
export; where both give an hour it wins, whatever the order of import.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from forcedflow.errors import UsageError
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.venues.importers.bars import PRICES, bar_end, interval_ms, refuse_impossible
from forcedflow.venues.importers.columns import Field, read_columns
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.parsed import rows
from forcedflow.venues.importers.totals import AGGREGATE, liquidation_rows

LIQUIDATION_PRECEDENCE = 4
"""Of the file that holds liquidations alone: above every other export of this vendor."""

PRECEDENCE = 3
"""Of the vendor's other series: below the venue's own archive (10) and candles (5)."""


def coin_of(path: Path, options: ImportOptions) -> str:
    """Return the coin that the option or the file's name states.

    Raises
    ------
    UsageError
        If neither does.
    """
    if options.coin is not None:
        return parse_symbol(options.coin).base
    named = re.match(r"(?i)coinglass_([A-Z0-9]+)_", path.name)
    if named is None:
        raise UsageError(f"{path}: names no coin\nhint: --coin BTC")
    return named[1].upper()


def combined(
    path: Path, raw: pl.DataFrame, options: ImportOptions
) -> dict[str, list[pl.DataFrame]]:
    """Return klines, liquidation totals, open interest and predicted funding of one coin.

    Raises
    ------
    DamagedFileError
        If a value is not what its column declares.
    UsageError
        If neither the name nor the options tell the coin.
    """
    file, coin = str(path), coin_of(path, options)
    table = read_columns(
        file,
        raw.rename({f"price_{price.name}": price.name for price in PRICES}),
        [
            Field("timestamp", "time"),
            *PRICES,
            Field("liquidation_long_usd", unsigned=True),
            Field("liquidation_short_usd", unsigned=True),
            Field("funding_close"),
            Field("oi_close", positive=True),
        ],
    )
    refuse_impossible(file, table)
    length = interval_ms(file, path.name, options, table["timestamp"])
    end = bar_end("timestamp", length)
    perpetual = Instrument("binance", coin, "USDT", "USDT").symbol
    return {
        "klines": [
            rows(
                table,
                venue="binance",
                symbol=Instrument("binance", coin, "USDT", None).symbol,
                event_time=end,
                source="coinglass:combined",
                precedence=PRECEDENCE,
                price_type="spot",
                interval_ms=length,
                **{price.name: pl.col(price.name) for price in PRICES},
            )
        ],
        "liquidation_totals": liquidation_rows(
            table,
            venue=AGGREGATE,
            symbol=coin,
            event_time=end,
            interval_ms=length,
            source="coinglass:combined",
            precedence=PRECEDENCE,
            usd=(pl.col("liquidation_long_usd"), pl.col("liquidation_short_usd")),
        ),
        "open_interest": [
            rows(
                table,
                venue="binance",
                symbol=perpetual,
                event_time=end,
                source="coinglass:combined",
                precedence=PRECEDENCE,
                open_interest_usd=pl.col("oi_close"),
            )
        ],
        "funding": [
            rows(
                table,
                venue="binance",
                symbol=perpetual,
                event_time=end,
                source="coinglass:combined",
                precedence=PRECEDENCE,
                kind="predicted",
                funding_rate=pl.col("funding_close") / 100.0,
            )
        ],
    }


def liquidations(
    path: Path, raw: pl.DataFrame, options: ImportOptions
) -> dict[str, list[pl.DataFrame]]:
    """Return liquidation totals of a file that holds nothing else.

    Raises
    ------
    DamagedFileError
        If a value is not what its column declares.
    UsageError
        If neither the name nor the options tell the coin.
    """
    file = str(path)
    table = read_columns(
        file,
        raw,
        [
            Field("timestamp", "time"),
            Field("longUsd", unsigned=True),
            Field("shortUsd", unsigned=True),
        ],
    )
    length = interval_ms(file, path.name, options, table["timestamp"])
    return {
        "liquidation_totals": liquidation_rows(
            table,
            venue=AGGREGATE,
            symbol=coin_of(path, options),
            event_time=bar_end("timestamp", length),
            interval_ms=length,
            source="coinglass:liquidation",
            precedence=LIQUIDATION_PRECEDENCE,
            usd=(pl.col("longUsd"), pl.col("shortUsd")),
        )
    }
