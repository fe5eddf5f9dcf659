"""``forcedflow zones``: the clusters of estimated liquidations around the price.

In:  a symbol, a venue, a moment.   Out: a table, or JSON with assumptions and ages.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from forcedflow.cli.model import choose_model
from forcedflow.cli.options import (
    choose_instrument,
    console,
    iso_time,
    open_lake,
    parse_moment,
    print_json,
)

if TYPE_CHECKING:
    from forcedflow.liquidation_map import LiquidationMap
    from forcedflow.zones import Zone


def run(
    symbol: str,
    *,
    venue: str = "binance",
    at: str | None = None,
    model: str | None = None,
    lake: Path | None = None,
    json: bool = False,
) -> int:
    """List the clusters of estimated liquidations around the price.

    Parameters
    ----------
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT.
    venue
        Venue of the contract.
    at
        Show exactly what was known then, such as 2026-02-05T12:00Z; now by default.
    model
        prior, calibrated, or the file of a trained map, also of another venue; by default what was
        trained by then, else the prior.
    lake
        Folder of the lake; the setting by default.
    json
        Print as JSON.
    """
    from forcedflow.asof import read_market
    from forcedflow.pipeline import build_map

    at_ms = parse_moment(at)
    held = open_lake(lake)
    instrument = choose_instrument(held, symbol, venue)
    trained = choose_model(held, instrument, model, at_ms)
    market = read_market(held, instrument, at_ms)
    mapped = build_map(market, trained=trained)
    zones = mapped.zones()
    if json:
        print_json(answer(mapped, zones))
        return 0
    from forcedflow.report.terminal import basis, heading, zone_table

    screen = console()
    screen.print(heading(mapped, screen.width))
    screen.print(zone_table(zones, mapped, most=24, width=screen.width))
    screen.print(basis(mapped))
    return 0


def answer(mapped: LiquidationMap, zones: list[Zone]) -> dict[str, Any]:
    """Return the zones with everything needed to judge them."""
    instrument = mapped.market.instrument
    return {
        "symbol": instrument.symbol,
        "venue": instrument.venue,
        "simulated": mapped.simulated,
        "at": iso_time(mapped.market.at_ms),
        "known_to": iso_time(mapped.known_ms),
        "mark_price": mapped.mark,
        "open_interest_usd": round(mapped.open_interest_usd),
        "sigma_24h": round(mapped.sigma_day, 5),
        "zones": [zone.row() for zone in zones],
        "assumptions": mapped.assumptions(),
        "freshness": mapped.freshness(),
    }
