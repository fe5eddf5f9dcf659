"""The whole terminal at one moment of a live market: map, zones, latest forced closes.

In:  a `LiquidationMap`, zones, liquidation rows, the size of the terminal.   Out: one renderable.
Pure: values in, text out; no clock.
"""

from __future__ import annotations

import polars as pl
from rich.console import Group
from rich.table import Table
from rich.text import Text

from forcedflow.liquidation_map import LiquidationMap
from forcedflow.report import palette
from forcedflow.report.terminal import heading, heat_rows, zone_table
from forcedflow.units import SIDES, format_price, format_usd
from forcedflow.zones import Zone

_TALL = 40
_MOST_ZONES, _MOST_LIQUIDATIONS = 8, 6
_FEW_ZONES, _FEW_LIQUIDATIONS = 3, 3
_LEAST_HEAT, _MOST_HEAT = 8, 30
# Heading and its banner, times under the picture, titles and heads of two tables (one title may
# need two lines), status.
_FIXED_LINES = 11


def live_screen(
    mapped: LiquidationMap,
    zones: list[Zone],
    liquidations: pl.DataFrame,
    status: str,
    *,
    width: int,
    height: int,
    color: bool,
) -> Group:
    """Return everything known at this moment, cut to the terminal.

    Parameters
    ----------
    mapped : LiquidationMap
        With its heatmap.
    zones : list of Zone
    liquidations : polars.DataFrame
        Rows of that table, oldest first, of any venues.
    status : str
        The last line.
    width, height : int
        Size of the terminal. [characters]
    color : bool
        Paint in colour; otherwise in shades.

    Returns
    -------
    rich.console.Group
    """
    tall = height >= _TALL
    most_zones = _MOST_ZONES if tall else _FEW_ZONES
    most_prints = _MOST_LIQUIDATIONS if tall else _FEW_LIQUIDATIONS
    room = height - _FIXED_LINES
    room -= min(len(zones), most_zones) + min(liquidations.height, most_prints)
    heat = heat_rows(mapped, color=color, height=min(max(room, _LEAST_HEAT), _MOST_HEAT))
    lines = [heading(mapped), heat, Text(status, "dim")]
    for text in lines:
        # A line broken in two would push the rest off the screen.
        text.no_wrap, text.overflow = True, "crop"
    head, heat, last = lines
    return Group(
        head,
        heat,
        zone_table(zones, mapped, most=most_zones, width=width),
        liquidation_table(liquidations, mapped, most=most_prints),
        last,
    )


def liquidation_table(liquidations: pl.DataFrame, mapped: LiquidationMap, *, most: int) -> Table:
    """Return the latest forced closes, newest first.

    Parameters
    ----------
    liquidations : polars.DataFrame
        Rows of the table ``liquidations``, oldest first.
    mapped : LiquidationMap
        For the tick size, and for whether the market is simulated.
    most : int
        Rows to show.
    """
    simulated = "SIMULATED " if mapped.simulated else ""
    table = Table(
        title=f"{simulated}latest liquidations (UTC)",
        title_style="dim",
        title_justify="left",
        box=None,
        padding=(0, 1),
    )
    for name in ("time", "side", "venue", "feed"):
        table.add_column(name, no_wrap=True)
    for name in ("price", "value"):
        table.add_column(name, justify="right", no_wrap=True)
    tick = mapped.market.instrument.tick_size
    for row in liquidations.tail(most).reverse().iter_rows(named=True):
        long = row["side"] == SIDES[0]
        table.add_row(
            row["event_time"].strftime("%m-%d %H:%M:%S"),
            Text(row["side"], palette.LONG if long else palette.SHORT),
            row["venue"],
            row["completeness"],
            format_price(row["price"], tick),
            format_usd(row["notional_usd"]),
        )
    return table
