"""What the lake holds does not depend on how it arrived."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.lake import DictLake

from forcedflow import tables
from forcedflow.store import Lake

_START = datetime(2026, 1, 30, tzinfo=UTC)


@contextmanager
def _new_lake():
    # Hypothesis runs many examples per test, a tmp_path is made once per test.
    with tempfile.TemporaryDirectory() as folder:
        yield Lake(Path(folder) / "lake", create=True)


@st.composite
def _row(draw, *, value_follows_precedence: bool):
    # Few hours over two months' ends and few symbols, so that keys and partitions collide often.
    when = _START + timedelta(hours=draw(st.integers(0, 60)))
    precedence = draw(st.integers(0, 3))
    value = draw(st.integers(0, 3))
    if value_follows_precedence:
        value = precedence
    return {
        "venue": draw(st.sampled_from(["binance", "binance+bybit"])),
        "symbol": draw(st.sampled_from(["BTC/USDT:USDT", "BTC"])),
        "event_time": when,
        "available_time": when + timedelta(minutes=5 * value),
        "kind": draw(st.sampled_from(["settled", "predicted"])),
        "funding_rate": value / 8,
        "interval_hours": draw(st.sampled_from([None, 8.0])) if value == 3 else 8.0,
        "source": f"source {value}",
        "precedence": precedence,
    }


@st.composite
def _book_row(draw, *, value_follows_precedence: bool):
    when = _START + timedelta(hours=draw(st.integers(0, 60)))
    precedence = draw(st.integers(0, 2))
    value = precedence if value_follows_precedence else draw(st.integers(0, 2))
    return {
        "venue": "binance",
        "symbol": "ETH/USDT:USDT",
        "event_time": when,
        "available_time": when,
        "distance_pct": draw(st.sampled_from([-5.0, -0.2, 0.2, 5.0])),
        "amount": 1.0 + value,
        "notional_usd": 3000.0,
        "source": "snapshot",
        "precedence": precedence,
    }


def _batches(*, value_follows_precedence: bool):
    either = st.tuples(
        st.just("funding"), _row(value_follows_precedence=value_follows_precedence)
    ) | st.tuples(
        st.just("depth_bands"), _book_row(value_follows_precedence=value_follows_precedence)
    )
    return st.lists(st.lists(either, max_size=25), max_size=6)


def _frames(batch):
    rows: dict[str, list[dict]] = {}
    for table, row in batch:
        rows.setdefault(table, []).append(row)
    return {
        name: pl.DataFrame(some, schema=tables.TABLES[name].schema) for name, some in rows.items()
    }


def _content(lake: Lake) -> str:
    digest = hashlib.sha256()
    for table in ("funding", "depth_bands"):
        digest.update(lake.read(table).write_ndjson().encode())
    return digest.hexdigest()


def _assert_no_key_twice(lake: Lake) -> None:
    for table in ("funding", "depth_bands"):
        if files := lake.files(table):
            # Read past the lake: other programs rely on the files alone.
            keys = pl.read_parquet(files, hive_partitioning=False).select(tables.TABLES[table].key)
            assert not keys.is_duplicated().any()


@settings(deadline=None, max_examples=60)
@given(_batches(value_follows_precedence=False))
def test_the_lake_equals_a_dict_by_key_write_by_write(batches):
    twin = DictLake()
    with _new_lake() as lake:
        for batch in batches:
            frames = _frames(batch)
            result = lake.write(frames)
            for table, frame in frames.items():
                change = result.tables[table]
                assert (change.added, change.replaced, change.unchanged) == twin.write(
                    table, frame.to_dicts()
                )
        for table in ("funding", "depth_bands"):
            assert lake.read(table).to_dicts() == twin.read(table)
        _assert_no_key_twice(lake)
        before = _content(lake)
        lake.compact()
        assert _content(lake) == before
        assert lake.verify() == []


@settings(deadline=None, max_examples=40)
@given(_batches(value_follows_precedence=True), st.randoms(use_true_random=False))
def test_any_order_and_batching_of_the_same_rows_gives_the_same_contents(batches, random):
    # Here one key and one precedence have one content, as when two files hold the same rows:
    # then the higher precedence is kept, whatever the order in which they arrive.
    rows = [row for batch in batches for row in batch]
    for _, row in rows:
        row["interval_hours" if "kind" in row else "notional_usd"] = 8.0
    shuffled = random.sample(rows, len(rows))
    cuts = sorted(random.choices(range(len(rows) + 1), k=3))
    rebatched = [
        shuffled[start:end] for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True)
    ]
    with _new_lake() as one, _new_lake() as other:
        for batch in batches:
            one.write(_frames(batch))
        for batch in rebatched:
            other.write(_frames(batch))
        assert _content(one) == _content(other)


@settings(deadline=None, max_examples=30)
@given(_batches(value_follows_precedence=True))
def test_writing_the_same_rows_again_adds_nothing_and_writes_no_file(batches):
    # Here too one key and one precedence have one content: another would replace it each time.
    for _, row in (entry for batch in batches for entry in batch):
        row["interval_hours" if "kind" in row else "notional_usd"] = 8.0
    with _new_lake() as lake:
        for batch in batches:
            lake.write(_frames(batch))
        files = lake.files("funding") + lake.files("depth_bands")
        for batch in batches:
            total = lake.write(_frames(batch)).total
            assert (total.added, total.unchanged) == (0, len(batch))
        assert lake.files("funding") + lake.files("depth_bands") == files
