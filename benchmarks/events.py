"""The event stream: from publishing to every listener, and what one that reads nothing costs.

In:  nothing; a server of its own process on loopback.   Out: `Result` rows.
Free of any lake and of any clock but the machine's monotonic one, which both processes share.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Budget, Result, Timing

LISTENERS = 100
PER_S = 50.0
SECONDS = 4.0
SIZE = 500
"""Bytes of a payload: a column of the heatmap and what goes with it. [bytes]"""

_STUCK_SIZE = 4_000
_SENT = re.compile(rb'"sent_ns":(\d+)')


def run(budgets: dict[str, Budget], runs: int) -> Iterator[Result]:
    """Yield the lag at the 99th percentile, alone and beside a listener that reads nothing."""
    size = f"{LISTENERS} listeners × {PER_S:g}/s"
    alone = [listen(SECONDS) for _ in range(runs)]
    beside = [listen(SECONDS, stuck=True) for _ in range(runs)]
    at_99 = [percentile(found.lags, 0.99) for found in alone]
    stuck_99 = [percentile(found.lags, 0.99) for found in beside]
    half = min(percentile(found.lags, 0.5) for found in alone)
    spent = min(found.server_s / len(found.lags) for found in alone)
    yield Result(
        "events",
        "publishing to the listener, p99",
        size,
        Timing(min(at_99), max(at_99), runs),
        budget=budgets.get("publishing to the listener, p99"),
        notes=(
            f"p50 {half * 1e3:.1f} ms",
            f"{spent * 1e6:.0f} µs of the server's processor per event and listener",
        ),
    )
    overflows = max(found.overflows for found in beside)
    yield Result(
        "events",
        "beside one that reads nothing, p99",
        size,
        Timing(min(stuck_99), max(stuck_99), runs),
        peer="without it",
        peer_s=min(at_99),
        budget=budgets.get("beside one that reads nothing, p99"),
        notes=(f"its queue overflowed {overflows} times; everybody else heard every event",),
    )


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one run.

    Parameters
    ----------
    lags : list of float
        Of every event to every listener. [s]
    overflows : int
        Of queues.
    server_s : float
        Processor time that the server spent meanwhile. [s]
    """

    lags: list[float]
    overflows: int
    server_s: float


def listen(seconds: float, listeners: int = LISTENERS, *, stuck: bool = False) -> Heard:
    """Return what listeners of a server of its own process heard.

    Parameters
    ----------
    seconds : float
    listeners : int
    stuck : bool
        Whether one more connection listens and reads nothing.

    Raises
    ------
    RuntimeError
        If a listener that reads did not hear every event.
    """
    command = [sys.executable, "-m", "benchmarks.events_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        if server.stdin is None or server.stdout is None:
            raise AssertionError("both were asked for")
        port = int(server.stdout.readline())
        with contextlib.ExitStack() as stack:
            size = SIZE
            if stuck:
                size = _STUCK_SIZE
                stack.enter_context(_stuck(port))
            count = int(seconds * PER_S)
            order = f"{count} {PER_S} {size}\n".encode()
            before = _processor_s(server.pid)
            found = asyncio.run(_listen(port, listeners, count, order, server.stdin))
            overflows = int(server.stdout.readline())
            spent = _processor_s(server.pid) - before
        server.stdin.close()
        server.wait(20)
    return Heard(found, overflows, spent)


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _stuck(port: int) -> Iterator[None]:
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        reader.connect(("127.0.0.1", port))
        reader.sendall(_request())
        yield


async def _listen(port: int, listeners: int, count: int, order: bytes, told) -> list[float]:
    connected = [await _connected(port) for _ in range(listeners)]
    told.write(order)
    told.flush()
    heard = await asyncio.gather(*(_hear(reader, count) for reader, _ in connected))
    for _, writer in connected:
        writer.close()
    return [lag for one in heard for lag in one]


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_request())
    await reader.readuntil(b"hello")
    return reader, writer


async def _hear(reader: asyncio.StreamReader, count: int) -> list[float]:
    found: list[float] = []
    held = b""
    while len(found) < count:
        async with asyncio.timeout(20):
            piece = await reader.read(65_536)
        now = time.monotonic_ns()
        if not piece or b"event: resync" in piece:
            raise RuntimeError(f"a listener heard {len(found)} of {count} events")
        held += piece
        whole, _, held = held.rpartition(b"\n\n")
        found += [(now - int(sent)) / 1e9 for sent in _SENT.findall(whole)]
    return found


def _request() -> bytes:
    return b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def percentile(values: list[float], share: float) -> float:
    """Return the value that a share of all do not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
