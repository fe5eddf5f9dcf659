"""``forcedflow whatif``: what would be liquidated if the price went there.

In:  a symbol, a price or a move, a moment.   Out: both sides' answer, as text or JSON.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from forcedflow.cli.options import (
    choose_instrument,
    console,
    open_lake,
    parse_moment,
    print_json,
)

if TYPE_CHECKING:
    from forcedflow.liquidation_map import LiquidationMap
    from forcedflow.positions.bands import Band
    from forcedflow.positions.what_if import WhatIf


def run(
    symbol: str,
    *,
    to: Annotated[float | None, Parameter(allow_leading_hyphen=True)] = None,
    move: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    venue: str = "binance",
    at: str | None = None,
    model: str | None = None,
    lake: Path | None = None,
    json: bool = False,
) -> int:
    """Estimate what would be liquidated on the way to a price.

    Parameters
    ----------
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT.
    to
        Price that the mark goes to; or state --move.
    move
        Move of the mark in percent, such as -3% or 2.5%.
    venue
        Venue of the contract.
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
    from forcedflow.answers import whatif
    from forcedflow.answers.move import parse_move

    whatif.check(to, None if move is None else 0.0)
    fraction = None if move is None else parse_move(move)
    at_ms = parse_moment(at)
    held = open_lake(lake)
    instrument = choose_instrument(held, symbol, venue)
    mapped, found = whatif.read(held, instrument, at_ms, to=to, move=fraction, model=model)
    if json:
        print_json(whatif.answer(mapped, found))
    else:
        _print(mapped, found)
    return 0


def _print(mapped: LiquidationMap, found: WhatIf) -> None:
    from rich.table import Table

    from forcedflow.report.terminal import basis, heading
    from forcedflow.units import format_age, format_pct, format_price, format_usd

    def cell(band: Band | None) -> str:
        if band is None:
            return "–"
        if not band.usd > 0:
            return format_usd(0.0)
        return f"{format_usd(band.usd)}  {format_usd(band.low)}–{format_usd(band.high)}"

    tick = mapped.market.instrument.tick_size
    screen = console()
    screen.print(heading(mapped, screen.width))
    screen.print(
        f"\nif the mark went to {format_price(found.to_price, tick)} ({format_pct(found.move)})",
        style="bold",
    )
    table = Table(box=None, padding=(0, 1))
    table.add_column("")
    for side in found.sides:
        table.add_column(f"{side.side}s", justify="right", no_wrap=True)
    table.add_row("standing notional if touched", *(cell(s.standing) for s in found.sides))
    table.add_row(
        "  of it on the prior alone",
        *(f"{100 * s.standing.prior_share:.0f} %" if s.standing.usd else "–" for s in found.sides),
    )
    if found.length_ms is not None:
        table.add_row("liquidations a feed would show", *(cell(s.feed) for s in found.sides))
        table.add_row(
            "  of it without any cluster",
            *(format_usd(s.background_usd or 0.0) for s in found.sides),
        )
    screen.print(table)
    if mapped.trained is None or found.length_ms is None:
        note = "ranges over stated priors; what a feed would show needs a trained map"
    else:
        note = (
            f"standing: {mapped.range_words}; feed: 10–90 % of what would be realised, "
            f"{mapped.trained.targets} within {format_age(found.length_ms)}, "
            f"level {mapped.trained.level:.2f} from {mapped.trained.level_of}"
        )
    screen.print(note, style="dim")
    screen.print(basis(mapped))
