"""Twenty thousand messages a second, recorded on one core: what is lost, how late, in what memory.

In:  a rate and a length. [1/s, s]   Out: `Result` rows with what was found as notes.
The market and the recorder are processes of their own, each held to one core where there are two;
the lake is made in a temporary folder and removed.

Nothing is taken on trust: every message sent is looked for in the raw log, and every row that it
must give in the lake. The peer is the websocket library alone, which reads the same market and
throws it away.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from benchmarks.measure import Budget, Result, Timing
from benchmarks.recording_recorder import TABLES, percentile
from benchmarks.recording_sender import SYMBOLS
from forcedflow.store import Lake
from forcedflow.store.raw_log import list_runs, raw_folder, read_raw_log
from forcedflow.venues.order_book import LEVELS

RATE: Final = 20_000
SECONDS: Final = 300.0
NAME: Final = "processor time per message"

_BARE_SECONDS: Final = 10.0
_ROOT: Final = Path(__file__).resolve().parents[1]
_SENT: Final = re.compile(rb'"sent":(\d+)')
_TENTH_MS_NS: Final = 100_000
_LONGEST_TENTHS: Final = 1_000_000


def run(
    budgets: dict[str, Budget], runs: int, *, seconds: float = SECONDS, rate: int = RATE
) -> Iterator[Result]:
    """Yield one row: the recorder's processor time per message beside the library's alone."""
    del runs  # minutes of steady load are their own repetition
    bare_s = _bare(rate, min(seconds, _BARE_SECONDS))
    found = measure(rate, seconds)
    per_message = found["cpu_per_message_s"]
    yield Result(
        group="recording",
        what=NAME,
        size=f"{found['sent']:,} messages in {found['seconds']:.0f} s, {len(SYMBOLS)} contracts",
        timing=Timing(per_message, per_message, 1),
        n_items=1,
        peer="websockets alone",
        peer_s=bare_s,
        budget=budgets[NAME],
        peak_mib=found["most_mib"],
        notes=_notes(found),
    )


def measure(rate: int, seconds: float) -> dict[str, Any]:
    """Record so many messages a second for so long, and return what became of them.

    Raises
    ------
    AssertionError
        If a message or a row is missing, there twice, or was given up.
    """
    with tempfile.TemporaryDirectory(prefix="forcedflow-bench-") as folder:
        lake = Path(folder) / "lake"
        with _market(rate, seconds) as sender:
            with _child("recording_recorder", str(sender.port), str(lake), core=0) as recorder:
                sent = sender.result()
                # Told to leave with the last messages on their way: those are recorded too.
                said, _ = recorder.communicate()
            if recorder.returncode != 0:
                raise RuntimeError(f"the recorder ended with {recorder.returncode}")
        did = json.loads(said)
        return {**_compared(sent, did, lake), **_watched(sent, did), "seconds": sent["seconds"]}


def _notes(found: dict[str, Any]) -> tuple[str, ...]:
    per_minute = ", ".join(f"{mib:.0f}" for mib in found["mib_per_minute"])
    waiting_mib = found["most_waiting_bytes"] / 2**20
    return (
        (
            f"sent {found['sent']:,} messages; lost {found['lost']:,}, "
            f"given up {found['dropped']:,}, refused {found['refused']:,}, "
            f"reconnections {found['reconnects']:,}"
        ),
        f"rows in the lake {found['rows']:,} of {found['rows_due']:,} due",
        (
            f"from sending to reading: p50 {found['lag_p50_ms']:.1f} ms, "
            f"p99 {found['lag_p99_ms']:.1f} ms, most {found['lag_max_ms']:.0f} ms"
        ),
        (
            f"from the trade to the lake: p50 {found['to_lake_p50_ms'] / 1e3:.1f} s, "
            f"p99 {found['to_lake_p99_ms'] / 1e3:.1f} s; "
            f"slowest write {found['slowest_write_s']:.2f} s"
        ),
        f"resident memory at the end of each minute: {per_minute} MiB",
        (
            f"share of the core: {found['core_share']:.0%}; the sender had at most "
            f"{waiting_mib:.1f} MiB waiting and was {found['late_s'] * 1e3:.0f} ms late at worst"
        ),
    )


def _compared(sent: dict[str, Any], did: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return what the lake and the raw log hold of what was sent; raise where it is not all."""
    lags = np.zeros(_LONGEST_TENTHS, dtype=np.int64)
    messages = 0
    (run,) = list_runs(raw_folder(folder), _torn)
    for frame in read_raw_log(run.files, on_torn=_torn):
        if frame.kind == "message" and (stamp := _SENT.search(frame.raw, len(frame.raw) - 40)):
            messages += 1
            tenths = (frame.received_ns - int(stamp[1])) // _TENTH_MS_NS
            lags[min(max(tenths, 0), _LONGEST_TENTHS - 1)] += 1
    lake = Lake(folder)
    trades = lake.read("trades", columns=["symbol", "trade_id"])
    kept = trades.unique().group_by("symbol").len()
    per_symbol = dict(zip(kept["symbol"].to_list(), kept["len"].to_list(), strict=True))
    rows = {table: lake.read(table, columns=["symbol"]).height for table in TABLES}
    books = lake.read("order_book", columns=["symbol"], start_ms=sent["start_ms"]).height
    due = {
        "trades": sum(sent["trades"].values()),
        "liquidations": sent["liquidations"],
        "funding": sent["marks"],
        "order_book": sent["books"] * 2 * LEVELS,
    }
    held = {table: rows[table] for table in due} | {"order_book": books}
    connections = [c for v in did["health"]["venues"] for c in v["connections"]]
    found = {
        "sent": sent["sent"],
        "lost": sent["sent"] + sent["warm_up"] - messages,
        "rows": sum(held.values()),
        "rows_due": sum(due.values()),
        "dropped": sum(c["dropped"] for c in connections),
        "refused": sum(c["refused"] for c in connections),
        "reconnects": sum(c["reconnects"] for c in connections),
        "lag_p50_ms": (percentile(lags, 0.5) or 0) / 10,
        "lag_p99_ms": (percentile(lags, 0.99) or 0) / 10,
        "lag_max_ms": int(np.flatnonzero(lags)[-1]) / 10,
    }
    of_symbol = {
        f"{name.removesuffix('USDT')}/USDT:USDT": count for name, count in sent["trades"].items()
    }
    if held != due or per_symbol != of_symbol or found["lost"] or found["dropped"]:
        raise AssertionError(f"not all was recorded: {found}, {held} of {due}")
    return found


def _watched(sent: dict[str, Any], did: dict[str, Any]) -> dict[str, Any]:
    """Return what the recorder's process needed while messages came."""
    start_ns = sent["start_ms"] * 1_000_000
    end_ns = start_ns + int(sent["seconds"] * 1e9)
    seen = np.array([row for row in did["seen"] if start_ns <= row[0] <= end_ns])
    first, last = seen[0], seen[-1]
    wall_s, cpu_s, _, messages = last - first
    minutes = ((seen[:, 0] - start_ns) // 60e9).astype(int)
    per_minute = [float(seen[minutes == minute][-1, 2]) for minute in np.unique(minutes)]
    return {
        "cpu_per_message_s": float(cpu_s / messages),
        "core_share": float(cpu_s / (wall_s / 1e9)),
        "mib_per_minute": per_minute,
        "most_mib": float(seen[:, 2].max()),
        "to_lake_p50_ms": did["to_lake_p50_ms"] or 0,
        "to_lake_p99_ms": did["to_lake_p99_ms"] or 0,
        "slowest_write_s": did["slowest_write_s"],
        "most_waiting_bytes": sent["most_waiting_bytes"],
        "late_s": sent["late_s"],
    }


def _bare(rate: int, seconds: float) -> float:
    """Return the library's own processor time per message. [s]"""
    with (
        _market(rate, seconds) as sender,
        _child("recording", str(sender.port), core=0) as reader,
    ):
        sender.result()
        said, _ = reader.communicate()
    found = json.loads(said)
    return float(found["cpu_s"] / found["messages"])


async def _discard(port: int) -> dict[str, Any]:
    """Read both connections and keep nothing, until they end."""
    root = f"127.0.0.1:{port}"
    counted = {"messages": 0}

    async def read(kind: str) -> None:
        with contextlib.suppress(ConnectionClosed):
            async with connect(
                f"ws://{root}/{kind}/stream", compression=None, proxy=None
            ) as socket:
                while True:
                    await socket.recv(decode=False)
                    counted["messages"] += 1

    async def leave() -> None:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        for reading in readings:
            reading.cancel()

    readings = [asyncio.create_task(read(kind)) for kind in ("market", "public")]
    for name in SYMBOLS:
        await asyncio.to_thread(_ask, f"http://{root}/fapi/v1/depth?symbol={name}")
    started = time.process_time()
    await asyncio.gather(leave(), *readings, return_exceptions=True)
    return {**counted, "cpu_s": time.process_time() - started}


def _ask(page: str) -> None:
    with urllib.request.urlopen(page) as answer:  # noqa: S310 - our own page
        answer.read()


class _Market:
    """The sender's process: its port, and in the end what it sent."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._line()["port"])

    def result(self) -> dict[str, Any]:
        """Wait until all is sent."""
        return self._line()

    def _line(self) -> dict[str, Any]:
        if self._process.stdout is None or not (line := self._process.stdout.readline()):
            raise RuntimeError("the sender ended before it was done")
        said: dict[str, Any] = json.loads(line)
        return said


@contextlib.contextmanager
def _market(rate: int, seconds: float) -> Iterator[_Market]:
    cores = sorted(os.sched_getaffinity(0))
    with _child("recording_sender", str(rate), str(seconds), core=len(cores) - 1) as process:
        yield _Market(process)


def _child(module: str, *words: str, core: int) -> subprocess.Popen[str]:
    chosen = sorted(os.sched_getaffinity(0))[core]
    return subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{module}", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        # Before any library counts the cores it may use.
        preexec_fn=lambda: os.sched_setaffinity(0, {chosen}),  # noqa: PLW1509 - no threads hold locks here
    )


def _torn(tail: object) -> None:
    raise AssertionError(f"a raw log ends within a block: {tail}")


def _main(words: Sequence[str]) -> None:
    sys.stdout.write(json.dumps(asyncio.run(_discard(int(words[0])))))


if __name__ == "__main__":
    _main(sys.argv[1:])
