"""The hummingbot example against the server's own answers, over a socket."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import socket
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest
import uvicorn

from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.server import Desk
from forcedflow.server.app import create_app
from forcedflow.store import Lake
from forcedflow.units import DAY_MS

SOURCE = Path(__file__).resolve().parents[2] / "examples" / "hummingbot" / "levels_script.py"


@pytest.fixture(scope="module")
def script():
    """Return the script's module over the part of hummingbot that it uses: two base classes."""

    class StrategyV2Base:
        def __init__(self, connectors, config=None):
            self.connectors, self.config = connectors, config

    names = ("hummingbot", "hummingbot.strategy", "hummingbot.strategy.strategy_v2_base")
    held = {name: ModuleType(name) for name in names}
    held[names[-1]].StrategyV2Base = StrategyV2Base
    held[names[-1]].StrategyV2ConfigBase = type("StrategyV2ConfigBase", (), {})
    with pytest.MonkeyPatch.context() as patch:
        for name, module in held.items():
            patch.setitem(sys.modules, name, module)
        spec = importlib.util.spec_from_file_location("levels_script", SOURCE)
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Serve a simulated market as of its end."""
    market = SandboxMarket("calm", 1_000, 1)
    venue = SandboxVenue(market)
    (instrument, end_ms) = venue.instruments()[0], market.opened_ms + DAY_MS
    lake = Lake(tmp_path_factory.mktemp("served") / "lake", create=True)
    wanted = sorted(venue.capabilities.backfilled)
    lake.write(join(list(venue.backfill(wanted, instrument.symbol, START_MS, end_ms))))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        app = create_app(Desk(lake, lambda: end_ms))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{bound.getsockname()[1]}", instrument
        server.should_exit = True
        thread.join()


def test_it_has_what_hummingbot_calls(script):
    made = script.LevelsScript({}, None)
    config = script.LevelsConfig()
    assert config.script_file_name == "levels_script.py"
    opened = config.update_markets({"binance_perpetual": {"ETH-USDT"}})
    assert opened == {"binance_perpetual": {"ETH-USDT", "BTC-USDT"}}
    assert made.format_status() == "forcedflow: not asked yet"
    assert not inspect.iscoroutinefunction(made.on_tick)
    assert list(inspect.signature(made.on_tick).parameters) == []


def test_ticks_never_wait_and_the_answer_is_shown_once_it_is_there(script, address, monkeypatch):
    place, instrument = address
    monkeypatch.setattr(script, "ADDRESS", place)
    monkeypatch.setattr(script, "SYMBOL", instrument.symbol)
    monkeypatch.setattr(script, "VENUE", instrument.venue)

    async def run():
        made = script.LevelsScript({})
        made.on_tick()
        asked = made._asking
        made.on_tick()
        assert made._asking is asked
        assert made.zones is None
        await asyncio.wait_for(asked, 60)
        return made

    made = asyncio.run(run())
    assert made.problem is None
    assert made.zones["zones"]
    shown = made.format_status()
    assert shown.startswith(f"SIMULATED {instrument.symbol} known to ")
    assert "estimates if touched" in shown


def test_what_goes_wrong_is_said_and_what_is_old_is_called_so(script, address, monkeypatch):
    place, _ = address
    monkeypatch.setattr(script, "ADDRESS", place)
    monkeypatch.setattr(script, "SYMBOL", "NOSUCHCOIN")
    made = script.LevelsScript({})
    asyncio.run(made.ask())
    assert "no open interest" in made.format_status()
    monkeypatch.setattr(script, "ADDRESS", "http://127.0.0.1:9")
    asyncio.run(made.ask())
    assert made.format_status().startswith("forcedflow: http://127.0.0.1:9")
    made.zones = {
        "symbol": "BTC",
        "known_to": "then",
        "simulated": False,
        "freshness": {"age_s": 901.0},
        "zones": [],
    }
    assert "known to then STALE" in made.format_status()
