"""The heatmap and the map in the JSON shapes of CoinGlass, for tools that read them.

In:  a `LiquidationMap`, for the heatmap with its picture. [USD]   Out: plain values for JSON.
Pure: no I/O, no clock.

Times are seconds and prices strings there, and are so here. The third value of a cell is the
estimated notional in USD. A column's volume is null where none is known. ``simulated`` is a
field of ours, beside theirs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from forcedflow.heatmap import Heatmap
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.positions import Bars
from forcedflow.units import SIDES


def coinglass_heatmap(mapped: LiquidationMap, faintest_usd: float = 1.0) -> dict[str, Any]:
    """Return the picture as ``{"code", "data": {y_axis, liquidation_leverage_data, ...}}``.

    Parameters
    ----------
    mapped : LiquidationMap
        With its heatmap.
    faintest_usd : float
        Cells below this are left out. [USD]

    Returns
    -------
    dict
        ``price_candlesticks`` has one candle per column, so the cells' first index points into it.

    Raises
    ------
    ValueError
        If the map was built without a picture.
    """
    if mapped.heatmap is None:
        raise ValueError("the map was built without a picture")
    heatmap = mapped.heatmap
    usd = heatmap.total
    column, row = np.nonzero(usd >= faintest_usd)
    cells = [
        [int(x), int(y), round(float(value), 2)]
        for x, y, value in zip(column, row, usd[column, row], strict=True)
    ]
    return {
        "code": "0",
        "msg": "success",
        "simulated": mapped.simulated,
        "data": {
            "y_axis": [float(f"{price:.8g}") for price in heatmap.grid.prices],
            "liquidation_leverage_data": cells,
            "price_candlesticks": _candlesticks(heatmap, mapped.bars),
        },
    }


def coinglass_map(
    mapped: LiquidationMap, reach: float = 0.25, faintest_usd: float = 1.0
) -> dict[str, Any]:
    """Return what stands at every price as ``{"code", "data": {"data": {price: [[...]]}}}``.

    Parameters
    ----------
    mapped : LiquidationMap
    reach : float
        Window on either side of the mark, as a fraction of it. [1]
    faintest_usd : float
        Prices with less are left out. [USD]

    Returns
    -------
    dict
        Under each price one row: the price, the notional, and two fields that are null there too.
    """
    grid = mapped.grid(reach)
    usd = sum(mapped.profile_usd(grid, side).sum(axis=0) for side in SIDES)
    levels = {}
    for price, held in zip(grid.prices.tolist(), np.asarray(usd).tolist(), strict=True):
        if held >= faintest_usd:
            level = float(f"{price:.8g}")
            levels[f"{level:.8g}"] = [[level, round(held, 2), None, None]]
    return {
        "code": "0",
        "msg": "success",
        "simulated": mapped.simulated,
        "data": {"data": levels},
    }


def _candlesticks(heatmap: Heatmap, bars: Bars) -> list[list[Any]]:
    turnover = bars.volume * bars.close
    inside = heatmap.columns.of_bar >= 0
    sums = np.zeros(heatmap.columns.size)
    # A column with one unknown bar has an unknown volume: NaN spreads through the sum.
    np.add.at(sums, heatmap.columns.of_bar[inside], turnover[inside])
    return [
        [
            int(start) // 1000,
            *(f"{price:.8g}" for price in candle),
            None if np.isnan(volume) else f"{volume:.4f}",
        ]
        for start, candle, volume in zip(
            heatmap.columns.start_ms, heatmap.candles, sums, strict=True
        )
    ]
