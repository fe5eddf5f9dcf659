"""The newest column of a heatmap, as it stands at a bar close and never changes after.

In:  `LiquidationMap`.   Out: `HeatColumn`. [USD per bin]
Free of I/O and of the clock.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forcedflow.heatmap.build import MOST_BINS
from forcedflow.heatmap.scale import even_spread
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.positions import PriceGrid, view
from forcedflow.units import SIDES

REACH = 0.10
"""How far a column reaches on either side of the mark. [1]"""


@dataclass(frozen=True, slots=True)
class HeatColumn:
    """What stands to be force-closed at every price at one moment.

    Parameters
    ----------
    start_ms, end_ms : int
        Span of the column; it shows what stood at its end. [UTC ms]
    grid : PriceGrid
        ``p`` price bins on the ladder's own lattice, so that columns join wherever they overlap.
    usd : ndarray of float32, shape (2, bands, p)
        Notional at the liquidation price, longs then shorts, by leverage band. [USD]
    candle : tuple of float
        Mark price open, high, low, close. [quote per base]
    even_usd : float
        The unit of colour: see `forcedflow.heatmap.Heatmap`. [USD]
    """

    start_ms: int
    end_ms: int
    grid: PriceGrid
    usd: np.ndarray[tuple[int, int, int], np.dtype[np.float32]]
    candle: tuple[float, float, float, float]
    even_usd: float


def build_column(mapped: LiquidationMap, start_ms: int) -> HeatColumn | None:
    """Return the column from a moment to the newest bar.

    Parameters
    ----------
    mapped : LiquidationMap
    start_ms : int
        Bars that end after it are in the column. [UTC ms]

    Returns
    -------
    HeatColumn or None
        None where no bar does.
    """
    bars = mapped.bars
    first = int(np.searchsorted(bars.end_ms, start_ms, side="right"))
    if first == bars.size:
        return None
    grid = view(
        mapped.mark * (1 - REACH), mapped.mark * (1 + REACH), mapped.ladder.width, MOST_BINS
    )
    usd = np.stack([mapped.profile_usd(grid, side) for side in SIDES]).astype(np.float32)
    opened = float(bars.close[first - 1]) if first else float(bars.close[first])
    return HeatColumn(
        start_ms=start_ms,
        end_ms=mapped.known_ms,
        grid=grid,
        usd=usd,
        candle=(
            opened,
            float(bars.high[first:].max()),
            float(bars.low[first:].min()),
            float(bars.close[-1]),
        ),
        even_usd=float(
            even_spread(np.array([mapped.open_interest_usd]), grid.width * grid.step)[0]
        ),
    )
