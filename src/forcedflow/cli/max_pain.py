"""``forcedflow maxpain``: around which prices the most would be closed per step of price.

In:  a symbol, a venue, a moment, a reach.   Out: a table, or JSON with assumptions and ages.
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
    reach: str = "10%",
    at: str | None = None,
    model: str | None = None,
    lake: Path | None = None,
    json: bool = False,
) -> int:
    """Say around which prices the most would be closed, on either side of the mark.

    Parameters
    ----------
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT.
    venue
        Venue of the contract.
    reach
        How far from the mark, such as 10%.
    at
        Use exactly what was known then, such as 2026-02-05T12:00Z; now by default.
    model
        prior, calibrated, or the file of a trained map, also of another venue; by default what was
        trained by then, else the prior.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    json
        Print as JSON.
    """
    from forcedflow.answers import max_pain
    from forcedflow.answers.model import read_map
    from forcedflow.answers.move import parse_move

    within = parse_move(reach, "--reach")
    max_pain.check(within)
    at_ms = parse_moment(at)
    held = open_lake(lake)
    mapped = read_map(held, choose_instrument(held, symbol, venue), at_ms, model)
    found = max_pain.read(mapped, within)
    if json:
        print_json(max_pain.answer(mapped, found, within))
        return 0

    import math

    from rich.table import Table

    from forcedflow.report.terminal import basis, heading
    from forcedflow.units import format_price, format_usd

    tick = mapped.market.instrument.tick_size
    table = Table(box=None, padding=(0, 1))
    for name in ("side", "price", "distance", "±0.25 % holds", "on the way", "vs even", "σ alone"):
        table.add_column(name, justify="left" if name == "side" else "right", no_wrap=True)
    for one in found:
        touched = one.touched_by_volatility
        table.add_row(
            f"{one.side}s",
            format_price(one.price, tick),
            f"{one.distance_pct:+.2f} %",
            format_usd(one.notional.usd),
            format_usd(one.on_the_way.usd),
            f"{one.concentration:.1f}×",
            "–" if math.isnan(touched) else f"{100 * touched:.0f} %",
        )
    screen = console()
    screen.print(heading(mapped, screen.width))
    screen.print(table if found else "nothing stands within reach")
    screen.print(
        "derived from the ladder, no forecast; σ alone: chance that a driftless walk touches the "
        "price within 24 h",
        style="dim",
    )
    screen.print(basis(mapped))
    return 0
