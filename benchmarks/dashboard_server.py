"""``python -m benchmarks.dashboard_server``: the built page over a made-up market.

In:  lines ``<events> <per second>`` on standard input.   Out: its port, then a line per burst.
Free of any lake: what is measured is the page, not the reading of a lake.
"""

from __future__ import annotations

import json
import queue
import struct
import sys
import threading
import time
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np

COLUMNS = 1_000
BINS = 500
_STEP_MS = 900_000
_START_MS = 1_700_000_100_000 // _STEP_MS * _STEP_MS
_WIDTH = 0.0005
_SYMBOL, _VENUE = "SIM/USDT:USDT", "sandbox"
_STATIC = Path(str(files("forcedflow.server") / "static"))
_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css"}
_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'none'"
)


class MadeUp:
    """One market: a walk of prices, clusters on either side of it, and every answer about it."""

    def __init__(self) -> None:
        random = np.random.default_rng(7)
        middle = BINS // 2
        walk = np.cumsum(random.normal(0, 1.1, COLUMNS))
        walk -= np.linspace(0, walk[-1], COLUMNS)
        place = np.clip(middle + walk, 40, BINS - 40)
        self.lowest = 100 * np.exp(-middle * _WIDTH)
        close = self.lowest * np.exp(place * _WIDTH)
        opened = np.concatenate([close[:1], close[:-1]])
        spread = np.exp(np.abs(random.normal(0, 2, (2, COLUMNS))) * _WIDTH)
        self.candles = {
            "open": opened,
            "high": np.maximum(opened, close) * spread[0],
            "low": np.minimum(opened, close) / spread[1],
            "close": close,
        }
        bins = np.arange(BINS)
        texture = random.integers(0, 256, (COLUMNS // 50 + 1, BINS)).repeat(50, axis=0)[:COLUMNS]
        below = bins[None] < place[:, None] - 4
        above = bins[None] > place[:, None] + 4
        self.cells = np.stack([texture * below, texture * above]).astype(np.uint8)

    def _said(self) -> dict[str, Any]:
        return {
            "symbol": _SYMBOL,
            "venue": _VENUE,
            "simulated": True,
            "at": "2023-11-25T04:00:00Z",
            "known_to": "2023-11-25T04:00:00Z",
            "assumptions": {},
            "freshness": {"age_s": 0.0},
            "model": "prior",
            "model_words": "made up for measuring",
            "mark_price": float(self.candles["close"][-1]),
            "open_interest_usd": 1e9,
            "sigma_24h": 0.03,
        }

    def markets(self) -> dict[str, Any]:
        entry = {
            "symbol": _SYMBOL,
            "venue": _VENUE,
            "base": "SIM",
            "perpetual": True,
            "map": True,
            "simulated": True,
            "from": "2023-11-14T00:00:00Z",
            "to": "2023-11-25T04:00:00Z",
            "age_s": 0.0,
            "tick_size": 0.001,
            "tables": {},
        }
        return {"at": "2023-11-25T04:00:00Z", "simulated": True, "markets": [entry]}

    def heatmap(self) -> bytes:
        starts = [_START_MS + i * _STEP_MS for i in range(COLUMNS)]
        header = {
            **self._said(),
            "planes": ["long", "short"],
            "columns": COLUMNS,
            "bins": BINS,
            "step_ms": _STEP_MS,
            "start_ms": starts,
            "end_ms": [start + _STEP_MS for start in starts],
            "lowest_price": self.lowest,
            "bin_log_width": _WIDTH,
            "even_usd": [1e6] * COLUMNS,
            "darkest": 0.12,
            "brightest": 1.2,
            "candles": {name: values.tolist() for name, values in self.candles.items()},
        }
        text = json.dumps(header).encode()
        return struct.pack("<I", len(text)) + text + self.cells.tobytes()

    def zones(self) -> dict[str, Any]:
        mark = float(self.candles["close"][-1])
        zones = [
            {
                "side": side,
                "low": mark * (1 + move - 0.004),
                "high": mark * (1 + move + 0.004),
                "peak": mark * (1 + move),
                "notional_usd": 2e7,
                "notional_usd_low": 1e7,
                "notional_usd_high": 4e7,
                "distance_pct": 100 * move,
                "distance_sigma": move / 0.03,
                "age_h": 20.0,
                "share_of_oi": 0.02,
                "rank": rank,
                "major": True,
                "prior_share": 1.0,
            }
            for rank, (side, move) in enumerate(
                [("long", -0.02), ("long", -0.05), ("short", 0.02), ("short", 0.05)], start=1
            )
        ]
        return {**self._said(), "zones": zones}

    def ladder(self) -> dict[str, Any]:
        mark = float(self.candles["close"][-1])
        edges = np.geomspace(mark * 0.88, mark * 1.12, 601)
        prices = np.sqrt(edges[1:] * edges[:-1])
        sides = {}
        for side, mask in (("long", prices < mark), ("short", prices > mark)):
            usd = np.where(mask, 1e6 * (1 + np.sin(np.arange(600) / 7)), 0.0)
            outwards = usd[::-1].cumsum()[::-1] if side == "short" else usd.cumsum()
            sides[side] = {
                "usd": usd.tolist(),
                "low": (usd / 3).tolist(),
                "high": (usd * 3).tolist(),
                "cumulative_usd": outwards.tolist(),
                "by_tier_usd": [(usd / 5).tolist()] * 5,
                "prior_share": [1.0] * 600,
            }
        tiers = ["≤5×", "5–10×", "10–25×", "25–50×", ">50×"]
        return {
            **self._said(),
            "reach": 0.12,
            "edges": edges.tolist(),
            "prices": prices.tolist(),
            "tiers": tiers,
            "sides": sides,
            "range_words": "made up",
        }

    def series(self) -> dict[str, Any]:
        ends = [_START_MS + (i + 1) * _STEP_MS for i in range(COLUMNS)]
        wave = np.sin(np.arange(COLUMNS) / 30)
        series = {
            "open_interest": {
                "unit": "base coins",
                "time_ms": ends,
                "open_interest": (1e7 * (2 + wave)).tolist(),
                "open_interest_usd": (1e9 * (2 + wave)).tolist(),
            },
            "funding": {
                "unit": "1 per interval",
                "time_ms": ends[::32],
                "funding_rate": (1e-4 * wave[::32]).tolist(),
                "interval_hours": [8.0] * len(ends[::32]),
            },
            "liquidations": {
                "unit": "USD",
                "of": "made up",
                "completeness": "complete",
                "time_ms": ends,
                "long_usd": np.maximum(0, 1e5 * wave).tolist(),
                "short_usd": np.maximum(0, -1e5 * wave).tolist(),
            },
        }
        return {**self._said(), "from": "", "step_ms": _STEP_MS, "series": series, "missing": {}}

    def update(self, number: int) -> dict[str, Any]:
        """Return a bar's close: the last column once more, a little changed."""
        start = _START_MS + (COLUMNS - 1) * _STEP_MS
        price = float(self.candles["close"][-1]) * (1 + 0.001 * (number % 7))
        long, short = (np.roll(side[-1], number) for side in self.cells)
        payload = {
            **self._said(),
            "badge": "LIVE",
            "mark_price": price,
            "sent_ms": time.time() * 1e3,
            "column": {
                "start_ms": start,
                "end_ms": start + _STEP_MS,
                "candle": [price, price * 1.001, price * 0.999, price],
                "bins": BINS,
                "lowest_price": self.lowest,
                "bin_log_width": _WIDTH,
                "even_usd": 1e6,
                "sides_base64": {
                    "long": b64encode(long.tobytes()).decode(),
                    "short": b64encode(short.tobytes()).decode(),
                },
            },
            "zones": None,
        }
        return {"market": {"venue": _VENUE, "symbol": _SYMBOL}, "payload": payload}


class _Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    made_up: MadeUp
    listeners: list[queue.SimpleQueue[bytes]]

    def do_GET(self) -> None:
        path = urlparse(self.path).path
        name = path.removeprefix("/api/v1/")
        if name == "events":
            self._stream()
        elif name == "heatmap":
            self._send(self.made_up.heatmap(), "application/octet-stream")
        elif name in {"markets", "zones", "ladder", "series"}:
            self._send(json.dumps(getattr(self.made_up, name)()).encode(), "application/json")
        elif path.startswith("/api/"):
            error = {"code": "no_data", "message": "not measured here", "hint": None}
            self._send(json.dumps({"error": error}).encode(), "application/json", 404)
        else:
            self._file(_STATIC / (path.lstrip("/") or "index.html"))

    def _file(self, path: Path) -> None:
        if path.is_file() and path.resolve().is_relative_to(_STATIC.resolve()):
            self._send(path.read_bytes(), _TYPES.get(path.suffix, "application/octet-stream"))
        else:
            self._send(b"", "text/plain", 404)

    def _send(self, body: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.listeners.append(heard)
        try:
            while True:
                self.wfile.write(heard.get())
                self.wfile.flush()
        except OSError:
            # The page was closed.
            self.listeners.remove(heard)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's own name
        """Say nothing: standard output carries the figures."""


def main() -> None:
    """Serve until standard input ends."""
    _Page.made_up, _Page.listeners = MadeUp(), []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    number = 0
    for line in sys.stdin:
        count, per_s = line.split()
        for _ in range(int(count)):
            number += 1
            text = json.dumps(_Page.made_up.update(number))
            event = f"id: made-up-{number}\nevent: update\ndata: {text}\n\n".encode()
            for heard in list(_Page.listeners):
                heard.put(event)
            time.sleep(1 / float(per_s))
        sys.stdout.write("sent\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
