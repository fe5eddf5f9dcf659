"""Venues beside each other as text that fits a terminal: what trading a coin there costs.

In:  `VenueConditions`, an order. [USD]   Out: rich text and tables.
Pure: values in, text out; no I/O, no clock. What is unknown is a question mark, never a number.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from forcedflow.asof.venue_conditions import VenueConditions
from forcedflow.asof.venue_depth import BOOK_LEVELS, BothWays
from forcedflow.report import palette
from forcedflow.report.terminal import columns_that_fit
from forcedflow.tables import Completeness
from forcedflow.units import format_age, format_usd

UNKNOWN = "?"

_LOUD = f"bold {palette.BACKGROUND} on {palette.WARNING}"
_GAP = 2
_FEEDS: dict[Completeness, str] = {
    "complete": "complete",
    "sampled lower bound": "sampled",
    "unknown": "unknown",
    "none": "none",
}

# Name, whether figures align right, and when the column gives way on a narrow terminal: the first
# first, those of zero never.
_COLUMNS = (
    ("venue", False, 0),
    ("cost", True, 0),
    ("slippage", True, 0),
    ("fee", True, 4),
    ("±1 % depth", True, 0),
    (f"{BOOK_LEVELS} levels", True, 1),
    ("leverage", True, 3),
    ("liquidations", False, 5),
    ("positions", False, 2),
    ("of OI", True, 6),
)


def venues_table(
    found: Sequence[VenueConditions], base: str, order_usd: float, width: int
) -> Table:
    """Return venues beside each other, in the order they are given.

    Parameters
    ----------
    found : sequence of VenueConditions
    base : str
        The coin.
    order_usd : float
        The order that slippage is of. [USD]
    width : int
        Characters to fit into; columns are left out where not all fit.
    """
    title = Text()
    if any(one.simulated for one in found):
        title.append("SIMULATED", _LOUD)
        title.append(" ")
    title.append(f"{base} perpetuals; a market order of {format_usd(order_usd)}, costs in bps")
    table = Table(title=title, title_style="dim", title_justify="left", box=None, padding=(0, 1))
    rows = [_cells(one) for one in found]
    shown = columns_that_fit(_COLUMNS, rows, width, _GAP)
    for place in shown:
        name, right, _ = _COLUMNS[place]
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for cells in rows:
        table.add_row(*(cells[place] for place in shown))
    return table


def venue_notes(found: Sequence[VenueConditions]) -> list[str]:
    """Return what each venue's figures rest on: depth, brackets, fee, ages, and what to run.

    Parameters
    ----------
    found : sequence of VenueConditions
    """
    notes = []
    for one in found:
        name = one.instrument.venue
        if one.depth is not None:
            notes.append(f"{name}: depth {one.depth.source}")
        if one.leverage is not None:
            notes.append(f"{name}: brackets {one.leverage.source}")
        if one.fee is not None:
            notes.append(f"{name}: taker fee {one.fee.source} ({one.fee.read_on})")
        notes.append(f"{name}: newest rows {_ages(one)}{_recording(one)}")
        notes += [f"{name}: for what is unknown: {hint}" for hint in one.hints]
    return notes


def _cells(one: VenueConditions) -> list[Text | str]:
    depth, fee, leverage = one.depth, one.fee, one.leverage
    about = "" if depth is None or depth.measured else "~"
    paid = "" if depth is None or depth.book_is_fresh else "~"
    slippage = None if depth is None else depth.slippage_bps
    positions = {True: "public", False: "no", None: UNKNOWN}[one.public_positions]
    return [
        Text(one.instrument.venue, "bold"),
        UNKNOWN if one.cost_bps is None else f"{paid}{one.cost_bps:.1f}",
        UNKNOWN if slippage is None else f"{paid}{_bps(slippage.sell)}/{_bps(slippage.buy)}",
        UNKNOWN if fee is None else f"{1e4 * fee.rate:.2g}",
        UNKNOWN if depth is None else f"{about}{_both(depth.near_usd)}",
        UNKNOWN if depth is None or depth.levels_usd is None else _both(depth.levels_usd),
        UNKNOWN if leverage is None else _leverage(leverage.most, leverage.of_order),
        UNKNOWN if one.liquidations is None else _FEEDS[one.liquidations],
        positions,
        UNKNOWN if one.share_of_oi is None else f"{100 * one.share_of_oi:.0f} %",
    ]


def _bps(value: float) -> str:
    return f"{value:.1f}" if value >= 0.05 else "<0.1"


def _both(value: BothWays) -> str:
    return f"{format_usd(value.sell)}/{format_usd(value.buy)}"


def _leverage(most: float, of_order: float | None) -> str:
    return f"{most:g}×" if most == of_order else f"{most:g}× ({_times(of_order)})"


def _times(leverage: float | None) -> str:
    return UNKNOWN if leverage is None else f"{leverage:g}×"


def _ages(one: VenueConditions) -> str:
    if not one.age_ms:
        return "none held"
    return ", ".join(f"{table} {format_age(max(age, 0))}" for table, age in one.age_ms.items())


def _recording(one: VenueConditions) -> str:
    if one.unheard is None:
        return "; never recorded"
    return f"; recorded, {one.unheard or 'no'} gaps left of the last 24 h"
