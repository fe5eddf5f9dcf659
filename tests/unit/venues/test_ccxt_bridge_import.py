"""ccxt is heavy: nobody pays for it who does not ask for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from forcedflow.cli.app import run
from forcedflow.errors import UsageError
from forcedflow.settings import Settings
from forcedflow.venues.network import CONNECTORS, connect_venue, is_connected

_EVERY_OTHER_VENUE = """
import sys
from forcedflow.settings import Settings
from forcedflow.venues.network import CONNECTORS, connect_venue, register_venues
from forcedflow.venues.registry import VenueRegistry
register_venues(VenueRegistry(), Settings())
for name in CONNECTORS:
    connect_venue(name, Settings()).http.close()
assert "ccxt" not in sys.modules
"""

_EVERY_COMMAND = """
import importlib, pkgutil, sys
import forcedflow.cli, forcedflow.venues
for package in (forcedflow.cli, forcedflow.venues):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
from forcedflow.venues.ccxt_bridge import CcxtConnector
assert "ccxt" not in sys.modules
"""


@pytest.mark.parametrize("code", [_EVERY_OTHER_VENUE, _EVERY_COMMAND], ids=["venues", "commands"])
def test_no_command_and_no_other_venue_imports_ccxt(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_ccxt_the_message_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "ccxt", None)
    words = ["fetch", "ccxt:bingx", "BTC", "--from", "2026-09-22", "--lake", str(tmp_path)]
    assert run(words) == 2
    assert "pip install 'forcedflow[ccxt]'" in capsys.readouterr().err


def test_an_exchange_with_a_connector_of_its_own_is_not_bridged():
    with pytest.raises(UsageError, match="write binance as the venue"):
        connect_venue("ccxt:binanceusdm", Settings())


def test_an_exchange_that_ccxt_does_not_know_is_refused():
    with pytest.raises(UsageError, match="knows no exchange 'ftx'"):
        connect_venue("ccxt:ftx", Settings())


def test_a_word_is_a_venue_only_with_its_prefix():
    assert is_connected("ccxt:bingx")
    assert not is_connected("bingx")
    assert all(map(is_connected, CONNECTORS))


def test_every_exchange_that_is_bridged_says_what_it_gives():
    import ccxt  # noqa: PLC0415 - heavy

    swaps = [name for name in ccxt.exchanges if name in {"aster", "blofin", "htx", "paradex"}]
    for name in swaps:
        venue = connect_venue(f"ccxt:{name}", Settings())
        assert {"klines", "funding", "trades"} <= venue.capabilities.streamed
        assert "klines" in venue.capabilities.backfilled
        assert "liquidations" not in venue.capabilities.streamed
        assert venue.capabilities.liquidations == "unknown"
        venue.http.close()
    assert len(swaps) == 4
