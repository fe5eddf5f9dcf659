"""A lake of a simulated market, so that every example runs without data and without a network."""

from __future__ import annotations

from pathlib import Path

from forcedflow import Instrument, Lake
from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.units import DAY_MS


def simulated_lake(folder: Path, days: int = 2, seed: int = 3) -> tuple[Lake, Instrument, int]:
    """Return a lake of a simulated exchange, its contract and the moment at which it ends.

    Parameters
    ----------
    folder : Path
        Where the lake is made.
    days : int
        Length after the market's burn-in.
    seed : int
        The same seed gives the same market.
    """
    market = SandboxMarket("news-shock", 1_000, seed)
    venue = SandboxVenue(market)
    instrument = venue.instruments()[0]
    end_ms = market.opened_ms + days * DAY_MS
    lake = Lake(folder, create=True)
    lake.write({"calendar_events": market.scheduled_events()})
    tables = sorted(venue.capabilities.backfilled)
    lake.write(join(list(venue.backfill(tables, instrument.symbol, START_MS, end_ms))))
    return lake, instrument, end_ms
