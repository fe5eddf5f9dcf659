"""The trial of signals: simulated markets on which every signal has its inputs, a lake each.

In:  a scenario, a seed, a folder.   Out: `Recorded`: the lake that its venues' rows make.
Writes the lake; free of clocks. Simulated markets alone: nothing here is a claim about a real one.

Rows come through the venues and are read back as of a moment, as those of any other venue, so what
is scored is what the command says of a simulated lake.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from forcedflow.instruments import Instrument
from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.parameters import Scenario
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.store import Lake
from forcedflow.units import DAY_MS
from forcedflow.venues.base import Rows

MARKETS: tuple[tuple[Scenario, int], ...] = (
    ("news-shock", 1),
    ("news-shock", 2),
    ("both-sides", 1),
    ("both-sides", 2),
)
"""Scenario and seed of each market: those whose prices jump, for there books give way."""

TRADERS = 20_000

DAYS, SCORED_DAYS = 120, 90
"""Days simulated, and the last of them that are scored; thresholds need the ones before. [d]"""

_USED = frozenset(
    {
        "klines",
        "open_interest",
        "funding",
        "liquidation_totals",
        "depth_bands",
        "leverage_brackets",
    }
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A simulated market as a lake holds it.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
        Perpetual of the venue whose feeds are complete.
    at_ms : int
        End of the simulation, a midnight. [UTC ms]
    """

    lake: Lake
    instrument: Instrument
    at_ms: int


def record_market(
    folder: Path, scenario: Scenario, seed: int, n_traders: int = TRADERS, days: int = DAYS
) -> Recorded:
    """Simulate a market and write what all its venues publish into a new lake.

    Parameters
    ----------
    folder : Path
        Of the lake.
    scenario : str
    seed : int
    n_traders : int
    days : int
        After those in which positions fill up. [d]
    """
    market = SandboxMarket(scenario, n_traders, seed)
    end_ms = (market.opened_ms // DAY_MS + days) * DAY_MS
    venues = [SandboxVenue(market, rules.name) for rules in market.parameters.venues]
    batches: list[Rows] = [{"calendar_events": market.scheduled_events()}]
    for venue in venues:
        tables = sorted(_USED & venue.capabilities.backfilled)
        for instrument in venue.instruments():
            batches += venue.backfill(tables, instrument.symbol, START_MS, end_ms)
    lake = Lake(folder, create=True)
    lake.write(join(batches))
    return Recorded(lake, venues[0].instruments()[0], end_ms)
