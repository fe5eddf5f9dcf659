"""SQL over the lake: what a query sees, and everything it must not reach."""

# ruff: noqa: S608 - the queries are the subject

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from forcedflow.cli.app import run
from forcedflow.errors import DataError, UsageError
from forcedflow.store import Lake
from forcedflow.store.sql import LakeSql
from forcedflow.tables import TABLES

START = datetime(2026, 1, 1, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
HOUR_MS = 3_600_000


def _open_interest(hours, source="made"):
    times = [START + timedelta(hours=hour) for hour in hours]
    return pl.DataFrame(
        {
            "venue": "binance",
            "symbol": "BTC/USDT:USDT",
            "event_time": times,
            "available_time": [time + timedelta(minutes=5) for time in times],
            "open_interest": [100.0 + hour for hour in hours],
            "source": source,
            "precedence": 0,
        }
    ).cast({"event_time": pl.Datetime("ms", "UTC"), "available_time": pl.Datetime("ms", "UTC")})


@pytest.fixture
def lake(tmp_path):
    made = Lake(tmp_path / "it's a lake", create=True)
    made.write({"open_interest": _open_interest(range(24))})
    return made


def test_every_declared_table_can_be_queried_with_rows_or_without(lake):
    sql = LakeSql(lake)
    for name, table in TABLES.items():
        found = sql.query(f"SELECT * FROM {name}")
        assert found.rows.columns == list(table.schema)
        assert found.rows.height == (24 if name == "open_interest" else 0)
        assert found.rows.cast(dict(table.schema)).schema == table.schema


def test_rows_are_those_that_the_lake_reads(lake):
    found = LakeSql(lake).query("SELECT * FROM open_interest ORDER BY event_time").rows
    held = lake.read("open_interest")
    assert found.cast(dict(held.schema)).equals(held)


@pytest.mark.parametrize("minutes", [0, 4, 5, 6, 65, 10_000])
def test_a_moment_shows_exactly_the_rows_that_were_available(lake, minutes):
    at_ms = START_MS + minutes * 60_000
    found = LakeSql(lake, at_ms).query("FROM open_interest ORDER BY event_time").rows
    held = lake.read("open_interest", available_by_ms=at_ms)
    assert found.cast(dict(held.schema)).equals(held)


def test_no_path_leads_around_the_moment(lake):
    (file,) = lake.files("open_interest")
    quoted = str(file).replace("'", "''")
    doubled = str(file).replace('"', '""')
    sql = LakeSql(lake, START_MS)
    for query in (
        f"SELECT * FROM read_parquet('{quoted}')",
        f"SELECT * FROM '{quoted}'",
        f'SELECT * FROM "{doubled}"',
        f"SELECT (SELECT max(open_interest) FROM parquet_scan('{quoted}'))",
        f"WITH a AS (SELECT * FROM READ_PARQUET('{quoted}')) SELECT * FROM a",
        f"SELECT * FROM query('FROM ''{quoted}''')",
    ):
        with pytest.raises(UsageError):
            sql.query(query)
    assert sql.query("SELECT count(*) AS n FROM open_interest").rows["n"].item() == 0


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO '{folder}/stolen.csv'",
        "COPY open_interest TO '{file}'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{file}'",
        "ATTACH '{folder}/other.db'",
        "CREATE TABLE mine AS SELECT 1",
        "INSERT INTO open_interest VALUES (1)",
        "DROP VIEW open_interest",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "INSTALL httpfs",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM 'https://example.org/rows.parquet'",
        "SELECT 1; DROP VIEW open_interest",
        "SELECT 1; SELECT 2",
        "",
        "-- nothing",
    ],
)
def test_what_is_not_one_reading_query_is_refused_and_changes_nothing(lake, tmp_path, query):
    (file,) = lake.files("open_interest")
    before = file.read_bytes()
    sql = LakeSql(lake)
    with pytest.raises(UsageError, match="hint: "):
        sql.query(query.format(folder=tmp_path, file=str(file).replace("'", "''")))
    assert file.read_bytes() == before
    assert not (tmp_path / "stolen.csv").exists()
    assert sql.query("SELECT count(*) AS n FROM open_interest").rows["n"].item() == 24


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT * FROM open_intrest", "did you mean open_interest"),
        ("SELECT * FROM weather", "there are klines, trades"),
        ("SELECT open_intrest FROM open_interest", "open_interest"),
        ("SELECT maxx(open_interest) FROM open_interest", "max"),
        ("SELEC 1", "syntax error"),
        ("SELECT 'a'::INT", "Could not convert"),
        ("SELECT INTERVAL 3 DAY", "cast it"),
    ],
)
def test_a_mistake_is_named_with_what_was_probably_meant(lake, query, words):
    with pytest.raises(UsageError, match=words):
        LakeSql(lake).query(query)


def test_rows_beyond_the_bound_are_left_out_and_said(lake):
    sql = LakeSql(lake)
    some = sql.query("SELECT * FROM open_interest ORDER BY open_interest DESC", most_rows=3)
    assert some.cut
    assert some.rows["open_interest"].to_list() == [123.0, 122.0, 121.0]
    assert not sql.query("SELECT * FROM open_interest", most_rows=24).cut


def test_a_query_that_needs_too_much_memory_is_refused(lake):
    with pytest.raises(UsageError, match="more than 64 MiB"):
        LakeSql(lake, memory_mb=64).query(
            "SELECT count(*) FROM (SELECT DISTINCT random() FROM range(30000000))"
        )


def test_a_query_that_takes_too_long_is_ended(lake):
    with pytest.raises(UsageError, match=r"longer than 0\.3 s"):
        LakeSql(lake, longest_s=0.3).query(
            "SELECT sum(a.range * b.range % 7) FROM range(1000000) a, range(1000000) b"
        )
    assert not [t for t in threading.enumerate() if isinstance(t, threading.Timer)]


def test_files_superseded_since_the_views_were_made_are_listed_anew(lake):
    sql = LakeSql(lake)
    lake.write({"open_interest": _open_interest(range(48))})
    lake.compact()
    assert sql.query("SELECT count(*) AS n FROM open_interest").rows["n"].item() == 48


def test_a_file_that_is_gone_is_bad_data(lake):
    (file,) = lake.files("open_interest")
    sql = LakeSql(lake)
    file.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        sql.query("SELECT * FROM open_interest")


def test_simulated_rows_are_said_where_a_named_table_holds_them_by_then(tmp_path):
    made = Lake(tmp_path / "lake", create=True)
    made.write({"open_interest": _open_interest(range(3), "sandbox:metrics")})
    query = "SELECT max(open_interest) FROM Open_Interest"
    assert LakeSql(made).query(query).simulated
    assert not LakeSql(made).query("SELECT count(*) FROM klines").simulated
    assert not LakeSql(made, START_MS).query(query).simulated


@pytest.fixture
def call(lake, capsys):
    def run_here(*arguments):
        capsys.readouterr()
        status = run(["sql", *map(str, arguments), "--lake", str(lake.root)])
        return status, *capsys.readouterr()

    return run_here


def test_the_command_prints_a_table_csv_or_json(call):
    query = "SELECT event_time, open_interest, NULL AS none FROM open_interest ORDER BY 1"
    at = ("--at", "2026-01-01T01:05Z")
    status, text, err = call(query, *at)
    assert (status, err) == (0, "")
    assert text.split()[:3] == ["event_time", "open_interest", "none"]
    assert len(text.splitlines()) == 3
    assert call(query, *at, "--csv")[1] == (
        "event_time,open_interest,none\n"
        "2026-01-01T00:00:00.000Z,100.0,\n2026-01-01T01:00:00.000Z,101.0,\n"
    )
    assert '"2026-01-01T01:00:00.000Z"' in call(query, *at, "--json")[1]
    assert "there are more rows than 1" in call(query, *at, "--rows", 1)[2]
    assert call(query, "--csv", "--json")[0] == 2


def test_the_command_writes_files_that_polars_reads_back(call, tmp_path):
    query = "SELECT event_time, open_interest FROM open_interest ORDER BY 1"
    assert call(query, "--out", tmp_path / "rows.parquet")[0] == 0
    assert pl.read_parquet(tmp_path / "rows.parquet")["open_interest"].sum() == 2676.0
    assert call(query, "--out", tmp_path / "rows.csv")[0] == 0
    assert pl.read_csv(tmp_path / "rows.csv").height == 24
    assert call(query, "--out", tmp_path / "rows.xls")[0] == 2
    assert call(query, "--out", tmp_path / "none" / "rows.csv")[0] == 2
