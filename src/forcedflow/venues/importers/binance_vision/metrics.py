"""Metrics of Binance's archive: open interest and long/short ratios every five minutes.

In:  columns of text; ``create_time`` is UTC text.   Out: rows of open_interest, long_short_ratio.
Pure: no I/O, no clock, no global state.

Open interest and the ratios of accounts and positions are snapshots at the end of their five
minutes, the taker ratio is the flow of those. USD-M files up to that of 24 June 2026 are stamped
with the end (value divided by coins is the mark price of that very moment), and from the next day's
file on with the *start*, as COIN-M files were all along [1]_. The file's day decides, not the
stamp: midnight stands at the end of the last old file and again, meaning five minutes later, at the
beginning of the first new one. The venue publishes late, so rows become available five minutes
after their event. A zero is an outage of the venue's statistics and would replace a good row of
another file: it is left out.

References
----------
.. [1] binance/binance-public-data on GitHub, "Silent create_time labeling change on 2026-06-25",
   August 2026.
"""

from __future__ import annotations

import polars as pl

from forcedflow.errors import UsageError
from forcedflow.tables import TIME
from forcedflow.units import MINUTE_MS
from forcedflow.venues.importers.binance_vision.archive_name import ArchiveName
from forcedflow.venues.importers.columns import Field, read_columns, refuse
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.parsed import rows

COLUMNS = (
    "create_time",
    "symbol",
    "sum_open_interest",
    "sum_open_interest_value",
    "count_toptrader_long_short_ratio",
    "sum_toptrader_long_short_ratio",
    "count_long_short_ratio",
    "sum_taker_long_short_vol_ratio",
)
"""The archive's own header."""

_PERIOD_MS = 5 * MINUTE_MS
_FIRST_STAMPED_WITH_START = "2026-06-25"
_IS_ZERO = pl.any_horizontal(pl.col("sum_open_interest", "sum_open_interest_value") == 0).fill_null(
    value=False
)
_RATIOS = (
    ("count_toptrader_long_short_ratio", "top_accounts"),
    ("sum_toptrader_long_short_ratio", "top_positions"),
    ("count_long_short_ratio", "accounts"),
    ("sum_taker_long_short_vol_ratio", "taker_volume"),
)


def metrics(
    file: str, raw: pl.DataFrame, name: ArchiveName, options: ImportOptions
) -> dict[str, list[pl.DataFrame]]:
    """Return rows of ``open_interest`` and, where its columns are filled, ``long_short_ratio``.

    Parameters
    ----------
    file : str
        Name for messages.
    raw : polars.DataFrame
        Columns of text under `COLUMNS`.
    name : ArchiveName
        Market and symbol.
    options : ImportOptions
        The contract size of a COIN-M symbol, whose open interest is in contracts. [USD]

    Returns
    -------
    dict of str to list of polars.DataFrame

    Raises
    ------
    DamagedFileError
        If a value is not what its column declares, or the rows are of another symbol.
    UsageError
        If the file is on spot, which has no open interest.
    """
    if name.market == "spot":
        raise UsageError(f"{file}: spot has no open interest\nhint: --market um")
    table = read_columns(
        file,
        raw,
        [
            Field("create_time", "time"),
            Field("symbol", "text"),
            Field("sum_open_interest", required=False, unsigned=True),
            Field("sum_open_interest_value", required=False, unsigned=True),
            *(Field(column, required=False, unsigned=True) for column, _ in _RATIOS),
        ],
    )
    refuse(file, "symbol", table["symbol"] != name.symbol, f"is not {name.symbol}", table["symbol"])
    return {
        "open_interest": [_open_interest(table, name, options)],
        "long_short_ratio": [_ratio(table, name, *ratio) for ratio in _RATIOS],
    }


def zero_interest(file: str, raw: pl.DataFrame) -> tuple[str, ...]:
    """Return what is to be said of rows whose open interest is zero: an outage, not a market.

    Parameters
    ----------
    file : str
        Name for messages.
    raw : polars.DataFrame
        Columns of text that `metrics` has accepted.

    Returns
    -------
    tuple of str
        One warning, or none.
    """
    fields = [Field(name, required=False) for name in COLUMNS[2:4]]
    count = read_columns(file, raw, fields).filter(_IS_ZERO).height
    if not count:
        return ()
    return (f"{file}: open interest is zero in {count} rows; left out",)


def _open_interest(table: pl.DataFrame, name: ArchiveName, options: ImportOptions) -> pl.DataFrame:
    contracts, value = pl.col("sum_open_interest"), pl.col("sum_open_interest_value")
    coins, usd = contracts, value
    if name.market == "cm":
        # COIN-M: contracts of a fixed number of dollars, and their value in coins.
        size = options.contract_size("binance", name.instrument.base)
        coins, usd = value, pl.lit(None) if size is None else contracts * size
    known = table.filter((contracts.is_not_null() | value.is_not_null()) & ~_IS_ZERO)
    event = _event(name)
    return rows(
        known,
        venue="binance",
        symbol=name.instrument.symbol,
        event_time=event,
        available_time=_after(event, _PERIOD_MS),
        source="binance-vision:metrics",
        precedence=10,
        open_interest=coins,
        open_interest_usd=usd,
    )


def _ratio(table: pl.DataFrame, name: ArchiveName, column: str, kind: str) -> pl.DataFrame:
    event = _event(name)
    return rows(
        table.filter(pl.col(column).is_not_null()),
        venue="binance",
        symbol=name.instrument.symbol,
        event_time=event,
        available_time=_after(event, _PERIOD_MS),
        source="binance-vision:metrics",
        precedence=10,
        kind=kind,
        interval_ms=_PERIOD_MS,
        ratio=pl.col(column),
    )


def _event(name: ArchiveName) -> pl.Expr:
    """Return the end of the period that a row is of."""
    stamp = pl.col("create_time")
    is_start = name.market == "cm" or name.date >= _FIRST_STAMPED_WITH_START
    return _after(stamp, _PERIOD_MS) if is_start else stamp


def _after(moment: pl.Expr, milliseconds: int) -> pl.Expr:
    return (moment.cast(pl.Int64) + milliseconds).cast(TIME)
