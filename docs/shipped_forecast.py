"""The forecast that ships with the package, for the demo: learned on simulated markets, by hand.

In:  frozen scenarios and seeds.   Out: ``src/forcedflow/sandbox/forecast_simulated.json``.
Takes some minutes; nothing of a real market is in it, and everything that uses it says simulated.
"""
# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from forcedflow.evaluate.forecast_fit import fit_forecast, read_evidence
from forcedflow.evaluate.signal_trial import record_market
from forcedflow.store.forecast_artefact import write_forecast

MARKETS = (("news-shock", 21), ("news-shock", 22), ("both-sides", 21), ("crowded-longs", 21))
DAYS, TRADERS = 150, 8_000
TARGET = Path(__file__).parent.parent / "src/forcedflow/sandbox/forecast_simulated.json"


def main() -> None:
    """Simulate, read as of the end, fit, and put the file where the package finds it."""
    with tempfile.TemporaryDirectory(prefix="forcedflow-shipped-") as folder:
        evidence, end_ms = [], 0
        for scenario, seed in MARKETS:
            sys.stderr.write(f"{scenario}, seed {seed}\n")
            recorded = record_market(
                Path(folder) / f"{scenario}-{seed}", scenario, seed, TRADERS, DAYS
            )
            end_ms = recorded.at_ms
            evidence.append(read_evidence(recorded.lake, recorded.instrument, end_ms))
        artefact = fit_forecast(evidence, end_ms, "with the package", sys.stderr.write)
        written = write_forecast(Path(folder) / "artefact", artefact)
        TARGET.write_bytes(written.read_bytes())


if __name__ == "__main__":
    main()
