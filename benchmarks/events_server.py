"""``python -m benchmarks.events_server``: the event stream on loopback, told what to publish.

In:  lines ``<events> <per second> <bytes>`` on standard input.
Out: its port, then a line per burst.
Free of any lake: the application is the real one over a lake that holds nothing.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import uvicorn

from forcedflow.server import Desk, EventStream, create_app
from forcedflow.server.event_stream import Market
from forcedflow.store import Lake

_SIM = Market("sandbox", "SIM/USDT:USDT")


def publish(stream: EventStream, count: int, per_s: float, size: int) -> None:
    """Publish events at their times, each with the moment it was published. [ns, monotonic]"""
    started = time.monotonic()
    text = "x" * size
    for number in range(count):
        wait = started + number / per_s - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        stream.publish("update", _SIM, {"sent_ns": time.monotonic_ns(), "text": text})


def _obey(stream: EventStream, server: uvicorn.Server) -> None:
    for line in sys.stdin:
        count, per_s, size = line.split()
        publish(stream, int(count), float(per_s), int(size))
        sys.stdout.write(f"{stream.overflows}\n")
        sys.stdout.flush()
    stream.close()
    server.should_exit = True


def main() -> None:
    """Serve until standard input ends."""
    stream = EventStream(queue=64)
    with tempfile.TemporaryDirectory() as folder, socket.socket() as listening:
        lake = Lake(Path(folder) / "lake", create=True)
        app = create_app(Desk(lake, lambda: 1_700_000_000_000, stream))
        # Small, so that who reads nothing is noticed within the run.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
        listening.bind(("127.0.0.1", 0))
        listening.listen(256)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
        threading.Thread(target=_obey, args=(stream, server), daemon=True).start()
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        asyncio.run(server.serve([listening]))


if __name__ == "__main__":
    main()
