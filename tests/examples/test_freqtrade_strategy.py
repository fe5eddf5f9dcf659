"""The freqtrade example, with the three methods that freqtrade calls, in its order."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import polars as pl
import pytest

from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, HOUR_MS

SOURCE = Path(__file__).resolve().parents[2] / "examples" / "freqtrade" / "beside_clusters.py"


@pytest.fixture
def strategy(monkeypatch):
    """Return the strategy over the part of freqtrade's interface that it uses: a class."""
    module = ModuleType("freqtrade.strategy")
    module.IStrategy = type("IStrategy", (), {})
    monkeypatch.setitem(sys.modules, "freqtrade", ModuleType("freqtrade"))
    monkeypatch.setitem(sys.modules, "freqtrade.strategy", module)
    spec = importlib.util.spec_from_file_location("beside_clusters", SOURCE)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded.BesideClusters()


def test_its_methods_take_what_freqtrade_gives(strategy):
    for name in ("populate_indicators", "populate_entry_trend", "populate_exit_trend"):
        taken = list(inspect.signature(getattr(strategy, name)).parameters)
        assert taken == ["dataframe", "metadata"]
    assert strategy.INTERFACE_VERSION == 3


def test_it_enters_and_leaves_by_columns_that_exist(strategy, tmp_path, monkeypatch):
    market = SandboxMarket("calm", 1_000, 1)
    venue = SandboxVenue(market)
    instrument = venue.instruments()[0]
    end_ms = market.opened_ms + DAY_MS
    wanted = sorted(venue.capabilities.backfilled)
    frames = join(list(venue.backfill(wanted, instrument.symbol, START_MS, end_ms)))
    lake = Lake(tmp_path / "lake", create=True)
    # The strategy asks binance; this is its market of the moment.
    lake.write({name: rows.with_columns(venue=pl.lit("binance")) for name, rows in frames.items()})
    monkeypatch.setenv("FORCEDFLOW_LAKE", str(lake.root))
    opens = pd.to_datetime(np.arange(end_ms - 12 * HOUR_MS, end_ms, HOUR_MS), unit="ms", utc=True)
    candles = pd.DataFrame({"date": opens, "close": 1.0})
    pair = {"pair": instrument.symbol}
    shown = strategy.populate_indicators(candles, pair)
    shown["ff_loading"] = 0.0  # a lone quiet day knows too few signals
    signals = strategy.populate_exit_trend(strategy.populate_entry_trend(shown, pair), pair)
    entered = signals["enter_long"] == 1
    assert (entered == (signals["ff_map_asymmetry"] > 0.5)).all()
    assert ((signals["exit_long"] == 1) == (signals["ff_map_asymmetry"] < -0.5)).all()
