"""The heatmap and the ladder as Plotly figures.

In:  a `LiquidationMap`, with its picture for the heatmap. [USD, quote per base]   Out: figures.
Pure: values in, values out; no I/O, no clock.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from forcedflow.liquidation_map import LiquidationMap
from forcedflow.units import SIDES, format_usd

COLOURS = {"long": "#ef5b6b", "short": "#1fb89a"}

# Of dollars, below which a cell is empty on a logarithmic scale.
_FAINTEST_USD = 1.0


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
    seen = np.where(usd >= _FAINTEST_USD, np.log10(np.maximum(usd, _FAINTEST_USD)), np.nan)
    figure = go.Figure()
    figure.add_heatmap(
        x=times,
        y=picture.grid.prices,
        z=seen,
        customdata=usd,
        colorscale="Magma",
        colorbar={"title": "log10 USD"},
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
    for zone in mapped.zones():
        figure.add_hrect(
            y0=zone.low,
            y1=zone.high,
            line_width=1,
            line_color=COLOURS[zone.side],
            fillcolor=COLOURS[zone.side],
            opacity=0.25 if zone.major else 0.12,
            annotation_text=f"{zone.side}s {format_usd(zone.notional_usd)}",
            annotation_position="right",
        )
    return figure.update_layout(
        title=_title(mapped),
        showlegend=False,
        xaxis_rangeslider_visible=False,
        yaxis={"type": "log", "title": "price", "range": _shown(low, high)},
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
            marker_color=COLOURS[side],
            hovertemplate="%{y:,.6g}<br>%{customdata:$,.3s} if touched<extra></extra>",
        )
    figure.add_hline(y=mapped.mark, line_dash="dash", annotation_text="mark")
    return figure.update_layout(
        title=_title(mapped),
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
    # As much above and below the candles as they span themselves, so that clusters are in sight.
    bottom, top = float(np.log10(low.min())), float(np.log10(high.max()))
    room = max(top - bottom, 0.01)
    return [bottom - room, top + room]
