"""The heatmap: how much would be force-closed at every price, over time.

In:  a ladder's picture [base coins per bin] and the mark's path.   Out: `Heatmap`. [USD per bin]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

A column shows what stood at its end and is never touched again: a level brightens only from the
bar that added to it and ends with a hard edge in the bar whose mark consumed it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forcedflow.heatmap.scale import even_spread
from forcedflow.positions import BANDS, Bars, Canvas, PriceGrid, view
from forcedflow.positions.ladder import Image
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, MINUTE_MS, F8x2

_STEPS_MS = (
    tuple(step * MINUTE_MS for step in (1, 2, 5, 10, 15, 30))
    + tuple(step * HOUR_MS for step in (1, 2, 4, 6, 12))
    + (DAY_MS, 2 * DAY_MS)
)

MOST_COLUMNS = 1000
MOST_BINS = 600


@dataclass(frozen=True, slots=True)
class Columns:
    """The time axis: which bars each column joins.

    Parameters
    ----------
    step_ms : int
        Length of a full column. [ms]
    start_ms, end_ms : ndarray of int, shape (c,)
        Column borders; the last one ends with the last bar. [UTC ms]
    of_bar : ndarray of int, shape (n,)
        Column each bar belongs to, -1 before the first.
    last_bar : ndarray of int, shape (c,)
        Bar that ends each column.
    """

    step_ms: int
    start_ms: I8
    end_ms: I8
    of_bar: I8
    last_bar: I8

    @property
    def size(self) -> int:
        """Return the number of columns."""
        return int(self.end_ms.size)


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A picture of one instrument over time.

    Parameters
    ----------
    columns : Columns
        ``c`` columns.
    grid : PriceGrid
        ``p`` price bins.
    usd : ndarray of float32, shape (c, 2, bands, p)
        Notional at the liquidation price, longs then shorts, by leverage band. [USD]
    candles : ndarray, shape (c, 4)
        Mark price open, high, low, close of each column. [quote per base]
    even : ndarray, shape (c,)
        Notional a bin would hold if one side's open interest lay evenly over ten percent of
        price: the unit of colour, known at each column's end. [USD]
    """

    columns: Columns
    grid: PriceGrid
    usd: Image
    candles: F8x2
    even: F8

    @property
    def total(self) -> F8x2:
        """Return both sides and all bands together, shape ``(c, p)``. [USD]"""
        return self.summed(range(2), range(len(BANDS)))

    def side(self, index: int) -> F8x2:
        """Return one side, all bands together, shape ``(c, p)``. [USD]"""
        return self.summed((index,), range(len(BANDS)))

    def summed(self, sides: Sequence[int], bands: Sequence[int]) -> F8x2:
        """Return some sides and bands together, shape ``(c, p)``. [USD]"""
        # Plane after plane: a sum over inner axes would walk the picture cell by cell.
        total = np.zeros((self.usd.shape[0], self.usd.shape[-1]))
        for side in sides:
            for band in bands:
                total += self.usd[:, side, band]
        return total


def lay_columns(bars: Bars, start_ms: int, most: int = MOST_COLUMNS) -> Columns:
    """Return the columns from ``start_ms`` to the last bar.

    Columns lie on multiples of their step since the epoch, so that the same moment falls into the
    same column however far the data reach.

    Raises
    ------
    ValueError
        If no bar ends after ``start_ms``.
    """
    inside = bars.end_ms > start_ms
    if not inside.any():
        raise ValueError("no bar ends inside the wanted range")
    span = int(bars.end_ms[-1]) - start_ms
    least = max(bars.step_ms, -(-span // most))
    step = next((s for s in _STEPS_MS if s >= least), -(-least // DAY_MS) * DAY_MS)
    # A bar that ends exactly on a border belongs to the column before it.
    number = (bars.end_ms[inside] - 1) // step
    numbers, last = np.unique(number[::-1], return_index=True)
    of_bar = np.full(bars.size, -1, dtype=np.int64)
    of_bar[inside] = np.searchsorted(numbers, number)
    last_bar = bars.size - 1 - last
    start = np.maximum(numbers * step, start_ms)
    return Columns(step, start, np.minimum((numbers + 1) * step, bars.end_ms[-1]), of_bar, last_bar)


def lay_prices(bars: Bars, columns: Columns, width: float, reach: float = 0.10) -> PriceGrid:
    """Return the price window: the mark's range within the columns and ``reach`` on either side."""
    shown = columns.of_bar >= 0
    low, high = bars.low[shown].min() * (1 - reach), bars.high[shown].max() * (1 + reach)
    return view(low, high, width, MOST_BINS)


def lay_canvas(bars: Bars, columns: Columns, grid: PriceGrid) -> Canvas:
    """Return the canvas on which a replay of ``bars`` paints these columns."""
    column_of = np.full(bars.size, -1, dtype=np.int64)
    column_of[columns.last_bar] = np.arange(columns.size)
    return Canvas(column_of, columns.size, grid)


def build_heatmap(
    image: Image, bars: Bars, columns: Columns, grid: PriceGrid, scale: F8x2
) -> Heatmap:
    """Return the heatmap of a painted canvas.

    Parameters
    ----------
    image : ndarray, shape (c, 2, bands, p)
        Contracts standing at each column's end. [base coins]
    bars : Bars
        All bars of the replay.
    columns : Columns
    grid : PriceGrid
    scale : ndarray, shape (n_bars, 2)
        Factor per bar and side that brings the ladder to the open interest. [1]

    Returns
    -------
    Heatmap
    """
    if image.shape != (columns.size, 2, len(BANDS), grid.size):
        raise ValueError(f"image has shape {image.shape}, the axes say otherwise")
    factor = scale[columns.last_bar].astype(np.float32)
    price = grid.prices.astype(np.float32)
    usd = image * factor[:, :, None, None] * price[None, None, None, :]
    close = bars.close[columns.last_bar]
    held = bars.open_interest[columns.last_bar] * close
    return Heatmap(
        columns=columns,
        grid=grid,
        usd=usd,
        candles=_candles(bars, columns),
        even=even_spread(held, grid.width * grid.step),
    )


def _candles(bars: Bars, columns: Columns) -> F8x2:
    shown = np.flatnonzero(columns.of_bar >= 0)
    starts = np.searchsorted(columns.of_bar[shown], np.arange(columns.size)) + shown[0]
    before = np.maximum(starts - 1, 0)
    return np.stack(
        [
            bars.close[before],
            np.maximum.reduceat(bars.high, starts),
            np.minimum.reduceat(bars.low, starts),
            bars.close[columns.last_bar],
        ],
        axis=1,
    )
