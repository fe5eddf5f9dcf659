"""The left panel of a cascade's picture: forced flow against the depth that absorbs it, by price.

In:  axes, a `Cascade`, the price axis's ends in log price.   Out: bars on the axes. [USD]
Draws on the axes it is given; nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter

from forcedflow.cascade.cascade import Cascade
from forcedflow.cascade.chain import Chain
from forcedflow.cascade.stage import Stage
from forcedflow.report import cascade_terminal as words
from forcedflow.report import palette
from forcedflow.units import format_usd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DEPTH = "#4f8fc0"
_ROWS = 150
_TO_10_90 = 1.2816


def paint_bars(axes: Axes, cascade: Cascade, low: float, high: float) -> None:
    """Paint forced flow to the left and depth to the right, in the same dollars per row."""
    height = (high - low) / _ROWS
    seen = words.depth_warning(cascade) is None
    most = 0.0
    for chain in (cascade.down, cascade.up):
        stage = chain.stage
        sign = -1.0 if chain.direction == "down" else 1.0
        distance = height * np.arange(max(2, int(_reach(stage, low, high) / height) + 2))
        forced, depth = (
            np.diff(np.interp(distance, stage.edges, total))
            for total in (stage.supply, stage.demand)
        )
        edges = np.log(stage.mark) + sign * distance
        color = palette.LONG if chain.direction == "down" else palette.SHORT
        for usd, paint, alpha in ((-forced, color, 1.0), (depth, _DEPTH, 1.0 if seen else 0.55)):
            axes.fill_betweenx(
                edges,
                np.append(usd, usd[-1]),
                step="post",
                color=paint,
                alpha=alpha,
                linewidth=0,
                zorder=3,
            )
        # The unfavourable ends of the bands: as if less were there to absorb more.
        for usd, log_sd in ((-forced, stage.forced_log_sd), (depth, -stage.depth_log_sd)):
            axes.step(
                np.append(usd, usd[-1]) * np.exp(_TO_10_90 * log_sd),
                edges,
                where="pre",
                color=palette.TEXT,
                linewidth=1.0,
                linestyle=(0, (1, 1.6)),
                alpha=0.85,
                zorder=4,
            )
        # What lies near the mark may be many times what counts further out: it is cut instead.
        most = max(most, 1.6 * float(forced.max(initial=0.0)), float(np.median(depth)))
        _shade_critical(axes, chain, sign)
    most = most or 1.0
    axes.set_xlim(-most, most)
    axes.axvline(0, color=palette.MUTED, linewidth=0.8, zorder=5)
    places = [-0.9, -0.45, 0.0, 0.45, 0.9]
    axes.xaxis.set_major_locator(FixedLocator([most * place for place in places]))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda usd, _: format_usd(abs(usd)) if usd else "0")
    )
    for place, align, text, color in (
        (0.49, "right", "forced flow if touched  ◀", palette.TEXT),
        (0.51, "left", f"▶  depth that absorbs it{'' if seen else ' (not measured)'}", _DEPTH),
    ):
        axes.text(
            place,
            1.012,
            text,
            transform=axes.transAxes,
            color=color,
            fontsize=10,
            fontweight="bold",
            ha=align,
            va="bottom",
        )
    axes.set_xlabel(
        f"USD per {100 * np.expm1(height):.2g} % of price, cut at the edges  ·  dotted: forced "
        "flow at its 90 %, depth at its 10 %  ·  amber: more forced than absorbed",
        color=palette.MUTED,
        fontsize=8,
        labelpad=4,
    )


def _reach(stage: Stage, low: float, high: float) -> float:
    here = float(np.log(stage.mark))
    room = here - low if stage.direction == "down" else high - here
    return min(room, float(stage.edges[-1]))


def _shade_critical(axes: Axes, chain: Chain, sign: float) -> None:
    """Shade where a stretch carries itself: more forced than depth can absorb there."""
    stage = chain.stage
    above = np.concatenate([[False], chain.criticality.number > 1.0, [False]])
    turns = np.flatnonzero(np.diff(above.astype(np.int8))).reshape(-1, 2)
    for first, last in turns:
        ends = np.log(stage.mark) + sign * stage.edges[[first, last]]
        axes.axhspan(*ends, color=palette.WARNING, alpha=0.13, linewidth=0, zorder=1)
