"""The heatmap and the ladder as Plotly figures.

In:  a `LiquidationMap`, with its picture for the heatmap. [USD, quote per base]   Out: figures.
Pure: values in, values out; no I/O, no clock.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from forcedflow.heatmap.scale import to_bytes
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.units import SIDES, format_usd

COLOURS = {"long": "#ef5b6b", "short": "#1fb89a"}

# Of the picture's width, kept free at the right for the clusters' names.
_ROOM = 0.16


def heatmap_figure(mapped: LiquidationMap) -> go.Figure:
    """Return the picture: estimated notional by time and price, mark candles, clusters.

    Raises
    ------
    ValueError
        If the map was built without a picture.
    """
    picture = mapped.heatmap
    if picture is None:
        raise ValueError("the map was built without a picture")
    times = picture.columns.start_ms.astype("datetime64[ms]")
    usd = picture.total.T
    # The picture's own scale: a column's colours rest on what was known at its end, so that later
    # data never brighten or darken what was drawn.
    cells = to_bytes(picture.total, picture.even).T.astype(np.float64)
    seen = np.where(cells > 0, cells, np.nan)
    figure = go.Figure()
    figure.add_heatmap(
        x=times,
        y=picture.grid.prices,
        z=seen,
        customdata=usd,
        zmin=0,
        zmax=255,
        colorscale="Viridis",
        colorbar={"title": "if touched", "tickvals": [1, 255], "ticktext": ["little", "much"]},
        hovertemplate="%{x}<br>%{y:,.6g}<br>%{customdata:$,.3s} if touched<extra></extra>",
    )
    opened, high, low, close = picture.candles.T
    figure.add_candlestick(
        x=times,
        open=opened,
        high=high,
        low=low,
        close=close,
        name="mark",
        increasing_line_color=COLOURS["short"],
        decreasing_line_color=COLOURS["long"],
    )
    end, span = times[-1], times[-1] - times[0]
    for zone in mapped.zones():
        figure.add_shape(
            type="rect",
            x0=end,
            x1=end + span * 0.02,
            y0=zone.low,
            y1=zone.high,
            line_width=0,
            fillcolor=COLOURS[zone.side],
            opacity=0.9 if zone.major else 0.5,
        )
        figure.add_annotation(
            x=end + span * 0.025,
            y=(zone.low + zone.high) / 2,
            text=f"{zone.side}s {format_usd(zone.notional_usd)}",
            showarrow=False,
            xanchor="left",
            font={"color": COLOURS[zone.side], "size": 11},
        )
    return figure.update_layout(
        title=_title(mapped),
        template="plotly_dark",
        showlegend=False,
        xaxis={"rangeslider_visible": False, "range": [times[0], end + span * _ROOM]},
        yaxis={"title": "price", "range": _shown(low, high)},
        height=620,
    )


def ladder_figure(mapped: LiquidationMap, reach: float = 0.10) -> go.Figure:
    """Return what stands at every price, longs to the left, shorts to the right.

    Parameters
    ----------
    mapped : LiquidationMap
    reach : float
        Window on either side of the mark, as a fraction of it. [1]
    """
    grid = mapped.grid(reach)
    figure = go.Figure()
    for side, sign in zip(SIDES, (-1, 1), strict=True):
        usd = mapped.profile_usd(grid, side).sum(axis=0)
        figure.add_bar(
            y=grid.prices,
            x=sign * usd,
            customdata=usd,
            orientation="h",
            name=f"{side}s",
            marker={"color": COLOURS[side], "line_width": 0},
            hovertemplate="%{y:,.6g}<br>%{customdata:$,.3s} if touched<extra></extra>",
        )
    figure.add_hline(y=mapped.mark, line_dash="dash", annotation_text="mark")
    return figure.update_layout(
        title=_title(mapped),
        template="plotly_dark",
        barmode="relative",
        bargap=0,
        xaxis_title="estimated notional if touched [USD], longs to the left",
        yaxis_title="price",
        height=620,
    )


def _title(mapped: LiquidationMap) -> str:
    instrument = mapped.market.instrument
    simulated = "SIMULATED · " if mapped.simulated else ""
    known = np.datetime_as_string(np.datetime64(mapped.known_ms, "ms"), unit="m")
    return (
        f"{simulated}{instrument.symbol} · {instrument.venue} · known to {known}Z"
        f"<br><sup>estimates if touched, not advice; {mapped.model_words}</sup>"
    )


def _shown(low: np.ndarray, high: np.ndarray) -> list[float]:
    # As much above and below the candles as half of what they span, so that clusters are in sight.
    bottom, top = float(low.min()), float(high.max())
    room = max((top - bottom) / 2, 0.01 * top)
    return [max(bottom - room, 0.0), top + room]
