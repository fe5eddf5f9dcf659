"""Writing, reading, receipts and upkeep of one lake."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from forcedflow.errors import (
    DamagedFileError,
    DataError,
    NoDataError,
    SchemaError,
    UsageError,
)
from forcedflow.store import Lake, Receipt, TableChange, commit, manifest_sqlite

_START = datetime(2026, 1, 1, tzinfo=UTC)
_START_MS = int(_START.timestamp() * 1000)
_HOUR_MS = 3_600_000


def _funding(hours, *, rate=0.0001, precedence=5, source="file", symbol="BTC/USDT:USDT"):
    times = [_START + timedelta(hours=hour) for hour in hours]
    return pl.DataFrame(
        {
            "venue": ["binance"] * len(times),
            "symbol": [symbol] * len(times),
            "event_time": times,
            "available_time": times,
            "kind": ["settled"] * len(times),
            "funding_rate": [rate] * len(times),
            "source": [source] * len(times),
            "precedence": [precedence] * len(times),
        },
        schema_overrides={"event_time": pl.Datetime("ms", "UTC")},
    ).with_columns(pl.col("available_time").cast(pl.Datetime("ms", "UTC")))


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake", create=True)


def test_a_lake_that_is_not_there_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(NoDataError, match="forcedflow import"):
        Lake(tmp_path / "none")


def test_a_manifest_left_empty_by_a_killed_creation_is_no_lake_and_can_be_made_one(tmp_path):
    (tmp_path / "manifest.sqlite").touch()
    with pytest.raises(NoDataError):
        Lake(tmp_path)
    Lake(tmp_path, create=True).write({"funding": _funding([0])})
    assert Lake(tmp_path).read("funding").height == 1


def test_a_lake_that_may_not_be_written_can_be_read(lake, monkeypatch):
    lake.write({"funding": _funding([0])})
    # What a read-only mount answers; permissions themselves mean nothing to a superuser.
    monkeypatch.setattr(manifest_sqlite.os, "access", lambda _path, mode: not mode & os.W_OK)
    opened = []
    connect = sqlite3.connect
    monkeypatch.setattr(
        manifest_sqlite.sqlite3,
        "connect",
        lambda where, **rest: opened.append(where) or connect(where, **rest),
    )
    assert Lake(lake.root).read("funding").height == 1
    assert opened
    assert all(where.endswith("?mode=ro&immutable=1") for where in opened)


def test_writing_where_only_reading_is_allowed_is_a_usage_error(lake, monkeypatch):
    connect = sqlite3.connect
    monkeypatch.setattr(
        manifest_sqlite.sqlite3,
        "connect",
        lambda where, **rest: connect(where.replace("mode=rw", "mode=ro"), **rest),
    )
    with pytest.raises(UsageError, match="may not be written"):
        lake.write({"funding": _funding([0])})


def test_a_file_is_no_lake(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"):
        Lake(tmp_path / "file", create=True)


def test_a_manifest_of_a_newer_program_is_refused(lake):
    with sqlite3.connect(lake.root / "manifest.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(DataError, match="version 99, this program knows 1"):
        Lake(lake.root)


def test_a_manifest_that_is_no_database_is_named(tmp_path):
    (tmp_path / "manifest.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(DamagedFileError, match=r"manifest\.sqlite"):
        Lake(tmp_path)


def test_partitions_follow_the_event_time_and_the_tables_period(lake):
    lake.write({"funding": _funding([0, 31 * 24])})
    folders = [path.parent.relative_to(lake.root).as_posix() for path in lake.files("funding")]
    home = "funding/venue=binance/symbol=BTC%2FUSDT%3AUSDT"
    assert folders == [f"{home}/date=2026-01", f"{home}/date=2026-02"]


def test_a_read_is_cut_by_event_time_half_open_and_by_available_time(lake):
    rows = _funding([0, 1, 2, 3]).with_columns(
        available_time=pl.col("event_time") + pl.duration(hours=1)
    )
    lake.write({"funding": rows})
    cut = lake.read(
        "funding", start_ms=_START_MS + _HOUR_MS, end_ms=_START_MS + 3 * _HOUR_MS
    ).get_column("event_time")
    assert cut.to_list() == [_START + timedelta(hours=1), _START + timedelta(hours=2)]
    known = lake.read("funding", available_by_ms=_START_MS + 2 * _HOUR_MS)
    assert known.height == 2


def test_a_read_is_cut_by_venue_and_symbol_and_by_columns(lake):
    lake.write({"funding": _funding([0, 1], symbol="BTC")})
    lake.write({"funding": _funding([0], symbol="ETH")})
    lake.write({"funding": _funding([0], symbol="SOL")})
    chosen = lake.read("funding", symbol=["ETH", "SOL"], columns=["symbol", "funding_rate"])
    assert chosen.to_dicts() == [
        {"symbol": "ETH", "funding_rate": 0.0001},
        {"symbol": "SOL", "funding_rate": 0.0001},
    ]
    assert lake.read("funding", venue="bybit").height == 0
    assert lake.read("funding", symbol=[]).height == 0
    assert lake.series() == [("funding", "binance", s) for s in ("BTC", "ETH", "SOL")]


def test_a_read_of_nothing_has_the_tables_columns(lake):
    assert lake.read("trades").columns[:3] == ["venue", "symbol", "event_time"]
    assert lake.read("trades", columns=["price"]).schema == {"price": pl.Float64}


def test_an_unknown_table_or_column_is_refused(lake):
    with pytest.raises(SchemaError, match="no such table"):
        lake.read("candles")
    with pytest.raises(SchemaError, match="no such column"):
        lake.read("funding", columns=["rate"])


def test_rows_without_a_symbol_are_refused_and_nothing_of_the_write_is_stored(lake):
    with pytest.raises(SchemaError, match="symbol"):
        lake.write({"funding": _funding([0]), "open_interest": pl.DataFrame({"venue": ["x"]})})
    with pytest.raises(SchemaError, match="empty text"):
        lake.write({"funding": pl.concat([_funding([0]), _funding([1], symbol="")])})
    assert lake.series() == []


@pytest.mark.parametrize("arrivals", [(1, 2), (2, 1)])
def test_the_higher_precedence_is_kept_whatever_the_order_of_import(lake, arrivals):
    for precedence in arrivals:
        lake.write({"funding": _funding([0], rate=precedence / 10, precedence=precedence)})
    assert lake.read("funding").select("funding_rate", "precedence").row(0) == (0.2, 2)


@pytest.mark.parametrize("arrivals", [(1, 2), (2, 1)])
def test_the_higher_precedence_is_kept_within_one_write(lake, arrivals):
    rows = [_funding([0], rate=p / 10, precedence=p) for p in arrivals]
    assert lake.write({"funding": pl.concat(rows)}).total == TableChange(1, 0, 1)
    assert lake.read("funding").get_column("funding_rate").item() == 0.2


def test_the_same_values_at_a_higher_precedence_guard_against_the_rank_between(lake):
    lake.write({"funding": _funding([0], precedence=1)})
    assert lake.write({"funding": _funding([0], precedence=3)}).total == TableChange(0, 1, 0)
    assert lake.write({"funding": _funding([0], rate=9.0, precedence=2)}).total.unchanged == 1


def test_between_equals_the_later_arrival_replaces(lake):
    lake.write({"funding": _funding([0, 1])})
    result = lake.write({"funding": _funding([1, 2], rate=0.5)})
    assert result.tables == {"funding": TableChange(added=1, replaced=1, unchanged=0)}
    assert lake.read("funding").get_column("funding_rate").to_list() == [0.0001, 0.5, 0.5]
    assert len(lake.files("funding")) == 1


def test_another_available_time_is_another_content(lake):
    rows = _funding([0])
    lake.write({"funding": rows})
    later = rows.with_columns(available_time=pl.col("event_time") + pl.duration(minutes=5))
    assert lake.write({"funding": later}).total == TableChange(0, 1, 0)


def test_new_keys_append_a_file_and_leave_the_others_alone(lake):
    lake.write({"funding": _funding([0, 2])})
    first = lake.files("funding")
    lake.write({"funding": _funding([0, 1, 2])})
    assert lake.files("funding")[:1] == first
    assert len(lake.files("funding")) == 2
    assert lake.read("funding").height == 3


def test_many_small_files_of_a_partition_are_merged_by_a_write(lake):
    for hour in range(commit.MAX_PARTS + 1):
        lake.write({"funding": _funding([hour])})
    assert len(lake.files("funding")) == 1
    assert lake.read("funding").height == commit.MAX_PARTS + 1


def test_compacting_merges_small_files_and_removes_orphans_but_nobody_elses(lake):
    for hour in range(4):
        lake.write({"funding": _funding([hour])})
    folder = lake.files("funding")[0].parent
    orphans = [folder / "part-00000099-abcdef.parquet", folder / ".part-00000098-abcdef.parquet"]
    note = folder / "notes.txt"
    for path in (*orphans, note):
        path.write_text("left behind")
    done = lake.compact()
    assert (done.partitions, done.merged_files, done.orphans) == (1, 4, 2)
    assert set(folder.iterdir()) == {*lake.files("funding"), note}
    assert lake.read("funding").height == 4
    assert lake.compact().partitions == 0


def test_a_write_sweeps_what_a_killed_writer_left_in_its_partition(lake):
    lake.write({"funding": _funding([0])})
    orphan = lake.files("funding")[0].parent / ".part-00000002-abcdef.parquet"
    orphan.touch()
    lake.write({"funding": _funding([1])})
    assert not orphan.exists()


def test_a_changed_byte_is_found_by_reading_writing_and_verifying(lake):
    lake.write({"funding": _funding([0, 1])})
    path = lake.files("funding")[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert lake.verify() == [path]
    with pytest.raises(DamagedFileError, match=path.name):
        Lake(lake.root).read("funding")
    with pytest.raises(DamagedFileError, match="discard_damaged"):
        lake.write({"funding": _funding([1], rate=1.0)})


def test_a_file_damaged_after_it_was_read_once_is_still_named(lake):
    lake.write({"funding": _funding([0])})
    assert lake.read("funding").height == 1
    path = lake.files("funding")[0]
    path.write_bytes(b"PAR1" + bytes(200))
    with pytest.raises(DamagedFileError, match=path.name):
        lake.read("funding")


def test_a_missing_file_is_named_by_reading_and_by_writing(lake):
    lake.write({"funding": _funding([0])})
    path = lake.files("funding")[0]
    path.unlink()
    assert lake.verify() == [path]
    with pytest.raises(DamagedFileError, match="is missing"):
        lake.read("funding")
    with pytest.raises(DamagedFileError, match="is missing"):
        lake.write({"funding": _funding([0])})


def test_discarding_damage_keeps_the_rest_and_lets_the_same_files_in_again(lake):
    receipt = Receipt("ab" * 32, "candles", "", "a.csv", imported_ms=1)
    lake.write({"funding": _funding([0, 31 * 24])}, [receipt])
    january, _ = lake.files("funding")
    january.write_bytes(b"")
    assert lake.discard_damaged() == [january]
    assert not january.exists()
    assert lake.verify() == []
    assert lake.receipt("ab" * 32, "candles", "") is None
    assert lake.write({"funding": _funding([0, 31 * 24])}).total == TableChange(1, 0, 1)


def test_discarding_where_nothing_is_damaged_forgets_nothing(lake):
    lake.write({"funding": _funding([0])}, [Receipt("ab" * 32, "candles", "", "a.csv", 1)])
    assert lake.discard_damaged() == []
    assert lake.receipt("ab" * 32, "candles", "") is not None


def test_a_receipt_states_what_its_write_added_and_the_first_one_stays(lake):
    receipt = Receipt("cd" * 32, "candles", "unit=coins", "a.csv", imported_ms=7)
    lake.write({"funding": _funding([0])})
    lake.write({"funding": _funding([0, 1, 2])}, [receipt])
    held = lake.receipt("cd" * 32, "candles", "unit=coins")
    assert held == Receipt("cd" * 32, "candles", "unit=coins", "a.csv", 7, rows_added=2)
    lake.write({}, [Receipt("cd" * 32, "candles", "unit=coins", "b.csv", 8)])
    assert lake.receipt("cd" * 32, "candles", "unit=coins") == held
    assert lake.receipt("cd" * 32, "candles", "unit=contracts") is None


def test_a_write_that_fails_after_its_files_leaves_neither_rows_nor_receipts(lake, monkeypatch):
    lake.write({"funding": _funding([0])})

    def _fail(*_):
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("forcedflow.store.manifest_sqlite.SqliteTurn.insert_receipt", _fail)
        with pytest.raises(OSError, match="no space"):
            lake.write(
                {"funding": _funding([0, 1], rate=0.5)},
                [Receipt("ab" * 32, "candles", "", "a.csv", 1)],
            )
    assert lake.read("funding").get_column("funding_rate").to_list() == [0.0001]
    assert lake.receipt("ab" * 32, "candles", "") is None
    assert lake.verify() == []
    assert lake.compact().orphans == 1


def test_a_reader_whose_files_were_superseded_reads_the_fresh_ones(lake, monkeypatch):
    lake.write({"funding": _funding([0])})
    outdated = lake._parts("funding", None, None, None, None)
    lake.write({"funding": _funding([0], rate=0.5)})
    lists = iter([outdated, lake._parts("funding", None, None, None, None)])
    monkeypatch.setattr(Lake, "_parts", lambda *_: next(lists))
    assert lake.read("funding").get_column("funding_rate").to_list() == [0.5]


def test_files_are_sorted_by_event_time_and_readable_without_the_lake(lake):
    lake.write({"funding": _funding([3, 1, 2])})
    rows = pl.read_parquet(lake.files("funding"), hive_partitioning=True)
    assert rows.get_column("event_time").is_sorted()
    assert rows.get_column("symbol").unique().to_list() == ["BTC/USDT:USDT"]


def test_a_folder_name_with_a_pattern_in_it_is_just_a_name(tmp_path):
    lake = Lake(tmp_path / "lake [a-z]* %2F", create=True)
    lake.write({"funding": _funding([0])})
    assert lake.read("funding").height == 1
