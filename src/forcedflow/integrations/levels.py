"""Zones as levels for TradingView: a Pine script to paste, or CSV.

In:  zones, the symbol, the moment.   Out: text.
Pure: values in, text out; no I/O, no clock.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import fields

from forcedflow.liquidation_map import LiquidationMap
from forcedflow.units import format_usd
from forcedflow.zones import Zone

MOST_BOXES = 500
"""More boxes than that TradingView draws of no script."""

_COLUMNS = (*(field.name for field in fields(Zone)), "simulated", "model", "known_to")


def levels_csv(zones: list[Zone], mapped: LiquidationMap, as_of: str) -> str:
    """Return the zones as CSV, nearest first; a distance in σ that is not known is empty.

    Columns are those of `Zone.row`, then ``simulated``, ``model``, what the mixture is in words,
    and ``known_to``, the moment that this is a snapshot of.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=_COLUMNS, lineterminator="\n")
    writer.writeheader()
    told = {"simulated": mapped.simulated, "model": mapped.model_words, "known_to": as_of}
    for zone in zones:
        known = {
            name: "" if isinstance(value, float) and math.isnan(value) else value
            for name, value in zone.row().items()
        }
        writer.writerow({**known, **told})
    return out.getvalue()


def levels_pine(zones: list[Zone], mapped: LiquidationMap, as_of: str) -> str:
    """Return a Pine v6 indicator that draws the zones as boxes from now on.

    Parameters
    ----------
    zones : list of Zone
        Nearest first; beyond `MOST_BOXES` the farther ones are left out, and the script says so.
    mapped : LiquidationMap
        For the symbol, and for whether it is simulated.
    as_of : str
        The moment in words; it is shown on the chart, with the age of the snapshot beside it.

    Returns
    -------
    str
        Pine source.
    """
    simulated = "SIMULATED " if mapped.simulated else ""
    instrument = mapped.market.instrument
    name = f"{simulated}forcedflow {instrument.symbol} {as_of}"
    shown = zones[:MOST_BOXES]
    lines = [
        "//@version=6",
        f'indicator("{name}", shorttitle = "levels", overlay = true, max_boxes_count = 500)',
        *(["// SIMULATED: positions of a simulated exchange, no real market."] * bool(simulated)),
        "// A snapshot: estimated liquidations if touched, as of the time above.",
        "// It does not update. Not advice.",
        f"// Model: {mapped.model_words}.",
        *([f"// The nearest {len(shown)} of {len(zones)} zones."] * (len(shown) < len(zones))),
        f"KNOWN_TO = {mapped.known_ms}",
        "draw(float low, float high, string words, color tint, bool major) =>",
        "    box.new(bar_index, high, bar_index + 60, low, xloc = xloc.bar_index,",
        "      bgcolor = color.new(tint, major ? 70 : 85), border_color = color.new(tint, 40),",
        "      text = words, text_size = size.small, text_color = color.new(tint, 0),",
        "      text_halign = text.align_right)",
        "var told = table.new(position.top_right, 1, 1)",
        "if barstate.islast",
        "    hours = math.max(0, math.floor((timenow - KNOWN_TO) / 3600000))",
        f'    other = syminfo.basecurrency != "{instrument.base}"',
        f'    words = "{simulated}estimates if touched, snapshot {as_of}, " +',
        '      str.tostring(hours) + " h old" +',
        f'      (other ? "; of {instrument.base}, not of this chart" : "")',
        "    table.cell(told, 0, 0, words, text_size = size.small,",
        "      text_color = hours >= 24 or other ? color.orange : color.gray)",
        "if barstate.islastconfirmedhistory",
    ]
    for zone in shown:
        words = (
            f"{zone.side}s {format_usd(zone.notional_usd)}, {100 * zone.share_of_oi:.1f} % of OI"
        )
        tint = "color.red" if zone.side == "long" else "color.teal"
        major = "true" if zone.major else "false"
        lines.append(f'    draw({zone.low:.8g}, {zone.high:.8g}, "{words}", {tint}, {major})')
    if not zones:
        lines.append('    label.new(bar_index, close, "no zones")')
    return "\n".join(lines) + "\n"
