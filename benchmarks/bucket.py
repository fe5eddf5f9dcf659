"""Writers of one lake in a bucket: how long a write takes, alone and when others write too.

In:  nothing.   Out: `Result` rows.
The server is moto's, on the loopback interface: one process of Python, which is slower at its work
than a real one and nearer than any. What is compared is one writer with several, who all change the
same root of the manifest; a series of its own each, as leases have it.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from benchmarks.measure import Budget, Result, Timing
from forcedflow.store import Lake

WRITES = 25
_TIME = pl.Datetime("ms", "UTC")
_START = datetime(2026, 1, 1, tzinfo=UTC)


def _rows(symbol: str, number: int) -> pl.DataFrame:
    moments = [_START + timedelta(hours=number, seconds=second) for second in range(100)]
    return pl.DataFrame({"event_time": moments}, schema={"event_time": _TIME}).select(
        venue=pl.lit("binance"),
        symbol=pl.lit(symbol),
        event_time="event_time",
        available_time="event_time",
        funding_rate=pl.lit(0.0001),
        kind=pl.lit("settled"),
        source=pl.lit("benchmark"),
        precedence=pl.lit(1, pl.Int32),
    )


def _write(lake: Lake, symbol: str) -> list[float]:
    took = []
    for number in range(WRITES):
        rows = _rows(symbol, number)
        started = time.perf_counter()
        lake.write({"funding": rows})
        took.append(time.perf_counter() - started)
    return took


def run(budgets: dict[str, Budget], runs: int) -> Iterator[Result]:  # noqa: ARG001 - writes are the runs
    """Yield the time of a write beside one, two and eight writers."""
    from tests.reference.s3_server import BUCKET, environment, serving  # noqa: PLC0415 - a server's

    with serving() as endpoint, tempfile.TemporaryDirectory(prefix="forcedflow-bucket-") as folder:
        os.environ |= environment(endpoint)
        for writers in (1, 2, 8):
            address = f"s3://{BUCKET}/writers-{writers}"
            lakes = [
                Lake(address, create=True, local=Path(folder) / f"{writers}-{number}")
                for number in range(writers)
            ]
            symbols = [f"COIN{number}/USDT:USDT" for number in range(writers)]
            started = time.perf_counter()
            with ThreadPoolExecutor(writers) as pool:
                took = sorted(
                    second for each in pool.map(_write, lakes, symbols) for second in each
                )
            seconds = time.perf_counter() - started
            held = lakes[0].read("funding").height
            if held != writers * WRITES * 100:
                raise RuntimeError(f"{held} rows are held of {writers * WRITES * 100}")
            note = (
                f"{len(took) / seconds:.0f} writes a second in all, "
                f"median {1e3 * took[len(took) // 2]:.0f} ms; no row lost; "
                f"load {os.getloadavg()[0]:.1f}"
            )
            yield Result(
                group="bucket",
                what=f"a write, {writers} writing",
                size=f"{WRITES} writes of 100 rows each",
                timing=Timing(took[0], took[-1], len(took)),
                budget=budgets.get(f"a write, {writers} writing"),
                notes=(note,),
            )
