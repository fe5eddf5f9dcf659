"""``forcedflow scan``: several markets beside each other, the most loaded first.

In:  symbols, a venue, a moment.   Out: a table, or JSON with every reading.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from forcedflow.cli.options import (
    choose_instrument,
    console,
    open_lake,
    parse_moment,
    print_json,
    warn,
)
from forcedflow.cli.workers import HERE, Spread, counting


def run(
    *symbols: str,
    venue: str | None = None,
    by: Literal["loading", "zone", "crowding", "forecast"] = "loading",
    at: str | None = None,
    lake: Path | None = None,
    json: bool = False,
    spread: Spread = HERE,
) -> int:
    """Rank markets by how loaded they are, how near a cluster is, how crowded, how likely to fall.

    Parameters
    ----------
    symbols
        BTC, BTCUSDT or BTC/USDT:USDT; by default every contract whose open interest is held.
    venue
        Venue of the contracts; binance for named ones, every venue otherwise.
    by
        What comes first: most loaded, nearest cluster in σ, most one-sided funding, likeliest
        cascade within 24 hours.
    at
        Show exactly what was known then, such as 2026-02-05T12:00Z; now by default.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    json
        Print as JSON.
    """
    from forcedflow.answers import scan

    at_ms = parse_moment(at)
    held = open_lake(lake)
    chosen = [choose_instrument(held, symbol, venue or "binance") for symbol in symbols]
    with spread.start() as executor, counting("reading") as progress:
        found = scan.read(
            held, chosen, at_ms, venue=venue, by=by, executor=executor, progress=progress
        )
    if json:
        print_json(scan.answer(found))
        return 0
    from forcedflow.report.signals_terminal import scan_table

    screen = console()
    screen.print(scan_table(list(found.markets), screen.width))
    for row in found.left_out:
        warn(f"left out: {row['reason']}")
    return 0
