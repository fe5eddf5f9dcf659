"""Tables: the contract between the edges that fetch and the core that computes.

In:  nothing.   Out: the declared tables, and `check`, which lets a frame in or says why not.
Pure: no I/O, no clock, no global state.

Every row has an *event time* (when the venue says it happened, or the end of the bar it closes)
and an *available time* (the first moment at which someone watching could have known it). Nothing
downstream may read a row before its available time.

Every row also names its ``source`` and that source's ``precedence``: where two sources give the
same key, the higher precedence is kept, whatever the order in which they arrived; between equals,
the later arrival is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import polars as pl

from forcedflow.errors import SchemaError

TIME = pl.Datetime("ms", "UTC")
"""Dtype of every time column."""

Period: TypeAlias = Literal["day", "month"]

Completeness: TypeAlias = Literal["complete", "sampled lower bound", "unknown", "none"]
"""What a liquidation feed is worth, by the venue's own statement."""

SIMULATED_SOURCE = "sandbox"
"""How ``source`` begins in every row of the simulated exchange."""

PRICE_TYPES = ("last", "mark", "index", "premium", "spot")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its dtype, its unit and what it means.

    ``required`` columns hold no nulls. ``positive`` ones hold no zero or negative number.
    """

    name: str
    dtype: pl.DataType | type[pl.DataType]
    unit: str
    doc: str
    required: bool = True
    positive: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns, its key and when its rows become known.

    ``key`` is unique in the lake. ``period`` is the span of one partition.
    """

    name: str
    doc: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    available: str
    period: Period = "month"

    @property
    def schema(self) -> dict[str, pl.DataType | type[pl.DataType]]:
        """Column names and dtypes in their declared order."""
        return {column.name: column.dtype for column in self.columns}


_HEAD = (
    Column("venue", pl.String, "-", "Lower-case venue id; several joined by + for an aggregate."),
    Column(
        "symbol", pl.String, "-", "Unified symbol, or a bare coin for a sum over its contracts."
    ),
    Column("event_time", TIME, "UTC ms", "When it happened; for a bar, its end."),
    Column("available_time", TIME, "UTC ms", "First moment at which it could be known."),
)
_TAIL = (
    Column("source", pl.String, "-", "File kind or endpoint the row came from."),
    Column("precedence", pl.Int8, "-", "Higher replaces lower for the same key."),
)
_INTERVAL = Column("interval_ms", pl.Int64, "ms", "Length of the bar.", positive=True)
_SIDE = Column("side", pl.String, "-", "Side of the position.", choices=("long", "short"))
_COMPLETENESS = Column(
    "completeness",
    pl.String,
    "-",
    "What the feed is worth.",
    choices=("complete", "sampled lower bound", "unknown", "none"),
)


def _optional(name: str, dtype: pl.DataType | type[pl.DataType], unit: str, doc: str) -> Column:
    return Column(name, dtype, unit, doc, required=False)


def _table(
    name: str,
    doc: str,
    key: tuple[str, ...],
    columns: tuple[Column, ...],
    available: str,
    period: Period = "month",
) -> Table:
    full_key = ("venue", "symbol", *key, "event_time")
    return Table(name, doc, full_key, (*_HEAD, *columns, *_TAIL), available, period)


_ALL = (
    _table(
        "klines",
        "Price bars: last, mark, index, premium or spot.",
        ("price_type", "interval_ms"),
        (
            Column("price_type", pl.String, "-", "Which price.", choices=PRICE_TYPES),
            _INTERVAL,
            Column("open", pl.Float64, "quote per base", "First price of the bar."),
            Column("high", pl.Float64, "quote per base", "Highest price of the bar."),
            Column("low", pl.Float64, "quote per base", "Lowest price of the bar."),
            Column("close", pl.Float64, "quote per base", "Last price of the bar."),
            _optional(
                "volume", pl.Float64, "base coins", "Traded volume; null where its unit is unknown."
            ),
            _optional("quote_volume", pl.Float64, "quote", "Traded value."),
            _optional("taker_buy_volume", pl.Float64, "base coins", "Volume bought by takers."),
            _optional("trade_count", pl.Int64, "1", "Number of trades."),
        ),
        "the end of the bar",
    ),
    _table(
        "trades",
        "Public trades, aggregated by taker order where the venue does so.",
        ("trade_id",),
        (
            Column("trade_id", pl.String, "-", "The venue's id."),
            Column("price", pl.Float64, "quote per base", "Price.", positive=True),
            Column("amount", pl.Float64, "base coins", "Size."),
            Column(
                "taker_side", pl.String, "-", "Side of the taker's order.", choices=("buy", "sell")
            ),
        ),
        "the trade's own time",
        "day",
    ),
    _table(
        "open_interest",
        "Open interest, one-sided: one contract is one long and one short.",
        (),
        (
            _optional("open_interest", pl.Float64, "base coins", "Open contracts."),
            _optional("open_interest_usd", pl.Float64, "USD", "Their value at the mark price."),
        ),
        "five minutes after the event time in Binance's archive, the end of the bar elsewhere",
    ),
    _table(
        "funding",
        "Funding rates: positive means longs pay shorts.",
        ("kind",),
        (
            Column(
                "kind",
                pl.String,
                "-",
                "Paid, or the venue's running estimate.",
                choices=("settled", "predicted"),
            ),
            Column("funding_rate", pl.Float64, "1 per interval", "Rate of one interval."),
            _optional("interval_hours", pl.Float64, "h", "Length of the interval."),
        ),
        "the settlement; the end of the bar for an estimate",
    ),
    _table(
        "long_short_ratio",
        "Ratios of longs to shorts as venues publish them. Accounts, not money: OI is always even.",
        ("kind", "interval_ms"),
        (
            Column(
                "kind",
                pl.String,
                "-",
                "What is counted.",
                choices=("accounts", "top_accounts", "top_positions", "taker_volume"),
            ),
            _INTERVAL,
            Column("ratio", pl.Float64, "1", "Longs divided by shorts."),
        ),
        "five minutes after the end of the period",
    ),
    _table(
        "liquidations",
        "Single forced closes as a venue prints them.",
        ("side", "price", "amount", "event_id"),
        (
            _SIDE,
            Column("price", pl.Float64, "quote per base", "Price as printed.", positive=True),
            Column(
                "price_kind",
                pl.String,
                "-",
                "What the printed price is.",
                choices=("fill", "bankruptcy", "order", "mark"),
            ),
            Column("amount", pl.Float64, "base coins", "Size closed."),
            Column("notional_usd", pl.Float64, "USD", "Size at the printed price."),
            Column("event_id", pl.String, "-", "The venue's id, or empty."),
            _COMPLETENESS,
        ),
        "the print's own time",
        "day",
    ),
    _table(
        "liquidation_totals",
        "Forced closes summed over a bar, one row per side.",
        ("side", "interval_ms"),
        (
            _SIDE,
            _INTERVAL,
            Column("notional_usd", pl.Float64, "USD", "Value closed by force."),
            _optional("amount", pl.Float64, "base coins", "Size closed by force."),
            _COMPLETENESS,
        ),
        "the end of the bar",
    ),
    _table(
        "depth_bands",
        "Cumulative book depth within a distance of price. Not a book.",
        ("distance_pct",),
        (
            Column(
                "distance_pct", pl.Float64, "%", "Signed distance: bids negative, asks positive."
            ),
            Column("amount", pl.Float64, "base coins", "Cumulative size to that distance."),
            Column("notional_usd", pl.Float64, "USD", "Cumulative value to that distance."),
        ),
        "the snapshot's own time",
        "day",
    ),
    _table(
        "order_book",
        "Book snapshots, one row per level.",
        ("side", "level"),
        (
            Column("side", pl.String, "-", "Side of the book.", choices=("bid", "ask")),
            Column("level", pl.Int32, "1", "0 is the best price."),
            Column("price", pl.Float64, "quote per base", "Price of the level.", positive=True),
            Column("amount", pl.Float64, "base coins", "Size at the level."),
        ),
        "the snapshot's own time",
        "day",
    ),
    _table(
        "positions",
        "Published positions of accounts, with the venue's own liquidation price.",
        ("account", "side"),
        (
            Column("account", pl.String, "-", "Account id or pseudonym."),
            _SIDE,
            Column("amount", pl.Float64, "base coins", "Size of the position.", positive=True),
            Column("entry_price", pl.Float64, "quote per base", "Average entry price."),
            Column("notional_usd", pl.Float64, "USD", "Size at the mark price."),
            _optional("leverage", pl.Float64, "×", "Leverage set by the account."),
            _optional("margin_mode", pl.String, "-", "cross or isolated."),
            _optional("unrealized_pnl_usd", pl.Float64, "USD", "Profit not taken."),
            _optional("account_value_usd", pl.Float64, "USD", "Equity of the account."),
            _optional(
                "liquidation_price",
                pl.Float64,
                "quote per base",
                "The venue's own; null = cannot be liquidated at a positive price.",
            ),
        ),
        "the snapshot's own time",
    ),
    _table(
        "peer_maps",
        "Liquidation maps of other providers, one row per level. An opponent, never an input.",
        ("provider", "model", "side", "price_low", "price_high"),
        (
            Column("provider", pl.String, "-", "Who publishes the map, such as coinglass."),
            Column("model", pl.String, "-", "Which of the provider's maps."),
            Column(
                "side",
                pl.String,
                "-",
                "Side of the position; unknown where the provider names none.",
                choices=("long", "short", "unknown"),
            ),
            Column("price_low", pl.Float64, "quote per base", "Where it begins.", positive=True),
            Column("price_high", pl.Float64, "quote per base", "And ends.", positive=True),
            Column("size", pl.Float64, "the provider's own", "Relative within one map alone."),
        ),
        "when the reply was made; the end of its newest bar where it does not say",
        "day",
    ),
    _table(
        "leverage_brackets",
        "Maintenance margin by position size, dated by the day it took effect or was read.",
        ("bracket",),
        (
            Column("bracket", pl.Int32, "1", "1 is the smallest."),
            Column(
                "notional_floor",
                pl.Float64,
                "quote",
                "Bracket holds notionals above this; base coins for inverse contracts, as below.",
            ),
            Column("notional_cap", pl.Float64, "quote", "And up to this.", positive=True),
            Column("max_leverage", pl.Float64, "×", "Largest leverage allowed.", positive=True),
            Column("maintenance_margin_rate", pl.Float64, "1", "Rate on the notional."),
            Column(
                "maintenance_amount", pl.Float64, "quote", "Deducted so that margin is continuous."
            ),
        ),
        "the event time",
    ),
    _table(
        "calendar_events",
        "Scheduled events that move volatility. venue is macro, symbol the country.",
        ("event",),
        (
            Column("event", pl.String, "-", "Name of the event."),
            Column("status", pl.String, "-", "held, scheduled or tentative."),
            _optional("local_time", pl.String, "-", "Wall time at the publisher."),
            _optional("timezone", pl.String, "-", "IANA zone of the publisher."),
            Column("source_url", pl.String, "-", "Page the date was read on."),
            Column("read_on", pl.String, "-", "Day it was read."),
            _optional(
                "trust", pl.String, "-", "A official text, B transcribed, feed, computed or user."
            ),
            _optional("weight", pl.Float64, "1", "1 moves the market most; null counts as 1."),
            _optional("before_ms", pl.Int64, "ms", "The window opens so long before the event."),
            _optional("after_ms", pl.Int64, "ms", "And closes so long after it."),
            _optional("withdrawn_time", TIME, "UTC ms", "From then on no longer expected."),
        ),
        "the day the date was read or published",
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _ALL}
"""Every table the lake may hold, by name."""


def check(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return ``frame`` in the table's column order and dtypes, or say what is wrong with it.

    Optional columns may be absent; they come back as nulls. Lossless numeric casts are made.

    Parameters
    ----------
    table : str
        Name of a declared table.
    frame : polars.DataFrame
        Candidate rows.

    Returns
    -------
    polars.DataFrame
        The same rows with exactly the declared columns.

    Raises
    ------
    SchemaError
        If a column is missing, unknown, of another dtype, null where a value is required, not
        finite, not positive where it must be, or outside its choices; names the first such row.
    """
    if table not in TABLES:
        raise SchemaError(table, "-", f"no such table; declared are {', '.join(TABLES)}")
    declared = TABLES[table]
    if unknown := set(frame.columns) - set(declared.schema):
        raise SchemaError(table, min(unknown), "column is not declared for this table")
    return pl.DataFrame([_checked(table, column, frame) for column in declared.columns])


def is_simulated(source: str) -> bool:
    """Return whether rows of this ``source`` are of the simulated exchange.

    Examples
    --------
    >>> is_simulated("sandbox:trades"), is_simulated("binance-vision:metrics")
    (True, False)
    """
    return source.startswith(SIMULATED_SOURCE)


def empty(table: str) -> pl.DataFrame:
    """Return the table without rows."""
    return pl.DataFrame(schema=TABLES[table].schema)


def _checked(table: str, column: Column, frame: pl.DataFrame) -> pl.Series:
    if column.name not in frame.columns:
        if column.required:
            raise SchemaError(table, column.name, "column is missing")
        return pl.Series(column.name, [None] * frame.height, dtype=column.dtype)
    series = frame.get_column(column.name)
    if series.dtype != column.dtype:
        try:
            series = series.cast(column.dtype, strict=True)
        except pl.exceptions.PolarsError as error:
            problem = f"dtype is {series.dtype}, expected {column.dtype} [{column.unit}]"
            raise SchemaError(table, column.name, problem) from error
    if column.required and series.null_count():
        _refuse(table, column, series.is_null(), "value is missing")
    if series.dtype.is_float() and not _all_finite(series):
        _refuse(table, column, ~series.is_finite(), "value is not a finite number")
    if column.positive:
        _refuse(table, column, series <= 0, f"value must be above zero [{column.unit}]")
    if column.choices and not _all_among(series, column.choices):
        _refuse(
            table,
            column,
            ~series.is_in(column.choices),
            f"value must be one of {', '.join(column.choices)}",
        )
    return series


# Frames come by the bar, of a few rows each: asked this way, whether all is well takes a tenth of
# the time that it takes to ask for each row.
def _all_finite(series: pl.Series) -> bool:
    known = series.drop_nulls() if series.null_count() else series
    return bool(np.isfinite(known.to_numpy()).all())


def _all_among(series: pl.Series, choices: tuple[str, ...]) -> bool:
    found = series.cast(pl.Enum(choices), strict=False)
    return found.null_count() == series.null_count()


def _refuse(table: str, column: Column, bad: pl.Series, problem: str) -> None:
    first = bad.arg_max() if bad.any() else None
    if first is not None:
        raise SchemaError(table, column.name, problem, row=first)
