"""Published positions of Hyperliquid accounts, with the venue's own liquidation price.

In:  one row per account, coin and snapshot.   Out: rows of positions.
Pure: no I/O, no clock, no global state.

A sample of whales and daily winners, not the whole book. An empty liquidation price means that the
position cannot be liquidated at a positive price.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from forcedflow.venues.importers.columns import Field, read_columns, refuse
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.parsed import Parsed, rows, settle
from forcedflow.venues.importers.vendor_file import read_frame

_FIELDS = (
    Field("ts", "time"),
    Field("account", "text"),
    Field("accountValue", required=False),
    Field("coin", "text"),
    Field("direction", "text"),
    Field("size", positive=True),
    Field("entryPx", positive=True),
    Field("leverage", required=False, positive=True),
    Field("leverageType", "text", required=False),
    Field("positionValue", unsigned=True),
    Field("unrealizedPnl", required=False),
    Field("liquidationPx", required=False, positive=True),
    Field("source", "text", required=False),
)


def read_hyperliquid_positions(path: Path, data: bytes, options: ImportOptions) -> Parsed:
    """Return the positions of one file.

    Parameters
    ----------
    path : Path
        Where the file is.
    data : bytes
        Parquet, or CSV with a header: ``ts account accountValue coin direction size entryPx
        leverage leverageType positionValue unrealizedPnl liquidationPx source``.
    options : ImportOptions
        Nothing of it is used: the file says all.

    Returns
    -------
    Parsed
        Rows of positions; ``source`` names which collector saw the account.

    Raises
    ------
    DamagedFileError
        If a value is not what its column declares.
    """
    del options
    file = str(path)
    table = read_columns(file, read_frame(path, data), _FIELDS)
    side = table["direction"].str.to_lowercase()
    refuse(
        file,
        "direction",
        ~side.is_in(["long", "short"]),
        "is not Long or Short",
        table["direction"],
    )
    collector = pl.col("source")
    frame = rows(
        table,
        venue="hyperliquid",
        # The venue's names of coins, kPEPE included, are the base of its USDC-settled perpetuals.
        symbol=pl.col("coin") + "/USDC:USDC",
        event_time=pl.col("ts"),
        source=pl.when(collector.is_null())
        .then(pl.lit("hyperliquid-positions"))
        .otherwise("hyperliquid-positions:" + collector),
        precedence=5,
        account=pl.col("account"),
        side=pl.col("direction").str.to_lowercase(),
        amount=pl.col("size"),
        entry_price=pl.col("entryPx"),
        notional_usd=pl.col("positionValue"),
        leverage=pl.col("leverage"),
        margin_mode=pl.col("leverageType").str.to_lowercase(),
        unrealized_pnl_usd=pl.col("unrealizedPnl"),
        account_value_usd=pl.col("accountValue"),
        liquidation_price=pl.col("liquidationPx"),
    )
    return settle(file, {"positions": [frame]})
