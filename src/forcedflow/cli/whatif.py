"""``forcedflow whatif``: what would be liquidated if the price went there.

In:  a symbol, a price or a move, a moment.   Out: both sides' answer, as text or JSON.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from forcedflow.cli.model import choose_model, follow_feed
from forcedflow.cli.options import (
    choose_instrument,
    console,
    iso_time,
    open_lake,
    parse_moment,
    print_json,
)
from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from forcedflow.liquidation_map import LiquidationMap
    from forcedflow.positions.bands import Band
    from forcedflow.positions.what_if import WhatIf

_FARTHEST = 0.9


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
        Folder of the lake; the setting by default.
    json
        Print as JSON.
    """
    from forcedflow.asof import read_market
    from forcedflow.pipeline import build_map

    if (to is None) == (move is None):
        raise UsageError("state either a price or a move\nhint: --to 70000, or --move -3%")
    fraction = None if move is None else parse_move(move)
    if to is not None and not 0 < to < float("inf"):
        raise UsageError(f"{to:g} is no price\nhint: --to 70000")
    at_ms = parse_moment(at)
    held = open_lake(lake)
    instrument = choose_instrument(held, symbol, venue)
    trained = choose_model(held, instrument, model, at_ms)
    if trained is not None:
        trained = follow_feed(held, instrument, trained, at_ms)
    mapped = build_map(read_market(held, instrument, at_ms), trained=trained)
    to_price = mapped.mark * (1 + fraction) if fraction is not None else to
    if to_price is None:
        raise AssertionError("one of the two was stated")
    if abs(to_price / mapped.mark - 1) > _FARTHEST:
        raise UsageError(
            f"{to_price:g} is more than {_FARTHEST:.0%} away from the mark price {mapped.mark:g}; "
            "no move of an hour is"
        )
    found = mapped.what_if(to_price)
    if json:
        print_json(answer(mapped, found))
    else:
        _print(mapped, found)
    return 0


def parse_move(text: str, option: str = "--move") -> float:
    """Return a move as a signed fraction; ``option`` is named where it is none.

    Examples
    --------
    >>> parse_move("-3%"), parse_move("+2.5 %")
    (-0.03, 0.025)
    """
    number = text.strip().removesuffix("%")
    try:
        fraction = float(number) / 100
    except ValueError:
        fraction = float("nan")
    if not text.strip().endswith("%") or not abs(fraction) <= _FARTHEST:
        raise UsageError(f"{text!r} is no move up to {_FARTHEST:.0%}\nhint: {option} -3%, or 2.5%")
    return fraction


def answer(mapped: LiquidationMap, found: WhatIf) -> dict[str, Any]:
    """Return the answer with everything needed to judge it."""
    instrument = mapped.market.instrument
    return {
        "symbol": instrument.symbol,
        "venue": instrument.venue,
        "simulated": mapped.simulated,
        "model": mapped.model,
        "at": iso_time(mapped.market.at_ms),
        "known_to": iso_time(mapped.known_ms),
        "mark_price": mapped.mark,
        "to_price": found.to_price,
        "move_pct": round(100 * found.move, 4),
        "open_interest_usd": round(mapped.open_interest_usd),
        "within_ms": found.length_ms,
        "standing_notional_if_touched": {side.side: side.standing.row() for side in found.sides},
        "liquidations_a_feed_would_show": None
        if found.length_ms is None
        else {
            side.side: {
                **side.feed.row(),
                "background_usd": round(side.background_usd or 0.0),
            }
            for side in found.sides
            if side.feed is not None
        },
        "curve": [
            {
                "price": float(f"{price:.7g}"),
                "move_pct": round(100 * (price / found.from_price - 1), 4),
                "long": long.row(),
                "short": short.row(),
            }
            for price, long, short in found.curve
        ],
        "assumptions": mapped.assumptions() | {"what_if": _rules(mapped)},
        "freshness": mapped.freshness(),
    }


def _rules(mapped: LiquidationMap) -> dict[str, str]:
    standing = "the map between the mark and the price, scaled to open interest; no new positions"
    if mapped.trained is not None:
        standing += "; 10–90 %, widened by the model error measured on the simulated exchange"
    rules = {"standing_notional_if_touched": standing}
    if mapped.trained is not None:
        rules["liquidations_a_feed_would_show"] = (
            f"what {mapped.trained.targets} would hold of one interval in which the mark goes "
            "straight there: level × (weights × swept + path terms); the band is of what would be "
            "realised, scatter included"
        )
    return rules


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
