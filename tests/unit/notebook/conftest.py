"""A lake of four simulated days."""

from __future__ import annotations

import pytest

from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.store import Lake
from forcedflow.units import DAY_MS


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """Return a lake, its instrument and the end of its only day."""
    market = SandboxMarket("calm", 1_000, 1)
    venue = SandboxVenue(market)
    instrument = venue.instruments()[0]
    end_ms = market.opened_ms + 4 * DAY_MS
    lake = Lake(tmp_path_factory.mktemp("notebook") / "lake", create=True)
    wanted = sorted(venue.capabilities.backfilled)
    lake.write(join(list(venue.backfill(wanted, instrument.symbol, START_MS, end_ms))))
    return lake, instrument, end_ms
