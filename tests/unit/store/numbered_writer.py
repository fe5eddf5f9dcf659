"""A process that writes numbered batches into a lake until it is killed, and says which are done.

Arguments: folder of the lake, number of the writer (0 or 1), first batch, number of batches, and
the stage to stop at for good ("" for none). Every stage is slowed down, so that a kill finds it.
"""

from __future__ import annotations

import random
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from forcedflow.store import Lake, Receipt, parts
from forcedflow.store.manifest_sqlite import SqliteTurn

STAGES = ("half a file written", "before the rename", "before the commit", "before the unlink")
MONTHS = (1, 2, 3)
SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT")
_TIME = pl.Datetime("ms", "UTC")


def batch(writer: int, number: int) -> dict[str, pl.DataFrame]:
    """Return rows of two tables and nine partitions, one of which each batch replaces."""
    venue, hours = f"venue{writer}", timedelta(hours=number)
    funding = [
        (venue, symbol, datetime(2026, month, 1, tzinfo=UTC) + hours, float(number))
        for month in MONTHS
        for symbol in SYMBOLS
    ]
    funding.append((venue, "latest batch", datetime(2026, 1, 1, tzinfo=UTC), float(number)))
    bands = [
        ("shared", "BTC/USDT:USDT", datetime(2026, 1, day, tzinfo=UTC) + hours / 3600, number)
        for day in (10, 11)
    ]
    schema = {"venue": pl.String, "symbol": pl.String, "event_time": _TIME}
    tail = {
        "available_time": pl.col("event_time"),
        "source": pl.lit("test"),
        "precedence": pl.lit(1),
    }
    return {
        "funding": pl.DataFrame(
            funding, schema={**schema, "funding_rate": pl.Float64}, orient="row"
        ).with_columns(kind=pl.lit("settled"), **tail),
        "depth_bands": pl.DataFrame(
            bands, schema={**schema, "notional_usd": pl.Float64}, orient="row"
        ).with_columns(distance_pct=pl.lit(float(writer + 1)), amount=pl.lit(1.0), **tail),
    }


def _slow_down(stop_at: str) -> None:
    hits = dict.fromkeys(STAGES, 0)

    def _reach(stage: str) -> None:
        hits[stage] += 1
        if stage == stop_at and hits[stage] == 12:
            print("stopped", flush=True)
            time.sleep(600)
        time.sleep(random.uniform(0, 0.002))  # noqa: S311 - a delay, not a secret

    def _write_content(file, content):
        half = len(content) // 2
        file.write(content[:half])
        file.flush()
        _reach("half a file written")
        file.write(content[half:])

    def _slowed(stage, function):
        def _call(*arguments, **options):
            _reach(stage)
            return function(*arguments, **options)

        return _call

    parts._write_content = _write_content
    Path.replace = _slowed("before the rename", Path.replace)
    SqliteTurn.insert_part = _slowed("before the commit", SqliteTurn.insert_part)
    Path.unlink = _slowed("before the unlink", Path.unlink)


def main(root: str, writer: int, first: int, count: int, stop_at: str) -> None:
    _slow_down(stop_at)
    lake = Lake(Path(root), create=True)
    print("ready", flush=True)
    for number in range(first, first + count):
        receipt = Receipt(f"{writer}:{number}", "numbered", "", "batch", imported_ms=0)
        lake.write(batch(writer, number), [receipt])
        print(number, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
