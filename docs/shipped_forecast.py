"""The forecast that ships with the package, for the demo: learned on simulated markets, by hand.

In:  frozen scenarios and seeds.   Out: ``src/forcedflow/sandbox/forecast_simulated.json``.
Takes some minutes; nothing of a real market is in it, and everything that uses it says simulated.
"""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from forcedflow.evaluate.forecast_fit import Evidence, fit_forecast, read_evidence
from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.parameters import Scenario
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.store import Lake
from forcedflow.store.forecast_artefact import write_forecast
from forcedflow.units import DAY_MS
from forcedflow.venues.base import Rows

MARKETS: tuple[tuple[Scenario, int], ...] = (
    ("news-shock", 21),
    ("news-shock", 22),
    ("both-sides", 21),
    ("crowded-longs", 21),
)
DAYS, TRADERS = 150, 5_000

# Books are left out: the critical shocks that they give take most of the time, and the chosen
# models make no use of them.
TABLES = ("klines", "open_interest", "funding", "liquidation_totals", "leverage_brackets")
TARGET = Path(__file__).parent.parent / "src/forcedflow/sandbox/forecast_simulated.json"


def read_market(folder: Path, scenario: Scenario, seed: int) -> tuple[Evidence, int]:
    """Simulate a market, write what one venue publishes, and read it as of its end."""
    market = SandboxMarket(scenario, TRADERS, seed)
    end_ms = (market.opened_ms // DAY_MS + DAYS) * DAY_MS
    venue = SandboxVenue(market, market.parameters.venues[0].name)
    batches: list[Rows] = [{"calendar_events": market.scheduled_events()}]
    for instrument in venue.instruments():
        batches += venue.backfill(list(TABLES), instrument.symbol, START_MS, end_ms)
    lake = Lake(folder, create=True)
    lake.write(join(batches))
    return read_evidence(lake, venue.instruments()[0], end_ms), end_ms


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main() -> None:
    """Simulate, read as of the end, fit, and put the file where the package finds it."""
    with tempfile.TemporaryDirectory(prefix="forcedflow-shipped-") as folder:
        evidence, end_ms = [], 0
        for scenario, seed in MARKETS:
            sys.stderr.write(f"{scenario}, seed {seed}\n")
            read, end_ms = read_market(Path(folder) / f"{scenario}-{seed}", scenario, seed)
            evidence.append(read)
        artefact = fit_forecast(evidence, end_ms, "with the package", _say)
        written = write_forecast(Path(folder) / "artefact", artefact)
        TARGET.write_bytes(written.read_bytes())
        for line in artefact.card:
            _say(line)


if __name__ == "__main__":
    main()
