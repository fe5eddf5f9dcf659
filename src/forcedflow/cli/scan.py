"""``forcedflow scan``: several markets beside each other, the most loaded first.

In:  symbols, a venue, a moment.   Out: a table, or JSON with every reading.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from forcedflow.cli.options import (
    choose_instrument,
    console,
    iso_time,
    open_lake,
    parse_moment,
    print_json,
    warn,
)
from forcedflow.cli.signals import answer, read_market_signals
from forcedflow.errors import NoDataError

if TYPE_CHECKING:
    from forcedflow.instruments import Instrument
    from forcedflow.report.signals_terminal import MarketSignals
    from forcedflow.store import Lake


def run(
    *symbols: str,
    venue: str | None = None,
    by: Literal["loading", "zone", "crowding"] = "loading",
    at: str | None = None,
    lake: Path | None = None,
    json: bool = False,
) -> int:
    """Rank markets by how loaded they are, how near a cluster is, or how crowded.

    Parameters
    ----------
    symbols
        BTC, BTCUSDT or BTC/USDT:USDT; by default every contract whose open interest is held.
    venue
        Venue of the contracts; binance for named ones, every venue otherwise.
    by
        What comes first: most loaded, nearest cluster in σ, most one-sided funding.
    at
        Show exactly what was known then, such as 2026-02-05T12:00Z; now by default.
    lake
        Folder of the lake; the setting by default.
    json
        Print as JSON.
    """
    at_ms = parse_moment(at)
    held = open_lake(lake)
    chosen = [choose_instrument(held, symbol, venue or "binance") for symbol in symbols]
    found: list[MarketSignals] = []
    left_out: list[dict[str, str]] = []
    for instrument in chosen or _held(held, venue):
        try:
            found.append(read_market_signals(held, instrument, at_ms, None))
        except NoDataError as error:
            reason = str(error).split("\n")[0]
            left_out.append(
                {"symbol": instrument.symbol, "venue": instrument.venue, "reason": reason}
            )
    if not found:
        reasons = "; ".join(row["reason"] for row in left_out) or "the lake holds no open interest"
        raise NoDataError(f"{reasons}\nhint: forcedflow fetch binance BTC --from TIME")
    found.sort(key=lambda market: _order(market, by))
    if json:
        print_json(
            {
                "at": iso_time(at_ms),
                "simulated": any(market.table.simulated for market in found),
                "by": by,
                "markets": [answer(market, at_ms) for market in found],
                "left_out": left_out,
            }
        )
        return 0
    from forcedflow.report.signals_terminal import scan_table

    screen = console()
    screen.print(scan_table(found, screen.width))
    for row in left_out:
        warn(f"left out: {row['reason']}")
    return 0


def _held(lake: Lake, venue: str | None) -> list[Instrument]:
    """Every contract of which open interest is held; sums over venues are none."""
    from forcedflow.instruments import parse_symbol

    return [
        parse_symbol(symbol, own)
        for table, own, symbol in sorted(lake.series())
        if table == "open_interest" and ":" in symbol and venue in {None, own}
    ]


def _order(market: MarketSignals, by: str) -> tuple[float, ...]:
    """Ascending; what is unknown comes last, and the other two break ties."""
    keys = {
        "loading": _last_if_unknown(-market.loading.score),
        "zone": _last_if_unknown(market.nearest_sigma),
        "crowding": _last_if_unknown(-abs(market.crowding)),
    }
    return keys.pop(by), *keys.values()


def _last_if_unknown(key: float) -> float:
    return math.inf if math.isnan(key) else key
