"""Files already in the package's own schema."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.table_file import read_table_file

CSV = (
    "venue,symbol,event_time,available_time,kind,funding_rate,source,precedence\n"
    "binance,BTC/USDT:USDT,2026-01-01T08:00:00Z,1767254400000,settled,0.0001,mine,5\n"
)


def read(text: str, name: str = "funding.csv", **options):
    return read_table_file(Path(name), text.encode(), ImportOptions(**options))


def test_the_stem_of_the_name_is_the_table():
    row = read(CSV).frames["funding"].row(0, named=True)
    assert row["event_time"] == row["available_time"] == datetime(2026, 1, 1, 8, tzinfo=UTC)
    assert (row["interval_hours"], row["precedence"], row["source"]) == (None, 5, "mine")


def test_the_option_names_the_table_of_any_file():
    assert "funding" in read(CSV, "export.csv", table="funding").frames
    with pytest.raises(UsageError, match="--table"):
        read(CSV, "export.csv")


def test_parquet_comes_back_as_it_was():
    frame = read(CSV).frames["funding"]
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    again = read_table_file(Path("funding.parquet"), buffer.getvalue(), ImportOptions())
    assert again.frames["funding"].equals(frame)


@pytest.mark.parametrize(
    ("before", "after", "row", "field"),
    [
        ("settled", "guessed", 1, "kind"),
        (",0.0001,", ",,", 1, "funding_rate"),
        ("funding_rate", "rate", None, "rate"),
        (",mine,5", ",mine,500", None, "precedence"),
    ],
)
def test_what_does_not_fit_the_schema_is_named(before, after, row, field):
    with pytest.raises(DamagedFileError) as caught:
        read(CSV.replace(before, after))
    assert (caught.value.row, caught.value.field) == (row, field)


def test_a_missing_required_column_is_named():
    with pytest.raises(DamagedFileError) as caught:
        read(CSV.replace(",source", ",account").replace("funding.csv", "x"))
    assert caught.value.field == "account"
