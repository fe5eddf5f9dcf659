"""``forcedflow venues``: where to trade a coin: every venue beside each other.

In:  a coin, an order, a moment. [USD]   Out: a table with what it rests on, or JSON.
Reads the lake alone; places nothing.
"""

from __future__ import annotations

from pathlib import Path

from forcedflow.cli.options import console, open_lake, parse_moment, print_json

_CLAIMS = (
    "~ is estimated, not shown by a book; ? is unknown. Slippage is of selling/buying, from the "
    "mid price; cost is its mean and the taker fee of the base tier; not advice"
)


def run(
    symbol: str,
    *,
    order: float = 100_000.0,
    at: str | None = None,
    lake: Path | None = None,
    json: bool = False,
) -> int:
    """Compare venues for a market order: depth, slippage, fee, leverage, feeds, health.

    Parameters
    ----------
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT; the coin counts, whatever the quote.
    order
        Size of a market order, in dollars.
    at
        Show exactly what was known then, such as 2026-02-05T12:00Z; now by default.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    json
        Print as JSON.
    """
    from forcedflow.answers import venues
    from forcedflow.asof.venue_conditions import read_venues
    from forcedflow.instruments import parse_symbol

    venues.check(order)
    at_ms = parse_moment(at)
    base = parse_symbol(symbol).base
    found = read_venues(open_lake(lake), base, order, at_ms)
    if json:
        print_json(venues.answer(found, base, order, at_ms))
        return 0
    from forcedflow.report.venues_terminal import venue_notes, venues_table

    screen = console()
    screen.print(venues_table(found, base, order, screen.width))
    for note in (*venue_notes(found), _CLAIMS):
        screen.print(f"· {note}", style="dim")
    return 0
