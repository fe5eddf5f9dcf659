"""The playbook's picture: heatmap and ladder, with the levels of its plans.

In:  `Playbook` with its heatmap. [quote per base, USD]   Out: PNG bytes.
Draws with matplotlib's object interface; no global figure, no clock.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from forcedflow.heatmap import Heatmap
from forcedflow.playbook.playbook import Playbook
from forcedflow.report import heatmap_png, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_MM, HEIGHT_MM = 190.0, 69.0
"""Size on paper. [mm]"""

_MM = 1 / 25.4
_DPI = 210
_ROOM = 0.045  # least distance between two labels, as a share of the axis
_ZONE_ROOM = 0.115  # the same of the ladder's, which have two lines


def draw_picture(playbook: Playbook) -> bytes:
    """Return heatmap and ladder as a PNG; a simulated market's says so across itself.

    The same playbook gives the same bytes: the picture names no program and no time.

    Parameters
    ----------
    playbook : Playbook
        With the heatmap of its style's span.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If the map was built without a picture.
    """
    mapped = playbook.situation.mapped
    heatmap = mapped.heatmap
    if heatmap is None:
        raise ValueError("the map was built without a picture")
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 6.5}):
        figure = Figure(
            figsize=(WIDTH_MM * _MM, HEIGHT_MM * _MM), dpi=_DPI, facecolor=palette.BACKGROUND
        )
        FigureCanvasAgg(figure)
        chart = figure.add_axes((0.056, 0.075, 0.666, 0.810))
        side = figure.add_axes((0.725, 0.075, 0.212, 0.810), sharey=chart)
        for axes in (chart, side):
            heatmap_png.style(axes)
        heatmap_png.paint_heat(chart, heatmap)
        heatmap_png.paint_candles(chart, heatmap)
        heatmap_png.paint_profile(side, mapped, heatmap)
        heatmap_png.mark_zones(side, list(playbook.situation.zones), heatmap, _ZONE_ROOM)
        heatmap_png.price_axis(chart, side, mapped, heatmap)
        heatmap_png.time_axis(chart, heatmap)
        for axes in figure.axes:
            axes.tick_params(labelsize=6, length=2, pad=1.5)
            axes.xaxis.label.set_fontsize(5.8)
            axes.xaxis.labelpad = 2
            for text in axes.texts:
                text.set_fontsize(5.6)
        _draw_levels(chart, playbook, heatmap)
        if mapped.simulated:
            figure.text(
                0.39,
                0.5,
                "SIMULATED",
                color=palette.TEXT,
                alpha=0.30,
                fontsize=46,
                fontweight="bold",
                ha="center",
                va="center",
                rotation=12,
            )
        written = BytesIO()
        figure.savefig(
            written, format="png", facecolor=palette.BACKGROUND, metadata={"Software": None}
        )
    return written.getvalue()


def _draw_levels(axes: Axes, playbook: Playbook, heatmap: Heatmap) -> None:
    """Draw trigger, invalidation and target of both plans; what lies outside is not drawn."""
    low, high = (float(np.log(heatmap.grid.edges[end])) for end in (0, -1))
    room = _ROOM * (high - low)
    taken = [float(np.log(playbook.situation.mark))]
    for plan in playbook.plans:
        arrow, color = ("↓", palette.LONG) if plan.direction == "down" else ("↑", palette.SHORT)
        for name, price, dash in (
            ("trigger", plan.trigger, (0, (5, 2))),
            ("target", plan.target_price, (0, (1, 1.5))),
            ("void", plan.invalidation, (0, (2, 4))),
        ):
            if price is None or not low < (level := float(np.log(price))) < high:
                continue
            axes.axhline(level, color=color, linewidth=0.8, linestyle=dash, zorder=6)
            if any(abs(level - other) < room for other in taken):
                continue
            taken.append(level)
            axes.text(
                0.006,
                level,
                f"{arrow} {name}",
                transform=axes.get_yaxis_transform(),
                color=palette.TEXT,
                fontsize=5.6,
                va="center",
                zorder=9,
                bbox={
                    "boxstyle": "round,pad=0.2",
                    "facecolor": palette.BACKGROUND,
                    "edgecolor": color,
                    "linewidth": 0.6,
                    "alpha": 0.9,
                },
            )
