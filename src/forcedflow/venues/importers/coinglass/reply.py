"""Stored replies of CoinGlass's API: liquidations, open interest and funding; maps are told apart.

In:  ``{"code": "0", "data": [{"time": ms, ...}]}``, numbers or text.   Out: declared tables.
Pure: no I/O, no clock, no global state.

A reply does not say what it is about, so coin, venue and interval are options, and so is the
dataset where open interest and funding look alike (both are open, high, low, close).

References
----------
.. [1] CoinGlass API v4, "Pair Liquidation History", "Coin Liquidation History", "Open Interest
   History (OHLC)", "Funding Rate History (OHLC)"; docs.coinglass.com, read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.venues.importers.bars import bar_end
from forcedflow.venues.importers.coinglass.hourly import PRECEDENCE
from forcedflow.venues.importers.coinglass.peer_map import is_map, map_rows
from forcedflow.venues.importers.columns import Field, read_columns
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.parsed import rows
from forcedflow.venues.importers.symbols import stated, stated_series
from forcedflow.venues.importers.totals import liquidation_rows
from forcedflow.venues.importers.vendor_file import frame_of_records

_LIQUIDATIONS = (
    ("aggregated_long_liquidation_usd", "aggregated_short_liquidation_usd"),
    ("long_liquidation_usd", "short_liquidation_usd"),
    ("longLiquidationUsd", "shortLiquidationUsd"),
)


def reply(path: Path, document: Any, options: ImportOptions) -> dict[str, list[pl.DataFrame]]:
    """Return the rows of one reply.

    Parameters
    ----------
    path : Path
        Where the reply is stored.
    document : object
        The decoded JSON.
    options : ImportOptions
        ``coin``, ``venue`` (several joined by ``+``, or ``all``) and ``interval``; ``dataset`` is
        ``open_interest`` or ``funding`` where the keys do not tell.

    Returns
    -------
    dict of str to list of polars.DataFrame

    Raises
    ------
    DamagedFileError
        If the reply is an error of the vendor's, or a value is not what its key declares.
    UsageError
        If an option is missing.
    """
    file = str(path)
    if not isinstance(document, Mapping) or "data" not in document:
        raise DamagedFileError(
            file, 'is no reply of the API; expected {"code": "0", "data": [...]}'
        )
    if str(document.get("code")) != "0":
        problem = f"the vendor refused: code {document.get('code')}, {document.get('msg')}"
        raise DamagedFileError(file, problem, field="code")
    if is_map(document["data"]):
        return map_rows(path, document, options)
    raw = frame_of_records(file, document["data"])
    if raw.is_empty():
        return {}
    venue, symbol, coin = stated_series(file, options)
    stated(file, "interval", options.interval, "1h")
    length = options.interval_ms or 0
    for long, short in _LIQUIDATIONS:
        if long in raw.columns:
            fields = [
                Field("time", "time"),
                Field(long, unsigned=True),
                Field(short, unsigned=True),
            ]
            return {
                "liquidation_totals": liquidation_rows(
                    read_columns(file, raw, fields),
                    venue=venue,
                    symbol=coin if long.startswith("aggregated") else symbol,
                    event_time=bar_end("time", length),
                    interval_ms=length,
                    source="coinglass:api",
                    precedence=PRECEDENCE,
                    usd=(pl.col(long), pl.col(short)),
                )
            }
    return _ohlc(file, raw, options, venue, symbol, length)


def _ohlc(
    file: str, raw: pl.DataFrame, options: ImportOptions, venue: str, symbol: str, length: int
) -> dict[str, list[pl.DataFrame]]:
    end = bar_end("time", length)
    match options.dataset:
        case "open_interest":
            table = read_columns(file, raw, [Field("time", "time"), Field("close", unsigned=True)])
            frame = rows(
                table,
                venue=venue,
                symbol=symbol,
                event_time=end,
                source="coinglass:api",
                precedence=PRECEDENCE,
                open_interest_usd=pl.col("close"),
            )
        case "funding":
            table = read_columns(file, raw, [Field("time", "time"), Field("close")])
            frame = rows(
                table,
                venue=venue,
                symbol=symbol,
                event_time=end,
                source="coinglass:api",
                precedence=PRECEDENCE,
                kind="predicted",
                # Percent, as everywhere at this vendor.
                funding_rate=pl.col("close") / 100.0,
            )
        case _:
            raise UsageError(
                f"{file}: holds {', '.join(raw.columns)}, which open interest and funding share\n"
                "hint: --dataset open_interest (or funding)"
            )
    return {str(options.dataset): [frame]}
