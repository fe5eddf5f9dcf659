"""What ``venues`` answers: where to trade a coin, every venue beside each other.

In:  a lake, a coin, an order [USD], a moment.   Out: plain values for JSON.
Free of any clock; places nothing.
"""

from __future__ import annotations

import math
from typing import Any

from forcedflow.answers.figures import known
from forcedflow.answers.times import iso_time
from forcedflow.asof.venue_conditions import VenueConditions, read_venues
from forcedflow.asof.venue_depth import BothWays
from forcedflow.errors import UsageError
from forcedflow.store import Lake


def ask(lake: Lake, base: str, order_usd: float, at_ms: int) -> dict[str, Any]:
    """Return the comparison of venues for a market order.

    Parameters
    ----------
    lake : Lake
    base : str
        The coin, whatever the quote.
    order_usd : float
        [USD]
    at_ms : int
        The moment. [UTC ms]

    Raises
    ------
    UsageError
        If the order is not positive.
    NoDataError
        If no venue's contract of the coin is held.
    """
    check(order_usd)
    return answer(read_venues(lake, base, order_usd, at_ms), base, order_usd, at_ms)


def check(order_usd: float) -> None:
    """Refuse an order that cannot be one.

    Raises
    ------
    UsageError
        If it is not positive.
    """
    if not (order_usd > 0 and math.isfinite(order_usd)):
        raise UsageError(f"--order {order_usd:g}: dollars, above zero\nhint: --order 100000")


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
        "freshness": {
            "age_s": {one.instrument.venue: min(one.age_ms.values(), default=None) for one in found}
        },
    }


def _venue(one: VenueConditions) -> dict[str, Any]:
    depth, fee, leverage = one.depth, one.fee, one.leverage
    return {
        "venue": one.instrument.venue,
        "symbol": one.instrument.symbol,
        "simulated": one.simulated,
        "cost_bps": known(one.cost_bps),
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
        "open_interest": known(one.open_interest),
        "share_of_oi": known(one.share_of_oi),
        "age_s": {table: age / 1000 for table, age in one.age_ms.items()},
        "unrepaired_gaps_24h": one.unheard,
        "for_what_is_unknown": list(one.hints),
    }


def _both(value: BothWays | None) -> dict[str, float | None] | None:
    return None if value is None else {"sell": known(value.sell), "buy": known(value.buy)}
