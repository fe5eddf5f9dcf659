"""The cascade as a PNG: forced flow against depth by price, and the dominoes that fall in turn.

In:  a `Cascade`. [quote per base, USD]   Out: a PNG file.
Draws with matplotlib's object interface; no global figure, no clock.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from forcedflow.cascade.cascade import Cascade
from forcedflow.cascade.chain import Chain
from forcedflow.cascade.settlement import settle
from forcedflow.depth.curve import Direction
from forcedflow.report import cascade_terminal as words
from forcedflow.report import palette
from forcedflow.report.cascade_bars import paint_bars
from forcedflow.report.cascade_fall import MOST_DOMINOES, drawn_dominoes, paint_fall
from forcedflow.report.heatmap_png import round_prices, style, watermark
from forcedflow.report.terminal import sigma_words
from forcedflow.units import format_age, format_price, format_usd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# How far a way may stretch the price axis: what lies beyond is named, not drawn. [1]
_FARTHEST, _NEAREST = 0.16, 0.025
_MARGIN = 1.12


def draw_cascade(cascade: Cascade, path: Path) -> None:
    """Write the picture; a simulated market's says so across itself.

    The same cascade gives the same bytes: the file names no program, no version and no time.

    Parameters
    ----------
    cascade : Cascade
    path : Path
        File to write; its folder must exist.
    """
    low, high = _span(cascade)
    # Two dollar signs in one line are two sums of money, no formula.
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 10, "text.parse_math": False}):
        figure = Figure(figsize=(16, 9), dpi=120, facecolor=palette.BACKGROUND)
        FigureCanvasAgg(figure)
        bars = figure.add_axes((0.060, 0.190, 0.470, 0.655))
        fall = figure.add_axes((0.534, 0.190, 0.442, 0.655), sharey=bars)
        style(bars)
        style(fall)
        _price_axis(bars, fall, cascade, low, high)
        paint_bars(bars, cascade, low, high)
        paint_fall(fall, cascade, low, high)
        _write_words(figure, cascade, low, high)
        if cascade.simulated:
            watermark(figure)
        figure.savefig(path, facecolor=palette.BACKGROUND, metadata={"Software": None})


def _span(cascade: Cascade) -> tuple[float, float]:
    """Return the ends of the price axis, as log prices: what is near enough to be drawn."""
    ends = {}
    for direction in ("down", "up"):
        chain = cascade.chain(direction)
        # Distances from the start; the shock itself belongs in the picture.
        wanted = [_NEAREST]
        if direction in words.directions(cascade):
            wanted += [d.trigger_distance for d in chain.dominoes[:MOST_DOMINOES]]
            stop = chain.stop()
            if stop is not None:
                wanted += [chain.stage.distance(price) for price in stop.furthest]
            found = settle(chain.stage, cascade.start)
            if found is not None:
                wanted.append(chain.stage.distance(found.price))
        ends[direction] = _MARGIN * max(d for d in wanted if d <= _FARTHEST)
    start = float(np.log(cascade.down.stage.mark))
    mark = float(np.log(cascade.mark))
    return min(start - ends["down"], mark - _NEAREST), max(start + ends["up"], mark + _NEAREST)


def _price_axis(bars: Axes, fall: Axes, cascade: Cascade, low: float, high: float) -> None:
    tick = cascade.maps[0].market.instrument.tick_size
    bars.set_ylim(low, high)
    mark = float(np.log(cascade.mark))
    ticks = np.log(round_prices(float(np.exp(low)), float(np.exp(high))))
    # A label under that of the mark could not be read.
    clear = np.abs(ticks - mark) > 0.03 * (high - low)
    bars.yaxis.set_major_locator(FixedLocator(ticks[clear].tolist()))
    bars.yaxis.set_minor_locator(NullLocator())
    bars.yaxis.set_major_formatter(FuncFormatter(lambda y, _: format_price(np.exp(y), tick)))
    for axes in (bars, fall):
        axes.grid(axis="y", color=palette.GRID, linewidth=0.5, alpha=0.6, zorder=0)
    fall.tick_params(axis="y", left=False, labelleft=False)
    fall.set_xlim(0, 1)
    fall.xaxis.set_visible(False)
    for axes in (bars, fall):
        axes.axhline(mark, color=palette.MARK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=7)
    bars.annotate(
        format_price(cascade.mark, tick),
        xy=(0.0, mark),
        xycoords=bars.get_yaxis_transform(),
        xytext=(-5, 0),
        textcoords="offset points",
        color=palette.BACKGROUND,
        fontsize=9.5,
        fontweight="bold",
        ha="right",
        va="center",
        annotation_clip=False,
        bbox={"boxstyle": "round,pad=0.3", "facecolor": palette.MARK, "edgecolor": "none"},
        zorder=9,
    )


def _stop_words(cascade: Cascade, chain: Chain, drawn: int) -> str:
    """Return where it stops and what is not drawn, for under the panel."""
    stop = chain.stop()
    if not chain.dominoes:
        said = "no cluster stands out"
    elif drawn < len(chain.dominoes):
        tick = cascade.maps[0].market.instrument.tick_size
        beyond = format_price(chain.dominoes[drawn].trigger_price, tick)
        said = f"{len(chain.dominoes) - drawn} more from {beyond}"
    else:
        said = ""
    if stop is None:
        where = "no scenario hits the first domino"
    else:
        low, middle, high = (words.edge_price(cascade, chain, price) for price in stop.furthest)
        where = f"stops {'' if middle[0].isalpha() else 'at '}{middle} (10–90 %: {low} to {high})"
        if low == high:
            where = f"outruns all depth that is modelled, {middle}"
        if stop.n < chain.simulation.size:
            share = words.percent(stop.n / chain.simulation.size)
            where += f", once the first is hit ({share})"
    return f"{chain.direction}: {where}{'; ' if said else ''}{said}"


def _bound_words(cascade: Cascade, shown: Sequence[Direction]) -> str:
    """Return what the record took away of each way, in one line; empty where nothing."""
    said = []
    for direction in shown:
        bound = cascade.chain(direction).simulation.bound
        if bound is None or (bound.held and bound.kept == 1):
            continue
        beyond = f"{words.percent(bound.before)} of scenarios went beyond its furthest"
        taken = f"{words.percent(1 - bound.kept)} of draws, with which {beyond}"
        untouched = f"nothing, for it could not be kept: {beyond}"
        said.append(f"{direction} {taken if bound.held else untouched}")
    return f"taken away by the record's bound: {'; '.join(said)}" if said else ""


def _write_words(figure: Figure, cascade: Cascade, low: float, high: float) -> None:
    lead = cascade.maps[0]
    instrument = lead.market.instrument
    venues = " + ".join(mapped.market.instrument.venue for mapped in cascade.maps)
    known = datetime.fromtimestamp(lead.known_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    age = format_age(lead.market.at_ms - lead.known_ms)
    figure.text(
        0.060,
        0.962,
        f"{instrument.symbol}  ·  {venues}  ·  which domino falls next, an estimate",
        color=palette.TEXT,
        fontsize=15,
        fontweight="bold",
        va="center",
    )
    figure.text(
        0.060,
        0.926,
        f"known to {known} ({age} old)  ·  mark "
        f"{format_price(lead.mark, instrument.tick_size)}  ·  open interest "
        f"{format_usd(cascade.down.stage.open_interest_usd)} a side  ·  σ 24 h "
        f"{sigma_words(lead)}  ·  {lead.model_words}",
        color=palette.MUTED,
        fontsize=10,
        va="center",
    )
    begins = f"if {cascade.start.words(cascade.mark)}"
    shown = words.directions(cascade)
    if len(shown) == 1:
        found = settle(cascade.chain(shown[0]).stage, cascade.start)
        if found is not None:
            begins += f"  ·  {words.settlement_words(cascade, found)}"
    figure.text(0.060, 0.893, begins, color=palette.TEXT, fontsize=10.5, va="center")
    warning = words.depth_warning(cascade)
    if warning:
        figure.text(
            0.976,
            0.893,
            f"DEPTH NOT MEASURED  {warning}",
            color=palette.BACKGROUND,
            fontsize=9,
            fontweight="bold",
            ha="right",
            va="center",
            bbox={"boxstyle": "round,pad=0.3", "facecolor": palette.WARNING, "edgecolor": "none"},
        )
    lines = []
    for place, direction in enumerate(shown):
        chain = cascade.chain(direction)
        figure.text(
            0.540,
            0.174 - 0.021 * place,
            _stop_words(cascade, chain, len(drawn_dominoes(chain, low, high))),
            color=palette.LONG if direction == "down" else palette.SHORT,
            fontsize=9.2,
            fontweight="bold",
            va="center",
        )
        lines.append(
            f"{direction}: {words.criticality_words(cascade, chain)}  ·  "
            f"{words.structural_words(chain)}"
        )
    if bounded := _bound_words(cascade, shown):
        lines.append(bounded)
    n_strong = len(lines)
    lines += textwrap.wrap("  ·  ".join(words.cascade_basis(cascade)), 250)[:5]
    lines.append(
        "an estimate of what would follow if, not of where price goes  ·  estimate, not advice"
    )
    for index, line in enumerate(lines):
        strong = index < n_strong
        figure.text(
            0.060,
            0.122 - 0.0146 * index,
            line,
            color=palette.TEXT if strong else palette.MUTED,
            fontsize=8.6 if strong else 7.6,
            va="center",
        )
