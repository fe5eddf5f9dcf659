"""Where the commands of a page are run: a lake, venues on loopback, somebody who takes alerts."""

from __future__ import annotations

import os
import re
import shutil
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.docs.page_commands import TEXTS
from tests.docs.worlds import EVENTS, put_vendor_files, write_settings
from tests.venues.recording import fake_exchange

from forcedflow.cli import options
from forcedflow.cli.app import run

# Where the recorded data end; what is asked without --at is asked then.
NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)


class RecordedNow(datetime):
    """A clock that stands where the recorded data end."""

    @classmethod
    def now(cls, tz=None):
        return NOW.astimezone(tz)


class Listener(BaseHTTPRequestHandler):
    """Takes whatever alert is sent."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="package")
def recorded_lake(tmp_path_factory, real_data):
    """Import the recorded data that the pages ask about."""
    lake = tmp_path_factory.mktemp("recorded") / "lake"
    for kind in ("binance-vision", "candles"):
        assert run(["import", kind, str(real_data / kind), "--lake", str(lake)]) == 0
    return lake


@pytest.fixture(scope="package")
def venue_settings(tmp_path_factory):
    """Start venues on loopback; return the settings file that leads to them."""
    path = tmp_path_factory.mktemp("settings") / "config.toml"
    with ExitStack() as open_venues:
        names = ("binance", "bybit", "hyperliquid")
        write_settings(path, [open_venues.enter_context(fake_exchange(name)) for name in names])
        yield path


@pytest.fixture(scope="package")
def listener():
    """Return the address of somebody who takes alerts."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"json://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def place(venue_settings, listener, tmp_path, monkeypatch):
    """Stand in an empty folder of one page's own, as somebody who reads it would."""
    home, place = tmp_path / "home", tmp_path / "place"
    place.mkdir()
    rules = _rules()
    path = home / ".config" / "forcedflow" / "alerts.toml"
    path.parent.mkdir(parents=True)
    path.write_text(rules, encoding="utf-8")
    config = path.with_name("config.toml")
    shutil.copyfile(venue_settings, config)
    for name in [name for name in os.environ if name.startswith("FORCEDFLOW_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "HOME": str(home),
        "BROWSER": "true",
        "COLUMNS": "100",
        "FORCEDFLOW_LAKE": str(place / "lake"),
        **dict.fromkeys(re.findall(r'_env = "(\w+)"', rules), listener),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def recorded_place(place, real_data, recorded_lake, monkeypatch):
    """Stand where the recorded data are: in a lake, and as files to import."""
    put_vendor_files(place, real_data)
    (place / "events.csv").write_text(EVENTS, encoding="utf-8")
    shutil.copytree(recorded_lake, place / "lake", copy_function=_copy)
    monkeypatch.setattr(options, "datetime", RecordedNow)
    return place


def _rules():
    """Return the file of rules that the page on alerts shows."""
    page = TEXTS["docs/howto/alerts.md"]
    return page.partition("## A file of rules")[2].partition("```toml\n")[2].partition("```")[0]


def _copy(source, target):
    # Files of rows are written once; what says which of them count is written again and again.
    (os.link if source.endswith(".parquet") else shutil.copyfile)(source, target)
