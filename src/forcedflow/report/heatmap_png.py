"""The heatmap as a PNG: bands under candles, the ladder beside them on the same price axis.

In:  a `LiquidationMap` with its picture and its zones. [USD]   Out: a PNG file.
Draws with matplotlib's object interface; no global figure, no clock.
"""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import ListedColormap
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from forcedflow.heatmap import Heatmap
from forcedflow.heatmap.scale import BRIGHTEST, DARKEST, to_bytes, to_usd
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.positions import BANDS
from forcedflow.report import palette
from forcedflow.report.basis import basis_lines
from forcedflow.report.terminal import sigma_words
from forcedflow.units import DAY_MS, F8, SIDES, format_age, format_pct, format_price, format_usd
from forcedflow.zones import Zone

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_CANDLES = 190
_LABELLED_ZONES = 4
# Lines under the chart, as fractions of the picture's height.
_LINE_STEP, _CLOSEST_LINES, _LINES_HEIGHT = 0.0158, 0.0134, 0.068


def draw_heatmap(mapped: LiquidationMap, zones: list[Zone], path: Path) -> None:
    """Write the picture; a simulated market's says so across itself.

    The same map gives the same bytes: the file names no program, no version and no time.

    Parameters
    ----------
    mapped : LiquidationMap
        With its heatmap.
    zones : list of Zone
        Clusters to mark at the right edge.
    path : Path
        File to write; its folder must exist.

    Raises
    ------
    ValueError
        If the map was built without a picture.
    """
    if mapped.heatmap is None:
        raise ValueError("the map was built without a picture")
    heatmap = mapped.heatmap
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 10}):
        figure = Figure(figsize=(16, 9), dpi=120, facecolor=palette.BACKGROUND)
        FigureCanvasAgg(figure)
        chart = figure.add_axes((0.060, 0.120, 0.690, 0.755))
        side = figure.add_axes((0.752, 0.120, 0.178, 0.755), sharey=chart)
        legend = figure.add_axes((0.060, 0.048, 0.300, 0.014))
        style(chart)
        style(side)
        paint_heat(chart, heatmap)
        paint_candles(chart, heatmap)
        paint_profile(side, mapped, heatmap)
        mark_zones(side, zones, heatmap)
        price_axis(chart, side, mapped, heatmap)
        time_axis(chart, heatmap)
        _paint_legend(legend, heatmap)
        _write_words(figure, mapped, heatmap)
        if mapped.simulated:
            watermark(figure)
        figure.savefig(path, facecolor=palette.BACKGROUND, metadata={"Software": None})


def style(axes: Axes) -> None:
    """Give a panel the dark style of every picture."""
    axes.set_facecolor(palette.PANEL)
    for spine in axes.spines.values():
        spine.set_color(palette.GRID)
    axes.tick_params(colors=palette.MUTED, length=3)


def _days(ms: F8 | float) -> F8:
    return np.asarray(ms, dtype=np.float64) / DAY_MS


def paint_heat(axes: Axes, heatmap: Heatmap) -> None:
    """Paint one raster; a stretch without data stays empty instead of being stretched over."""
    columns, grid = heatmap.columns, heatmap.grid
    place = (columns.end_ms - 1) // columns.step_ms
    place -= place[0]
    raster = np.zeros((int(place[-1]) + 1, grid.size), dtype=np.uint8)
    raster[place] = to_bytes(heatmap.total, heatmap.even)
    first = ((columns.end_ms[0] - 1) // columns.step_ms) * columns.step_ms
    colors = ListedColormap(palette.heat_table() / 255.0)
    axes.imshow(
        raster.T,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap=colors,
        vmin=0,
        vmax=255,
        extent=(
            float(_days(first)),
            float(_days(first + raster.shape[0] * columns.step_ms)),
            float(np.log(grid.edges[0])),
            float(np.log(grid.edges[-1])),
        ),
        zorder=1,
    )


def paint_candles(axes: Axes, heatmap: Heatmap) -> None:
    """Draw the mark's candles over the bands, joined where there are too many."""
    columns = heatmap.columns
    join = max(1, -(-columns.size // _MOST_CANDLES))
    starts = np.arange(0, columns.size, join)
    ends = np.minimum(starts + join, columns.size) - 1
    opened, closed = heatmap.candles[starts, 0], heatmap.candles[ends, 3]
    high = np.maximum.reduceat(heatmap.candles[:, 1], starts)
    low = np.minimum.reduceat(heatmap.candles[:, 2], starts)
    middle = _days((columns.start_ms[starts] + columns.end_ms[ends]) / 2)
    width = join * columns.step_ms / DAY_MS * 0.66
    bottom = np.log(np.minimum(opened, closed))
    # A bar that closed where it opened still shows as a line.
    top = np.maximum(np.log(np.maximum(opened, closed)), bottom + 2e-5)
    left, right = middle - width / 2, middle + width / 2
    bodies = np.stack(
        [
            np.stack([left, bottom], axis=1),
            np.stack([left, top], axis=1),
            np.stack([right, top], axis=1),
            np.stack([right, bottom], axis=1),
        ],
        axis=1,
    )
    wicks = np.stack(
        [np.stack([middle, np.log(low)], axis=1), np.stack([middle, np.log(high)], axis=1)], axis=1
    )
    colors = np.where(closed >= opened, palette.CANDLE_UP, palette.CANDLE_DOWN).tolist()
    axes.add_collection(LineCollection(list(wicks), colors=colors, linewidths=0.9, zorder=4))
    axes.add_collection(
        PolyCollection(
            list(bodies),
            facecolors=colors,
            edgecolors=palette.BACKGROUND,
            linewidths=0.3,
            zorder=5,
        )
    )


def paint_profile(axes: Axes, mapped: LiquidationMap, heatmap: Heatmap) -> None:
    """Stack bars by leverage band, and draw what is closed in all on the way to each price."""
    grid = heatmap.grid
    middle = np.log(grid.prices)
    most = 0.0
    totals = {}
    for side in SIDES:
        bands = mapped.profile_usd(grid, side)
        left = np.zeros(grid.size)
        for band, color in enumerate(palette.BAND_COLORS):
            right = left + bands[band]
            axes.fill_betweenx(middle, left, right, step="mid", color=color, linewidth=0, zorder=3)
            left = right
        totals[side] = left
        most = max(most, float(np.quantile(left[left > 0], 0.995)) if (left > 0).any() else 0.0)
    axes.set_xlim(0, most * 1.25 if most > 0 else 1.0)
    axes.xaxis.set_major_locator(FixedLocator([most * 0.5, most]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_usd(value)))
    curve = axes.twiny()
    curve.set_facecolor("none")
    for spine in curve.spines.values():
        spine.set_color(palette.GRID)
    curve.tick_params(colors=palette.MUTED, length=3)
    long_sum = np.cumsum(totals["long"][::-1])[::-1]
    short_sum = np.cumsum(totals["short"])
    below, above = grid.prices < mapped.mark, grid.prices > mapped.mark
    curve.plot(long_sum[below], middle[below], color=palette.LONG, linewidth=1.6, zorder=6)
    curve.plot(short_sum[above], middle[above], color=palette.SHORT, linewidth=1.6, zorder=6)
    reach = max(long_sum[below].max(initial=0.0), short_sum[above].max(initial=0.0))
    curve.set_xlim(0, reach * 1.05 if reach > 0 else 1.0)
    curve.xaxis.set_major_locator(FixedLocator([reach * 0.5, reach]))
    curve.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_usd(value)))
    curve.set_xlabel(
        "cumulative from the mark: longs red, shorts green",
        color=palette.MUTED,
        fontsize=9,
        labelpad=5,
    )


def mark_zones(axes: Axes, zones: list[Zone], heatmap: Heatmap, room: float = 0.048) -> None:
    """Outline zones and label the largest major ones of each side, ``room`` of the axis apart."""
    low, high = heatmap.grid.edges[0], heatmap.grid.edges[-1]
    shown = [zone for zone in zones if zone.low > low and zone.high < high]
    for zone in shown:
        color = palette.LONG if zone.side == "long" else palette.SHORT
        axes.axhspan(
            np.log(zone.low),
            np.log(zone.high),
            color=color,
            alpha=0.16 if zone.major else 0.07,
            linewidth=0,
            zorder=1,
        )
    apart = (np.log(high) - np.log(low)) * room
    taken: list[float] = []
    for side in SIDES:
        ranked = sorted((z for z in shown if z.side == side and z.major), key=lambda z: z.rank)
        for zone in ranked[:_LABELLED_ZONES]:
            at = float(np.log(zone.low * zone.high) / 2)
            if any(abs(at - other) < apart for other in taken):
                continue
            taken.append(at)
            axes.text(
                0.985,
                at,
                f"{format_usd(zone.notional_usd)}\n{format_pct(zone.distance_pct / 100)}",
                transform=axes.get_yaxis_transform(),
                color=palette.TEXT,
                fontsize=8.5,
                ha="right",
                va="center",
                linespacing=1.15,
                zorder=8,
                bbox={
                    "boxstyle": "round,pad=0.25",
                    "facecolor": palette.BACKGROUND,
                    "edgecolor": palette.LONG if side == "long" else palette.SHORT,
                    "linewidth": 0.9,
                    "alpha": 0.9,
                },
            )


def price_axis(chart: Axes, side: Axes, mapped: LiquidationMap, heatmap: Heatmap) -> None:
    """Lay round prices and the mark over both panels."""
    edges, tick = heatmap.grid.edges, mapped.market.instrument.tick_size
    chart.set_ylim(np.log(edges[0]), np.log(edges[-1]))
    chart.yaxis.set_major_locator(FixedLocator(np.log(round_prices(edges[0], edges[-1])).tolist()))
    chart.yaxis.set_minor_locator(NullLocator())
    chart.yaxis.set_major_formatter(FuncFormatter(lambda y, _: format_price(np.exp(y), tick)))
    chart.grid(axis="y", color=palette.GRID, linewidth=0.5, alpha=0.6, zorder=0)
    side.tick_params(axis="y", left=False, labelleft=False)
    level = float(np.log(mapped.mark))
    for axes in (chart, side):
        axes.axhline(level, color=palette.MARK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=7)
    side.annotate(
        format_price(mapped.mark, tick),
        xy=(1.0, level),
        xycoords=side.get_yaxis_transform(),
        xytext=(6, 0),
        textcoords="offset points",
        color=palette.BACKGROUND,
        fontsize=9.5,
        fontweight="bold",
        va="center",
        annotation_clip=False,
        bbox={"boxstyle": "round,pad=0.3", "facecolor": palette.MARK, "edgecolor": "none"},
    )


def round_prices(low: float, high: float, wanted: int = 11) -> F8:
    """Return round prices between two ends, spaced by 1, 2 or 5 times a power of ten."""
    raw = (high - low) / wanted
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw)
    ticks: F8 = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    return ticks


def time_axis(axes: Axes, heatmap: Heatmap) -> None:
    """Lay UTC times under the chart."""
    columns = heatmap.columns
    axes.set_xlim(float(_days(columns.start_ms[0])), float(_days(columns.end_ms[-1])))
    locator = AutoDateLocator(minticks=5, maxticks=10, tz=UTC)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=UTC, show_offset=False)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)


def _paint_legend(axes: Axes, heatmap: Heatmap) -> None:
    """Draw the colour ramp with what it means in dollars at the last column."""
    axes.imshow(
        np.arange(256)[None, :],
        aspect="auto",
        cmap=ListedColormap(palette.heat_table() / 255.0),
        extent=(0, 255, 0, 1),
    )
    axes.set_facecolor(palette.PANEL)
    for spine in axes.spines.values():
        spine.set_color(palette.GRID)
    axes.yaxis.set_visible(False)
    levels = (0, 64, 128, 192, 255)
    axes.xaxis.set_major_locator(FixedLocator(levels))
    even = float(heatmap.even[-1])
    axes.set_xticklabels(
        [("≥ " if level == 255 else "") + format_usd(to_usd(level, even)) for level in levels]
    )
    axes.tick_params(colors=palette.MUTED, length=2, labelsize=8.5)


def _write_words(figure: Figure, mapped: LiquidationMap, heatmap: Heatmap) -> None:
    instrument = mapped.market.instrument
    known = datetime.fromtimestamp(mapped.known_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    age = format_age(mapped.market.at_ms - mapped.known_ms)
    figure.text(
        0.060,
        0.955,
        f"{instrument.symbol}  ·  {instrument.venue}  ·  estimated liquidations if touched",
        color=palette.TEXT,
        fontsize=15,
        fontweight="bold",
        va="center",
    )
    figure.text(
        0.060,
        0.915,
        f"known to {known} ({age} old)  ·  mark "
        f"{format_price(mapped.mark, instrument.tick_size)}  ·  open interest "
        f"{format_usd(mapped.open_interest_usd)} a side  ·  σ 24 h {sigma_words(mapped)}",
        color=palette.MUTED,
        fontsize=10.5,
        va="center",
    )
    for index, (band, color) in enumerate(zip(BANDS, palette.BAND_COLORS, strict=True)):
        x = 0.690 + 0.050 * index
        figure.text(x, 0.955, "■", color=color, fontsize=10, va="center")
        figure.text(x + 0.010, 0.955, band, color=palette.MUTED, fontsize=9, va="center")
    bin_pct = 100 * np.expm1(heatmap.grid.width * heatmap.grid.step)
    basis = "  ·  ".join([mapped.model_words, *basis_lines(mapped)[1:]])
    lines = [
        (
            f"USD per bin of {bin_pct:.2f} % at the last column; colour runs from {DARKEST:g}× to "
            f"{BRIGHTEST:g}× an even spread of one side's open interest over 10 % of price"
        ),
        *textwrap.wrap(basis, 150),
        (
            "an estimate of what would be closed if touched, not of where price goes  ·  "
            "educational, not advice"
        ),
    ]
    # Many words move closer and become smaller rather than leave the picture.
    step = min(_LINE_STEP, _LINES_HEIGHT / (len(lines) - 1))
    size = 8.2 * min(1.0, step / _CLOSEST_LINES)
    for index, line in enumerate(lines):
        figure.text(
            0.390, 0.078 - step * index, line, color=palette.MUTED, fontsize=size, va="center"
        )


def watermark(figure: Figure) -> None:
    """Say across the picture and beside its title that no real market is shown."""
    figure.text(
        0.40,
        0.5,
        "SIMULATED",
        color=palette.TEXT,
        alpha=0.30,
        fontsize=110,
        fontweight="bold",
        ha="center",
        va="center",
        rotation=20,
    )
    figure.text(
        0.930,
        0.983,
        "SIMULATED: no real market",
        color=palette.BACKGROUND,
        fontsize=10.5,
        fontweight="bold",
        ha="right",
        va="center",
        bbox={"boxstyle": "round,pad=0.25", "facecolor": palette.WARNING, "edgecolor": "none"},
    )
