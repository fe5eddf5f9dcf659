"""A first heatmap: a simulated market, its map, its clusters, a picture.

Run it: ``python examples/first_heatmap.py [FOLDER]``; the folder (``out`` by default) gets a lake
and a picture. For a real market, fill a lake with ``forcedflow fetch`` instead.
"""

from __future__ import annotations

import sys
from pathlib import Path

from simulated import simulated_lake

from forcedflow import build_map, read_market
from forcedflow.report.heatmap_png import draw_heatmap
from forcedflow.units import DAY_MS, format_price, format_usd


def main(folder: Path) -> None:
    """Draw the last day of a simulated market."""
    lake, instrument, end_ms = simulated_lake(folder / "first-lake")
    market = read_market(lake, instrument, end_ms)
    mapped = build_map(market, picture_span_ms=DAY_MS)
    zones = mapped.zones()
    print(f"SIMULATED {instrument.symbol}, mark {format_price(mapped.mark, instrument.tick_size)}")
    for zone in zones[:6]:
        print(
            f"{zone.side:>5}s {format_price(zone.low)} to {format_price(zone.high)}, "
            f"{zone.distance_pct:+.2f} % away: {format_usd(zone.notional_usd)} if touched"
        )
    picture = folder / "first-heatmap.png"
    draw_heatmap(mapped, zones, picture)
    print(f"wrote {picture}")


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    place.mkdir(parents=True, exist_ok=True)
    main(place)
