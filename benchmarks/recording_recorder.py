"""The recorder under load: the package's own recording, watched from inside its process.

In:  ``port folder`` as arguments; the end of standard input stops it.
Out: what it did, as a line of JSON.
Free of shortcuts: connector, follower, raw log, writer and lake are the product's, at its own pace.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from benchmarks.recording_sender import SYMBOLS
from forcedflow.live.health import RecordHealth
from forcedflow.live.recorder import record
from forcedflow.store import Lake, Receipt, WriteResult
from forcedflow.venues.binance import BinanceConnector
from forcedflow.venues.connector import Endpoints
from forcedflow.venues.http import HttpClient
from forcedflow.venues.network import NetworkVenue

TABLES: Final = ("trades", "order_book", "depth_bands", "liquidations", "funding")

_PAGE_MIB: Final = os.sysconf("SC_PAGE_SIZE") / 2**20
_LONGEST_MS: Final = 600_000


class WatchedLake(Lake):
    """A lake that remembers how old each trade was when it could first be read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, create=True)
        self.ages = np.zeros(_LONGEST_MS, dtype=np.int64)
        self.write_s: list[float] = []

    def write(
        self, frames: Mapping[str, pl.DataFrame], receipts: Sequence[Receipt] = ()
    ) -> WriteResult:
        """Store rows, and take note of when that was done."""
        began = time.monotonic()
        result = super().write(frames, receipts)
        self.write_s.append(time.monotonic() - began)
        if "trades" in frames:
            now_ms = time.time_ns() // 1_000_000
            ages = now_ms - frames["trades"]["event_time"].dt.epoch("ms").to_numpy()
            self.ages += np.bincount(ages.clip(0, _LONGEST_MS - 1), minlength=_LONGEST_MS)
        return result


def venue(port: int) -> NetworkVenue:
    """Return Binance, at a port of this machine."""
    root, streams = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"
    others = {"coin_m": root, "spot": root, "web": root, "spot_stream": f"{streams}/spot"}
    connector = BinanceConnector(Endpoints(rest=root, stream=streams, others=others))
    return NetworkVenue(connector, HttpClient(connector.name, connector.rate_limit))


def percentile(counts: np.ndarray, share: float) -> int | None:
    """Return the smallest place that so many are not above; None where nothing was counted."""
    total = int(counts.sum())
    return int(np.searchsorted(counts.cumsum(), share * total)) if total else None


async def _record(port: int, folder: Path) -> dict[str, Any]:
    lake = WatchedLake(folder)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Each second: clock [ns], processor time [s], resident memory [MiB], messages so far.
    seen: list[tuple[int, float, float, int]] = []

    def look(health: RecordHealth) -> None:
        messages = sum(c.messages for v in health.venues for c in v.connections)
        seen.append((time.time_ns(), time.process_time(), _resident_mib(), messages))

    async def wait_for_end() -> None:
        await loop.run_in_executor(None, sys.stdin.read)
        stop.set()

    network = venue(port)
    end = asyncio.create_task(wait_for_end())
    symbols = [f"{name.removesuffix('USDT')}/USDT:USDT" for name in SYMBOLS]
    health = await record([network], symbols, lake, tables=TABLES, stop=stop, on_health=look)
    await end
    return {
        "seen": seen,
        "health": msgspec.to_builtins(health),
        "to_lake_p50_ms": percentile(lake.ages, 0.5),
        "to_lake_p99_ms": percentile(lake.ages, 0.99),
        "slowest_write_s": max(lake.write_s, default=0.0),
        "writes": len(lake.write_s),
    }


def _resident_mib() -> float:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * _PAGE_MIB


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_record(int(sys.argv[1]), Path(sys.argv[2])))) + "\n")
