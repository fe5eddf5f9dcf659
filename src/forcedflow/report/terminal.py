"""The heatmap and its zones as text that reads well in a hundred columns.

In:  a `LiquidationMap` with its picture, and zones. [USD]   Out: rich text.
Pure: values in, text out; no clock. Colours degrade to shades where the terminal has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from rich.table import Table
from rich.text import Text

from forcedflow.heatmap import Heatmap
from forcedflow.heatmap.scale import to_bytes
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.report import palette
from forcedflow.report.basis import basis_lines
from forcedflow.units import SIDES, format_age, format_pct, format_price, format_usd
from forcedflow.zones import Zone

_PRICE_WIDTH = 10
_CHART_WIDTH = 62
_BAR_WIDTH = 12
_ROWS = 30
_SHADES = " ░▒▓█"

SIMULATED_LINE = " SIMULATED   a simulated exchange: no real market, no real money "
"""Stands above everything that is of the simulated exchange."""

_SIMULATED_STYLE = f"bold {palette.BACKGROUND} on {palette.WARNING}"
# Name, whether figures align right, and when the column gives way on a narrow terminal: the first
# first, those of zero never.
_ZONE_COLUMNS = (
    ("side", False, 0),
    ("from", True, 0),
    ("to", True, 0),
    ("distance", True, 0),
    ("σ 24 h", True, 3),
    ("notional", True, 6),
    ("range", True, 4),
    ("of OI", True, 5),
    ("age", True, 2),
    ("", False, 1),
)
_COLUMN_GAP = 2


def heading(mapped: LiquidationMap, width: int | None = None) -> Text:
    """Return what this is, how old it is and what it rests on, in three lines.

    A line above them says where the market is simulated.

    Parameters
    ----------
    mapped : LiquidationMap
    width : int, optional
        Characters to fit into: a line that is longer goes on in the next, never inside a figure.
    """
    instrument = mapped.market.instrument
    age = format_age(mapped.market.at_ms - mapped.known_ms)
    text = Text()
    if mapped.simulated:
        text.append(SIMULATED_LINE, _SIMULATED_STYLE)
        text.append("\n")
    name = f"{instrument.symbol} · {instrument.venue}"
    facts = (
        name,
        f"mark {format_price(mapped.mark, instrument.tick_size)}",
        f"open interest {format_usd(mapped.open_interest_usd)} a side",
        f"σ 24 h {sigma_words(mapped)}",
    )
    text.append(name, style="bold")
    text.append(_fitted(facts, "   ", width).removeprefix(name) + "\n")
    known = (f"known to {_time(mapped.known_ms)} UTC,", f"{age} before the moment asked about")
    text.append(_fitted(known, " ", width) + "\n", "dim")
    rests_on = (f"{part};" for part in mapped.model_words.split("; "))
    claims = ("estimated liquidations if touched;", *rests_on, "not advice")
    text.append(_fitted(claims, " ", width), "dim")
    return text


def _fitted(parts: tuple[str, ...], gap: str, width: int | None) -> str:
    """Join parts, in as many lines as they need; none is broken here."""
    lines = [parts[0]]
    for part in parts[1:]:
        joined = f"{lines[-1]}{gap}{part}"
        if width is None or len(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(part)
    return "\n".join(lines)


def sigma_words(mapped: LiquidationMap) -> str:
    """Return σ of the coming 24 h for people; a dash before the first return."""
    return f"{100 * mapped.sigma_day:.1f} %" if np.isfinite(mapped.sigma_day) else "–"


def heat_rows(mapped: LiquidationMap, *, color: bool, height: int = _ROWS) -> Text:
    """Return the picture: price down the left, time across, the ladder's size on the right.

    Parameters
    ----------
    mapped : LiquidationMap
        With its heatmap.
    color : bool
        Paint in colour; otherwise in shades.
    height : int
        Lines of the picture, without the line of times below it.

    Raises
    ------
    ValueError
        If the map was built without a picture.
    """
    if mapped.heatmap is None:
        raise ValueError("the map was built without a picture")
    heatmap = mapped.heatmap
    rows = np.array_split(np.arange(heatmap.grid.size), height)[::-1]
    columns = np.array_split(
        np.arange(heatmap.columns.size), min(_CHART_WIDTH, heatmap.columns.size)
    )
    level = _levels(heatmap, rows, columns)
    path = _path(heatmap, rows, columns)
    ladder = _ladder(mapped, heatmap, rows)
    most = max(float(ladder.max()), 1.0)
    table = palette.heat_table()
    edges = heatmap.grid.edges
    text = Text()
    for r, row in enumerate(rows):
        middle = float(np.sqrt(edges[row[0]] * edges[row[-1] + 1]))
        has_mark = edges[row[0]] <= mapped.mark < edges[row[-1] + 1]
        label = mapped.mark if has_mark else middle
        price = format_price(label, mapped.market.instrument.tick_size)
        text.append(f"{price:>{_PRICE_WIDTH}} ", "bold reverse" if has_mark else "dim")
        for c in range(len(columns)):
            _append_cell(text, int(level[r, c]), on_path=bool(path[r, c]), color=color, table=table)
        usd = float(ladder[r].sum())
        side = "long" if middle < mapped.mark else "short"
        bar = "█" * round(_BAR_WIDTH * usd / most) or ("▏" if usd > 0 else "")
        text.append(" ")
        text.append(f"{bar:<{_BAR_WIDTH}}", palette.LONG if side == "long" else palette.SHORT)
        text.append(f"{format_usd(usd):>8}" if usd > 0 else " " * 8, "dim")
        text.append("\n")
    text.append(_time_line(heatmap, len(columns)), "dim")
    return text


def zone_table(
    zones: list[Zone], mapped: LiquidationMap, *, most: int = 12, width: int = 100
) -> Table:
    """Return the zones, shorts above the price first, as a ladder is read.

    Parameters
    ----------
    zones : list of Zone
    mapped : LiquidationMap
        For the tick size, and for whether the market is simulated.
    most : int
        Nearest zones to show.
    width : int
        Characters to fit into; columns are left out where not all fit, ranks and ages first,
        sides, prices and distances never.
    """
    title = Text()
    if mapped.simulated:
        title.append("SIMULATED", _SIMULATED_STYLE)
        title.append(" ")
    title.append(f"zones: estimated notional force-closed if touched ({mapped.range_words})")
    table = Table(
        title=title,
        title_style="dim",
        title_justify="left",
        box=None,
        padding=(0, 1),
    )
    nearest = sorted(zones, key=lambda zone: abs(zone.distance_pct))[:most]
    rows = [
        _zone_cells(zone, mapped.market.instrument.tick_size)
        for zone in sorted(nearest, key=lambda zone: -zone.low)
    ]
    shown = columns_that_fit(_ZONE_COLUMNS, rows, width, _COLUMN_GAP)
    for place in shown:
        name, right, _ = _ZONE_COLUMNS[place]
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for cells in rows:
        table.add_row(*(cells[place] for place in shown))
    return table


def columns_that_fit(
    columns: Sequence[tuple[str, bool, int]],
    rows: Sequence[Sequence[Text | str]],
    width: int,
    gap: int,
) -> list[int]:
    """Return the places of the columns that a table of some width has room for.

    Parameters
    ----------
    columns : sequence of tuple
        Name, whether figures align right, and when it gives way: the first first, zero never.
    rows : sequence of sequences
        Cells, one per column.
    width, gap : int
        Characters to fit into, and those between two columns.
    """
    needed = [
        max([len(name), *(len(cells[place]) for cells in rows)]) + gap
        for place, (name, _, _) in enumerate(columns)
    ]
    shown = list(range(len(columns)))
    yields = sorted((turn, place) for place, (_, _, turn) in enumerate(columns) if turn)
    for _, place in yields:
        if sum(needed[kept] for kept in shown) <= width:
            break
        shown.remove(place)
    return shown


def _zone_cells(zone: Zone, tick: float | None) -> list[Text | str]:
    return [
        Text(zone.side, palette.LONG if zone.side == "long" else palette.SHORT),
        format_price(zone.low, tick),
        format_price(zone.high, tick),
        format_pct(zone.distance_pct / 100),
        f"{zone.distance_sigma:+.1f}" if np.isfinite(zone.distance_sigma) else "–",
        format_usd(zone.notional_usd),
        f"{format_usd(zone.notional_usd_low)}–{format_usd(zone.notional_usd_high)}",
        f"{100 * zone.share_of_oi:.1f} %",
        format_age(zone.age_h * 3.6e6),
        f"major #{zone.rank}" if zone.major else f"#{zone.rank}",
    ]


def basis(mapped: LiquidationMap) -> Text:
    """Return what the estimate rests on, one line per part."""
    text = Text()
    for part in basis_lines(mapped):
        text.append(f"· {part}\n", "dim")
    text.rstrip()
    return text


def _levels(
    heatmap: Heatmap, rows: list[np.ndarray], columns: list[np.ndarray]
) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Brightness of each character: mean density over the cells behind it."""
    total = heatmap.total
    cell = np.empty((len(rows), len(columns)))
    for r, row in enumerate(rows):
        band = total[:, row].mean(axis=1)
        for c, column in enumerate(columns):
            cell[r, c] = (band[column] / heatmap.even[column]).mean()
    return to_bytes(cell, np.ones(len(rows)))


def _path(
    heatmap: Heatmap, rows: list[np.ndarray], columns: list[np.ndarray]
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    edges = heatmap.grid.edges
    out = np.zeros((len(rows), len(columns)), dtype=np.bool_)
    for c, column in enumerate(columns):
        high, low = heatmap.candles[column, 1].max(), heatmap.candles[column, 2].min()
        for r, row in enumerate(rows):
            out[r, c] = edges[row[0]] <= high and low < edges[row[-1] + 1]
    return out


def _ladder(
    mapped: LiquidationMap, heatmap: Heatmap, rows: list[np.ndarray]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    usd = sum(mapped.profile_usd(heatmap.grid, side).sum(axis=0) for side in SIDES)
    return np.array([float(np.asarray(usd)[row].sum()) for row in rows])


def _append_cell(
    text: Text, level: int, *, on_path: bool, color: bool, table: palette.Rgba
) -> None:
    if not color:
        text.append("•" if on_path else _SHADES[min(4, (level + 40) // 64)])
        return
    red, green, blue, alpha = (int(v) for v in table[level])
    base = (0x10, 0x14, 0x1D)
    mixed = [
        round((v * alpha + b * (255 - alpha)) / 255)
        for v, b in zip((red, green, blue), base, strict=True)
    ]
    back = f"on rgb({mixed[0]},{mixed[1]},{mixed[2]})"
    text.append("┃" if on_path else " ", f"bold {palette.MARK} {back}" if on_path else back)


def _time_line(heatmap: Heatmap, width: int) -> str:
    first, last = _time(int(heatmap.columns.start_ms[0])), _time(int(heatmap.columns.end_ms[-1]))
    gap = " " * max(1, width - len(first) - len(last))
    return f"{'':>{_PRICE_WIDTH}} {first}{gap}{last}  now, per row"


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
