"""Alerts: try rules on a past first, then deliver one message to a webhook of your own.

The receiver here is a server on loopback that checks the signature, as yours should. Live, the same
file of rules is given to ``forcedflow up BTC --rules rules.toml``. Run it:
``python examples/live_alerts.py [FOLDER]``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from simulated import simulated_lake

from forcedflow.answers.times import iso_time
from forcedflow.cli.app import run
from forcedflow.units import HOUR_MS

RULES = """\
[targets.desk]
kind = "webhook"
url_env = "EXAMPLE_DESK"
secret_env = "EXAMPLE_DESK_KEY"
allow_private = ["127.0.0.1/32"]

[[rules]]
name = "a cluster is near"
kind = "cluster_near"
symbols = ["SIM"]
venues = ["sandbox"]
side = "both"
least_usd = 1e5
within_pct = 1.0
cooldown = "2h"
targets = ["desk"]
"""
KEY = "a key that only the two of us know"


class Receiver(BaseHTTPRequestHandler):
    """Accepts what is signed with the key, and says what came."""

    def do_POST(self) -> None:
        """Take one message."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        named = (self.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp"))
        signed = ".".join(named).encode() + b"." + body
        right = base64.b64encode(hmac.new(KEY.encode(), signed, hashlib.sha256).digest()).decode()
        is_ours = hmac.compare_digest(self.headers.get("webhook-signature", ""), f"v1,{right}")
        print(f"received {len(body)} bytes, signature {'right' if is_ours else 'WRONG'}")
        self.send_response(204 if is_ours else 403)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing beside."""


def main(folder: Path) -> int:
    """Judge the last hours of a simulated market, then send a test message."""
    lake, _, end_ms = simulated_lake(folder / "alert-lake")
    rules = folder / "rules.toml"
    rules.write_text(RULES, encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    os.environ["EXAMPLE_DESK"] = f"http://127.0.0.1:{server.server_port}/"
    os.environ["EXAMPLE_DESK_KEY"] = KEY
    asked = ["--rules", str(rules), "--lake", str(lake.root)]
    past = ["--from", iso_time(end_ms - 6 * HOUR_MS), "--to", iso_time(end_ms), "--step", "1h"]
    try:
        status = run(["alerts", "run", "SIM", "--venue", "sandbox", *past, *asked])
        return status or run(["alerts", "test", "desk", *asked])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    place.mkdir(parents=True, exist_ok=True)
    sys.exit(main(place))
