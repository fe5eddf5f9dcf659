"""Counts, steps and gaps of what the lake holds."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from forcedflow.store import Lake
from forcedflow.store.coverage import Gap, coverage

_START_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
_STEP_MS = 300_000


def _rows(times_ms, **values):
    times = pl.Series(times_ms, dtype=pl.Int64).cast(pl.Datetime("ms", "UTC"))
    head = {"venue": "binance", "symbol": "BTC/USDT:USDT", "source": "file", "precedence": 5}
    return pl.DataFrame({"event_time": times, "available_time": times}).with_columns(
        **{name: pl.lit(value) for name, value in {**head, **values}.items()}
    )


def _steps(*numbers):
    return [_START_MS + _STEP_MS * number for number in numbers]


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake", create=True)


def test_an_empty_lake_is_covered_by_nothing(lake):
    assert coverage(lake) == []


def test_gaps_run_from_the_first_row_due_to_the_next_row_held(lake):
    lake.write({"open_interest": _rows(_steps(0, 1, 2, 5, 6, 8, 9), open_interest=1.0)})
    (row,) = coverage(lake)
    assert (row.rows, row.first_ms, row.last_ms) == (7, *_steps(0, 9))
    assert row.step_ms == _STEP_MS
    assert row.gaps == (Gap(*_steps(3, 5)), Gap(*_steps(7, 8)))
    assert row.longest_gap == Gap(*_steps(3, 5))
    assert row.longest_gap.length_ms == 2 * _STEP_MS
    assert (row.completeness, row.sources) == (None, ("file",))


def test_a_spacing_within_half_a_step_of_the_native_one_is_no_gap(lake):
    times = [0, 100, 200, 350, 450]
    lake.write({"open_interest": _rows([_START_MS + t for t in times], open_interest=1.0)})
    assert coverage(lake)[0].gaps == ()


def test_each_series_of_a_table_has_its_own_step(lake):
    bar = {"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0}
    for price_type, interval_ms, every in (("last", 300_000, 1), ("mark", 3_600_000, 12)):
        lake.write(
            {
                "klines": _rows(
                    _steps(*range(0, 60, every)),
                    price_type=price_type,
                    interval_ms=interval_ms,
                    **bar,
                )
            }
        )
    last, mark = coverage(lake)
    assert (last.price_type, last.interval_ms, last.step_ms, last.rows) == (
        "last",
        300_000,
        300_000,
        60,
    )
    assert (mark.price_type, mark.interval_ms, mark.step_ms, mark.rows) == (
        "mark",
        3_600_000,
        3_600_000,
        5,
    )
    assert last.gaps == mark.gaps == ()


def test_several_rows_of_one_moment_are_one_step(lake):
    rows = [
        _rows(_steps(0, 1, 3), distance_pct=distance, amount=1.0, notional_usd=1.0)
        for distance in (-1.0, 1.0)
    ]
    lake.write({"depth_bands": pl.concat(rows)})
    (row,) = coverage(lake)
    assert (row.rows, row.step_ms, row.gaps) == (6, _STEP_MS, (Gap(*_steps(2, 3)),))


def test_jittered_snapshots_are_measured_by_the_median_spacing(lake):
    times = np.cumsum([0, 2001, 1998, 2003, 1999, 9000, 2002]) + _START_MS
    book = {"side": "bid", "level": 0, "price": 1.0, "amount": 1.0}
    lake.write({"order_book": _rows(times, **book)})
    (row,) = coverage(lake)
    assert row.step_ms == 2002
    assert [gap.end_ms for gap in row.gaps] == [times[5]]


def test_what_comes_when_it_happens_has_no_step_and_no_gaps_and_states_its_feed(lake):
    print_ = {
        "side": "long",
        "price": 1.0,
        "price_kind": "fill",
        "amount": 1.0,
        "notional_usd": 1.0,
        "event_id": "",
    }
    lake.write({"liquidations": _rows(_steps(5, 50), completeness="sampled lower bound", **print_)})
    lake.write({"liquidations": _rows(_steps(0, 1), completeness="complete", **print_)})
    (row,) = coverage(lake)
    assert (row.step_ms, row.gaps, row.longest_gap) == (None, None, None)
    assert row.completeness == ("complete", "sampled lower bound")


def test_one_row_alone_has_no_step_to_measure_gaps_by(lake):
    lake.write({"open_interest": _rows(_steps(0), open_interest=1.0)})
    assert (coverage(lake)[0].step_ms, coverage(lake)[0].gaps) == (None, None)


def test_coverage_is_cut_by_table_venue_and_symbol(lake):
    for symbol in ("BTC", "ETH"):
        lake.write({"open_interest": _rows(_steps(0, 1), symbol=symbol, open_interest=1.0)})
    assert [row.symbol for row in coverage(lake, symbol="ETH")] == ["ETH"]
    assert coverage(lake, table="trades") == []
    assert coverage(lake, venue="bybit") == []


def test_three_hundred_thousand_rows_are_covered_in_seconds(lake):
    times = _steps(*range(75_000))
    for symbol in ("BTC", "ETH", "SOL", "DOGE"):
        lake.write({"open_interest": _rows(times, symbol=symbol, open_interest=1.0)})
    begin = time.process_time()
    rows = coverage(lake)
    # Takes a third of a second; the margin is for a machine that is busy with other tests.
    assert time.process_time() - begin < 3.0
    assert [row.rows for row in rows] == [75_000] * 4
