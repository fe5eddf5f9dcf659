"""The first look: import the real data at hand, then show a heatmap and its zones.

With ``FORCEDFLOW_REAL_DATA`` set, everything the importers know in that folder goes into a lake
under ``out/``. Without it, this says how to fetch real data, and ends.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from forcedflow.cli.app import run

OUT = Path("out")
LAKE = OUT / "lake"
SOURCES = (
    ("binance-vision", "binance-vision"),
    ("candles", "candles"),
    ("coinglass", "coinglass"),
    ("coinalyze", "coinalyze"),
    ("hyperliquid-positions", "hyperliquid/hyperliquid_positions.parquet"),
)
MOMENT = "2026-02-06T00:00Z"

HOW_TO_FETCH = """\
No market data at hand: FORCEDFLOW_REAL_DATA is not set.

Real data is free and needs no key. One week of Bitcoin's open interest and funding:

  base=https://data.binance.vision/data/futures/um
  mkdir -p data && cd data
  for day in 01 02 03 04 05 06 07; do
    curl -O $base/daily/metrics/BTCUSDT/BTCUSDT-metrics-2026-02-$day.zip
  done
  curl -O $base/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2026-02.zip
  cd ..

Then:

  .venv/bin/forcedflow import binance-vision data
  .venv/bin/forcedflow heatmap BTCUSDT --range 7d
  .venv/bin/forcedflow heatmap BTCUSDT --range 7d --out btc.png
"""


def main() -> int:
    """Import, then show."""
    named = os.environ.get("FORCEDFLOW_REAL_DATA")
    if not named:
        sys.stdout.write(HOW_TO_FETCH)
        return 0
    OUT.mkdir(exist_ok=True)
    lake = ["--lake", str(LAKE)]
    for kind, folder in SOURCES:
        path = Path(named) / folder
        if path.exists() and (status := run(["import", kind, str(path), *lake])):
            return status
    picture = OUT / "btc.png"
    moment = ["--range", "7d", "--at", MOMENT]
    for arguments in (
        ["heatmap", "BTCUSDT", *moment],
        ["heatmap", "BTCUSDT", *moment, "--out", str(picture)],
    ):
        if status := run([*arguments, *lake]):
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
