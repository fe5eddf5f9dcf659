"""A lake's version names what it holds; its spans say from when to when."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from forcedflow.store import Lake

START_MS = 1_700_000_000_000


def rows(first, count, venue="binance", interest=1.0):
    times = [
        datetime.fromtimestamp((START_MS + i * 300_000) / 1000, UTC)
        for i in range(first, first + count)
    ]
    return pl.DataFrame(
        {
            "venue": [venue] * count,
            "symbol": ["BTC/USDT:USDT"] * count,
            "event_time": times,
            "available_time": times,
            "open_interest": [interest] * count,
            "source": ["made"] * count,
            "precedence": [1] * count,
        },
        schema_overrides={
            "event_time": pl.Datetime("ms", "UTC"),
            "available_time": pl.Datetime("ms", "UTC"),
            "precedence": pl.Int8,
        },
    )


def test_a_version_changes_with_what_is_held_and_with_nothing_else(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    seen = [lake.version()]
    lake.write({"open_interest": rows(0, 3)})
    seen.append(lake.version())
    lake.write({"open_interest": rows(0, 3)})  # nothing new
    assert lake.version() == Lake(tmp_path / "lake").version() == seen[-1]
    lake.write({"open_interest": rows(3, 1)})
    seen.append(lake.version())
    lake.write({"open_interest": rows(0, 1, interest=2.0)})
    seen.append(lake.version())
    artefact = tmp_path / "lake" / "artefacts" / "map" / "binance" / "a.json"
    artefact.parent.mkdir(parents=True)
    artefact.write_text("{}")
    seen.append(lake.version())
    gaps = tmp_path / "lake" / "raw" / "venue=binance" / "gaps.jsonl"
    gaps.parent.mkdir(parents=True)
    gaps.write_text("{}\n")
    seen.append(lake.version())
    assert len(set(seen)) == len(seen)


def test_spans_are_the_first_and_the_last_event_time_of_each_series(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    assert lake.spans() == []
    lake.write({"open_interest": rows(5, 3)})
    lake.write({"open_interest": rows(0, 2)})
    lake.write({"open_interest": rows(9, 1, venue="bybit")})
    own = ("open_interest", "binance", "BTC/USDT:USDT")
    other = ("open_interest", "bybit", "BTC/USDT:USDT")
    assert lake.spans() == [
        (*own, START_MS, START_MS + 7 * 300_000),
        (*other, START_MS + 9 * 300_000, START_MS + 9 * 300_000),
    ]
