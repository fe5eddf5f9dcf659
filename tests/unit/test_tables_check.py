"""What a table lets in, and how it says what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from forcedflow import tables
from forcedflow.errors import SchemaError

_WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def _rows(count=3, **replaced):
    columns = {
        "venue": ["binance"] * count,
        "symbol": ["BTC/USDT:USDT"] * count,
        "event_time": [_WHEN] * count,
        "available_time": [_WHEN] * count,
        "side": ["long"] * count,
        "interval_ms": [60_000] * count,
        "notional_usd": [1.5] * count,
        "completeness": ["complete"] * count,
        "source": ["test"] * count,
        "precedence": [0] * count,
    }
    return pl.DataFrame(columns | replaced)


def _refusal(frame, table="liquidation_totals"):
    with pytest.raises(SchemaError) as raised:
        tables.check(table, frame)
    return str(raised.value), raised.value


def test_rows_come_back_with_exactly_the_declared_columns_and_dtypes():
    checked = tables.check("liquidation_totals", _rows().select(pl.all().shuffle(seed=1)))
    assert dict(checked.schema) == tables.TABLES["liquidation_totals"].schema


def test_an_absent_optional_column_comes_back_as_nulls():
    checked = tables.check("liquidation_totals", _rows())
    assert checked["amount"].null_count() == 3
    assert checked["amount"].dtype == pl.Float64


def test_lossless_casts_are_made():
    frame = _rows(interval_ms=pl.Series([60_000] * 3, dtype=pl.Int32), notional_usd=[1, 2, 3])
    checked = tables.check("liquidation_totals", frame)
    assert checked["interval_ms"].dtype == pl.Int64
    assert checked["notional_usd"].to_list() == [1.0, 2.0, 3.0]


def test_a_number_that_does_not_fit_its_dtype_is_refused():
    text, error = _refusal(_rows(precedence=[0, 400, 0]))
    assert text == "liquidation_totals.precedence: dtype is Int64, expected Int8 [-]"
    assert (error.table, error.field, error.row) == ("liquidation_totals", "precedence", None)


def test_text_where_a_number_belongs_is_refused():
    text, _ = _refusal(_rows(notional_usd=["a", "b", "c"]))
    assert text == "liquidation_totals.notional_usd: dtype is String, expected Float64 [USD]"


def test_a_missing_column_is_named():
    text, _ = _refusal(_rows().drop("side"))
    assert text == "liquidation_totals.side: column is missing"


def test_a_column_that_is_not_declared_is_named():
    text, _ = _refusal(_rows().with_columns(colour=pl.lit("red")))
    assert text == "liquidation_totals.colour: column is not declared for this table"


def test_an_unknown_table_is_answered_with_those_that_exist():
    text, _ = _refusal(_rows(), table="nonsense")
    assert text.startswith("nonsense.-: no such table; declared are klines, trades")


@pytest.mark.parametrize(
    ("replaced", "expected"),
    [
        (
            {"notional_usd": [1.0, None, 2.0]},
            "liquidation_totals.notional_usd, row 1: value is missing",
        ),
        (
            {"venue": ["binance", "binance", None]},
            "liquidation_totals.venue, row 2: value is missing",
        ),
        (
            {"notional_usd": [1.0, float("nan"), float("inf")]},
            "liquidation_totals.notional_usd, row 1: value is not a finite number",
        ),
        (
            {"interval_ms": [60_000, 60_000, 0]},
            "liquidation_totals.interval_ms, row 2: value must be above zero [ms]",
        ),
        (
            {"side": ["buy", "long", "short"]},
            "liquidation_totals.side, row 0: value must be one of long, short",
        ),
    ],
)
def test_the_first_offending_row_is_named(replaced, expected):
    text, error = _refusal(_rows(**replaced))
    assert text == expected
    assert error.row == int(expected.split("row ")[1].split(":")[0])
    assert error.exit_code == 5


def test_an_optional_number_may_be_missing_but_not_infinite():
    checked = tables.check("liquidation_totals", _rows(amount=[None, 1.0, None]))
    assert checked["amount"].to_list() == [None, 1.0, None]
    text, _ = _refusal(_rows(amount=[None, float("inf"), None]))
    assert text == "liquidation_totals.amount, row 1: value is not a finite number"


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_table_has_its_head_its_tail_and_a_key_of_required_columns(name):
    table = tables.TABLES[name]
    names = [column.name for column in table.columns]
    assert names[:4] == ["venue", "symbol", "event_time", "available_time"]
    assert names[-2:] == ["source", "precedence"]
    assert len(set(names)) == len(names)
    required = {column.name for column in table.columns if column.required}
    assert set(table.key) <= required
    assert tables.check(name, tables.empty(name)).is_empty()
    assert all(column.doc.endswith(".") and column.unit for column in table.columns)
