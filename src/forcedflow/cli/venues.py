"""``forcedflow venues``: where to trade a coin: every venue beside each other.

In:  a coin, an order, a moment. [USD]   Out: a table with what it rests on, or JSON.
Reads the lake alone; places nothing.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forcedflow.cli.options import console, iso_time, open_lake, parse_moment, print_json
from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from forcedflow.asof.venue_conditions import VenueConditions
    from forcedflow.asof.venue_depth import BothWays

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
        Folder of the lake; the setting by default.
    json
        Print as JSON.
    """
    from forcedflow.asof.venue_conditions import read_venues
    from forcedflow.instruments import parse_symbol

    if not (order > 0 and math.isfinite(order)):
        raise UsageError(f"--order {order:g}: dollars, above zero\nhint: --order 100000")
    at_ms = parse_moment(at)
    base = parse_symbol(symbol).base
    found = read_venues(open_lake(lake), base, order, at_ms)
    if json:
        print_json(answer(found, base, order, at_ms))
        return 0
    from forcedflow.report.venues_terminal import venue_notes, venues_table

    screen = console()
    screen.print(venues_table(found, base, order, screen.width))
    for note in (*venue_notes(found), _CLAIMS):
        screen.print(f"· {note}", style="dim")
    return 0


def answer(found: list[VenueConditions], base: str, order_usd: float, at_ms: int) -> dict[str, Any]:
    """Return the comparison with everything needed to judge it; what is unknown is null."""
    return {
        "coin": base,
        "order_usd": order_usd,
        "at": iso_time(at_ms),
        "simulated": any(one.simulated for one in found),
        "venues": [_venue(one) for one in found],
        "assumptions": {
            "cost_bps": "mean slippage of selling and buying, and the taker fee of the base tier",
            "slippage": "mean distance from the mid price that the order pays, all at once",
            "share_of_oi": "of the venues listed whose open interest is known",
        },
    }


def _venue(one: VenueConditions) -> dict[str, Any]:
    depth, fee, leverage = one.depth, one.fee, one.leverage
    return {
        "venue": one.instrument.venue,
        "symbol": one.instrument.symbol,
        "simulated": one.simulated,
        "cost_bps": _known(one.cost_bps),
        "slippage_bps": None if depth is None else _both(depth.slippage_bps),
        "depth_1pct_usd": None if depth is None else _both(depth.near_usd),
        "depth_20_levels_usd": None if depth is None else _both(depth.levels_usd),
        "depth_measured": depth and depth.measured,
        "slippage_measured": depth and depth.book_is_fresh,
        "depth_source": depth and depth.source,
        "depth_time": depth and iso_time(depth.at_ms),
        "taker_fee": fee and {"rate": fee.rate, "source": fee.source, "read_on": fee.read_on},
        "max_leverage": leverage and leverage.most,
        "max_leverage_of_order": leverage and leverage.of_order,
        "leverage_source": leverage and leverage.source,
        "liquidations": one.liquidations,
        "public_positions": one.public_positions,
        "open_interest": _known(one.open_interest),
        "share_of_oi": _known(one.share_of_oi),
        "age_s": {table: age / 1000 for table, age in one.age_ms.items()},
        "unrepaired_gaps_24h": one.unheard,
        "for_what_is_unknown": list(one.hints),
    }


def _both(value: BothWays | None) -> dict[str, float | None] | None:
    return None if value is None else {"sell": _known(value.sell), "buy": _known(value.buy)}


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")
