"""``forcedflow zones``: the clusters of estimated liquidations around the price.

In:  a symbol, a venue, a moment.   Out: a table, or JSON with assumptions and ages.
"""

from __future__ import annotations

from pathlib import Path

from forcedflow.cli.options import (
    choose_instrument,
    console,
    open_lake,
    parse_moment,
    print_json,
)


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
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    json
        Print as JSON.
    """
    from forcedflow.answers import zones as answers
    from forcedflow.answers.model import read_map

    at_ms = parse_moment(at)
    held = open_lake(lake)
    instrument = choose_instrument(held, symbol, venue)
    mapped = read_map(held, instrument, at_ms, model)
    zones = mapped.zones()
    if json:
        print_json(answers.answer(mapped, zones))
        return 0
    from forcedflow.report.terminal import basis, heading, zone_table

    screen = console()
    screen.print(heading(mapped, screen.width))
    screen.print(zone_table(zones, mapped, most=24, width=screen.width))
    screen.print(basis(mapped))
    return 0
