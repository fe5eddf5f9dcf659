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

_COLUMNS = (*(field.name for field in fields(Zone)), "simulated", "model")


def levels_csv(zones: list[Zone], mapped: LiquidationMap) -> str:
    """Return the zones as CSV, nearest first; a distance in σ that is not known is empty.

    Columns are those of `Zone.row`, then ``simulated`` and ``model``, what the mixture is in words.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=_COLUMNS, lineterminator="\n")
    writer.writeheader()
    told = {"simulated": mapped.simulated, "model": mapped.model_words}
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
    mapped : LiquidationMap
        For the symbol, and for whether it is simulated.
    as_of : str
        The moment in words; it is shown on the chart.

    Returns
    -------
    str
        Pine source.
    """
    simulated = "SIMULATED " if mapped.simulated else ""
    name = f"{simulated}forcedflow {mapped.market.instrument.symbol} {as_of}"
    lines = [
        "//@version=6",
        f'indicator("{name}", overlay = true, max_boxes_count = 100)',
        *(["// SIMULATED: positions of a simulated exchange, no real market."] * bool(simulated)),
        "// Estimated liquidations if touched, as of the time above. Not advice.",
        f"// Model: {mapped.model_words}.",
        "draw(float low, float high, string words, color tint, bool major) =>",
        "    box.new(bar_index, high, bar_index + 60, low, xloc = xloc.bar_index,",
        "      bgcolor = color.new(tint, major ? 70 : 85), border_color = color.new(tint, 40),",
        "      text = words, text_size = size.small, text_color = color.new(tint, 0),",
        "      text_halign = text.align_right)",
        "if barstate.islastconfirmedhistory",
    ]
    for zone in zones:
        words = (
            f"{zone.side}s {format_usd(zone.notional_usd)}, {100 * zone.share_of_oi:.1f} % of OI"
        )
        tint = "color.red" if zone.side == "long" else "color.teal"
        major = "true" if zone.major else "false"
        lines.append(f'    draw({zone.low:.8g}, {zone.high:.8g}, "{words}", {tint}, {major})')
    if not zones:
        lines.append('    label.new(bar_index, close, "no zones")')
    return "\n".join(lines) + "\n"
